# SPDX-License-Identifier: GPL-2.0
"""A kernel for L0 that checks itself: linux-source-6.1 with debug.config, built once.

What no stock kernel says of a module it says: memory used after it was freed, locks that could
deadlock, sleep where there must be none, what was never freed (l0-jobs asks kmemleak).
"""

import glob
import os
import re
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
# pylint: disable=wrong-import-position
import cache
import kernels
import kerneltree
import packages

NAME = "debug"          # among the kernels of the lab
HERE = os.path.dirname(os.path.abspath(__file__))
CONFIG = os.path.join(HERE, "debug.config")

# Of drivers that are not built only what says so is wanted.
WITHOUT = ("*/tools/testing/*", "*/Documentation/[a-z]*", "*/drivers/gpu/*.[ch]",
           "*/drivers/net/ethernet/*.[ch]", "*/drivers/net/wireless/*.[ch]", "*/drivers/media/*.[ch]",
           "*/drivers/staging/*.[ch]", "*/sound/*.[ch]", "*/*.dts*")
# What building a module takes
KEPT = (".config", "Makefile", "Module.symvers", "include", "scripts", "arch/x86/include",
        "arch/x86/Makefile", "arch/x86/Makefile_32.cpu", "tools/objtool/objtool")
MAKE = ("make", "-s")


def _wanted():
    with open(CONFIG, encoding="ascii") as f:
        return re.findall(r"^CONFIG_\w+=.*$", f.read(), re.M)


def _configure(src):
    """All that is not asked for is off; what is asked for has to be there."""
    packages.run(["make", "-s", f"KCONFIG_ALLCONFIG={CONFIG}", "allnoconfig"], src, "configuring",
                 {"MAKEFLAGS": ""})
    with open(os.path.join(src, ".config"), encoding="utf-8") as f:
        have = set(f.read().splitlines())
    if missing := [w for w in _wanted() if w not in have]:
        raise cache.Error(f"Linux {kerneltree.SERIES} does not take {' '.join(missing)} of {CONFIG}")


def _unpack(src):
    os.mkdir(src)
    packages.run(["tar", "-xJf", kerneltree.tarball(), "--strip-components=1", "--wildcards",
                  *("--exclude=" + w for w in WITHOUT), "-C", src], "/", "unpacking the kernel's sources")


def _build(src):
    packages.run([*MAKE, f"-j{len(os.sched_getaffinity(0))}", "bzImage", "modules"], src,
                 "building the debug kernel", {"MAKEFLAGS": ""})


def _keep(src, tmp):
    """What is needed of it, in the folder TMP."""
    packages.run([*MAKE, "modules_install", f"INSTALL_MOD_PATH={tmp}", "INSTALL_MOD_STRIP=1"], src,
                 "installing its modules", {"MAKEFLAGS": ""})
    rel, = os.listdir(os.path.join(tmp, "lib/modules"))
    os.makedirs(os.path.join(tmp, "boot"))
    # QEMU takes one as well. The PVH entry, by which it starts an ELF image, is no way: it runs
    # before there is a shadow that KASAN looks at.
    shutil.copy(os.path.join(src, "arch/x86/boot/bzImage"), os.path.join(tmp, "boot/vmlinux-" + rel))
    for name in ("build", "source"):
        os.unlink(os.path.join(tmp, "lib/modules", rel, name))
    tree = os.path.join(tmp, "tree")
    for name in KEPT:
        os.makedirs(os.path.dirname(os.path.join(tree, name)), exist_ok=True)
        shutil.move(os.path.join(src, name), os.path.join(tree, name))
    for name in glob.glob(os.path.join(tree, "scripts/**/*.o"), recursive=True):
        os.unlink(name)


def _make(tmp):
    src = os.path.join(tmp, "src")
    print("lab: building the debug kernel; once, for 15 minutes or more", file=sys.stderr, flush=True)
    _unpack(src)
    _configure(src)
    _build(src)
    _keep(src, tmp)
    shutil.rmtree(src)


def _folder():
    with open(CONFIG, "rb") as f:
        config = f.read()
    version = packages.run(["gcc", "--version"], "/", "asking for the compiler").splitlines()[0]
    return cache.folder("linux-debug", cache.key(kerneltree.identity(), config, version, MAKE, 2), _make)


def kernel():
    path = _folder()
    return kernels.Kernel(path, os.listdir(os.path.join(path, "lib/modules"))[0])


def source_folder(build_dir, arguments):
    """Where module() builds."""
    name = "-".join(["kvm-vsbypass", NAME, *arguments]).lower().replace("=y", "").replace("_", "-")
    return os.path.join(os.path.abspath(build_dir), name, "src")


def module(build_dir, *arguments):
    """The module for this kernel, in the build's folder; ARGUMENTS are make's."""
    source = source_folder(build_dir, arguments)
    made = os.path.dirname(source)
    top = os.path.join(HERE, "../..")
    tree = os.path.join(_folder(), "tree")
    with cache.lock("module-" + NAME):
        packages.run([os.path.join(top, "selftests/mirror"), os.path.join(top, "kvm-vsbypass"), source],
                     "/", "copying the module's sources")
        r = subprocess.run(["make", "-s", "-C", tree, "M=" + source, "CONFIG_KVM_VSBYPASS=m",
                            *arguments, "modules"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           text=True, errors="replace", check=False, env={**os.environ, "MAKEFLAGS": ""})
        if r.returncode:
            raise cache.Error(f"the module does not build for the debug kernel:\n{r.stdout[-3000:]}")
        shutil.copy(os.path.join(source, "kvm-vsbypass.ko"), made)
    return os.path.join(made, "kvm-vsbypass.ko")


if __name__ == "__main__":
    try:
        print(kernel().vmlinux)
    except cache.Error as e:
        sys.exit(f"debugkernel: {e}")
