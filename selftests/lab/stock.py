# SPDX-License-Identifier: GPL-2.0
"""KVM's own selftests for x86, of Debian's package linux-source-6.1, as they are there: programs
for the job kvm-selftests."""

import concurrent.futures
import glob
import os
import re
import subprocess
import tempfile

import cache
import kerneltree

FOLDER = "lab/stock/"
WANTED = ["*/tools/include/*", "*/tools/arch/x86/include/*", "*/tools/lib/rbtree.c",
          "*/tools/testing/selftests/*.h", "*/tools/testing/selftests/kvm/*",
          "*/tools/testing/selftests/rseq/*"]
# As their Makefile has them; static, whatever C library the host has.
FLAGS = ["-std=gnu99", "-O2", "-g", "-w", "-D_GNU_SOURCE", "-U_FORTIFY_SOURCE", "-fno-stack-protector", "-fno-PIE"]
# What two of them lack in this version of Linux: the name of a macro, and the headers that a
# kernel tree has installed.
MORE = {"dirty_log_test": ["-DTEST_ASSERT_EQ=ASSERT_EQ"], "steal_time": ["-include", "linux/stddef.h"]}
# As an emulated host has memory and time for. Not at all: hardware_disable_test, whose 512 VMs
# take hours on one CPU.
ARGUMENTS = {"demand_paging_test": "-b 16M", "dirty_log_perf_test": "-b 16M -i 2", "dirty_log_test": "-i 3",
             "kvm_page_table_test": "-b 16M", "memslot_perf_test": "-l 1",
             "memslot_modification_stress_test": "-b 16M"}
TOO_LONG = ("hardware_disable_test",)
# A test that runs a guest of its guest calls one of these.
NESTED = re.compile(r"\b(vcpu_alloc_vmx|vcpu_alloc_svm|vcpu_nested_state_set)\(")


def _cc(*arguments):
    r = subprocess.run(["gcc", *arguments], capture_output=True, text=True, errors="replace", check=False)
    if r.returncode:
        raise cache.Error(f"KVM's selftests do not build: gcc {' '.join(arguments)}\n{r.stderr[-3000:]}")


def _sources(kvm):
    """{name: source} of those that the Makefile has for x86, and are a program."""
    with open(os.path.join(kvm, "Makefile"), encoding="utf-8") as f:
        names = re.findall(r"^TEST_GEN_PROGS_x86_64 \+?= (\S+)$", f.read(), re.M)
    return {os.path.basename(n): os.path.join(kvm, n + ".c") for n in names if os.path.basename(n) not in TOO_LONG}


def _build(tree, into):
    tools = os.path.join(tree, "tools")
    selftests = os.path.join(tools, "testing/selftests")
    kvm = os.path.join(selftests, "kvm")
    # what they say has names of files
    flags = [*FLAGS, f"-ffile-prefix-map={kvm}/=", *("-I" + p for p in (f"{tools}/include", f"{tools}/arch/x86/include", f"{kvm}/include",
                                          f"{kvm}/include/x86_64", f"{selftests}/rseq", selftests, f"{kvm}/lib",
                                          kvm, f"{kvm}/x86_64"))]
    objects = {f"{tree}/{re.sub('/', '-', os.path.relpath(s, kvm))}.o": s
               for s in glob.glob(f"{kvm}/lib/*.c") + glob.glob(f"{kvm}/lib/x86_64/*.[cS]")}
    tests = _sources(kvm)
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        list(pool.map(lambda o: _cc(*flags, *(["-ffreestanding"] if "string_override" in o else []),
                                    "-c", "-o", o, objects[o]), objects))
        list(pool.map(lambda t: _cc(*flags, *MORE.get(t, ()), "-static", "-no-pie", "-pthread", "-s",
                                    "-o", os.path.join(into, t), tests[t], *objects), tests))
    nested = []
    for name, source in sorted(tests.items()):
        with open(source, encoding="utf-8") as f:
            if NESTED.search(f.read()):
                nested.append(name)
    for name, content in (("all", sorted(tests)), ("nested", nested)):
        with open(os.path.join(into, name + ".list"), "w", encoding="ascii") as f:
            f.write("".join(f"{n} {ARGUMENTS.get(n, '')}".rstrip() + "\n" for n in content))


def _make(tmp):
    with tempfile.TemporaryDirectory(prefix="vsb-stock-") as tree:
        r = subprocess.run(["tar", "-xJf", kerneltree.tarball(), "-C", tree, "--strip-components=1", "--wildcards",
                            *WANTED], capture_output=True, text=True, errors="replace", check=False)
        if r.returncode:
            raise cache.Error(f"unpacking {kerneltree.tarball()}:\n{r.stderr[-3000:]}")
        _build(tree, tmp)


def files(vendor):
    """{place in L0: path}; of Bochs only those that are nested."""
    with open(__file__, encoding="utf-8") as f:
        folder = cache.folder("kvm-stock", cache.key(kerneltree.identity(), f.read()), _make)
    names = "all" if vendor == "amd" else "nested"
    tests = os.path.join(folder, names + ".list")
    with open(tests, encoding="ascii") as f:
        return {FOLDER + "list": tests,
                **{FOLDER + line.split()[0]: os.path.join(folder, line.split()[0]) for line in f}}
