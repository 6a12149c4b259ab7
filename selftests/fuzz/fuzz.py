# SPDX-License-Identifier: GPL-2.0
"""The parsers of user space, fuzzed: seeds in each run, libFuzzer's inputs when named, and clients
of vsb-console and vsb-web whose messages are spoiled.
"""

import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
SEEDS = os.path.join(HERE, "seeds")
# Seconds for each target, for the SSH server and the web gateway, when nobody says how long.
SHORT_S = 3
SSH_S = 30
WEB_S = 10
# What ends a target: one input that takes so long, or so much memory.
INPUT_S = 60
MEMORY_MIB = 1024
MAX_LEN = 16384
# clang's second word is about GLib's casts of functions; warnings are gcc's business.
CLANG = {"FUZZ": "1", "CC": "clang", "COVERAGE": "-fsanitize=fuzzer-no-link -fno-sanitize=function -Wno-error -Wno-unused-variable",
         "MAKEFLAGS": ""}


class Missing(OSError):
    """A tool is not there."""


def targets():
    return sorted(os.path.basename(p)[len("fuzz-"):-len(".c")] for p in glob.glob(HERE + "/fuzz-*.c"))


def seeds(build_dir):
    """Each seed once, with the objects of the unit tests: no compiler but theirs is needed."""
    points = []
    with tempfile.TemporaryDirectory(prefix="vsb-seeds-") as tmp:
        for name in targets():
            r = subprocess.run([os.path.join(build_dir, "tests", "fuzz-" + name), os.path.join(SEEDS, name)],
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                               timeout=300, check=False, env={**os.environ, "TMPDIR": tmp})
            said = r.stdout.rstrip().rsplit("\n", 1)[-1]
            fine = r.returncode == 0 and re.fullmatch(r"[1-9]\d* inputs", said)
            points.append(("ok" if fine else "fail", f"{name}: {said}",
                           f"exit status {r.returncode}\n{r.stdout[-4000:]}"))
    return points


def build(build_dir):
    """The same sources once more, by clang for libFuzzer. Return: folder of the programs."""
    if not shutil.which("clang"):
        raise Missing("clang is missing: package clang, and libclang-rt-dev (selftests/lab/deps.sh fuzz)")
    out = os.path.join(build_dir, "fuzz")
    r = subprocess.run(["nice", "make", "--no-print-directory", "-s", f"-j{len(os.sched_getaffinity(0))}", "-C",
                        "selftests/fuzz", "tests", "O=" + out], cwd=ROOT, env={**os.environ, **CLANG},
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
    if r.returncode:
        raise Missing(f"the targets cannot be built:\n{r.stdout[-4000:]}")
    return os.path.join(out, "tests")


class Figures:
    """What was done, for one line."""

    def __init__(self):
        self.targets = self.inputs = self.edges = self.findings = 0

    def __str__(self):
        return (f"{self.targets} targets, {self.inputs} inputs, {self.edges} edges covered, "
                f"{self.findings} findings")


def run_target(build_dir, programs, name, seconds, figures):
    """Return: a point. What it learns is kept in build/fuzz/corpus for the next time, what it finds
    in build/fuzz/found."""
    corpus = os.path.join(build_dir, "fuzz", "corpus", name)
    found = os.path.join(build_dir, "fuzz", "found", name + "-")
    os.makedirs(corpus, exist_ok=True)
    os.makedirs(os.path.dirname(found), exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="vsb-fuzz-") as tmp:
        r = subprocess.run(["nice", os.path.join(programs, "fuzz-" + name), corpus, os.path.join(SEEDS, name),
                            f"-max_total_time={seconds}", f"-timeout={INPUT_S}", f"-rss_limit_mb={MEMORY_MIB}",
                            f"-max_len={MAX_LEN}", "-print_final_stats=1", "-artifact_prefix=" + found],
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                           timeout=seconds + 600, check=False, env={**os.environ, "TMPDIR": tmp})
    units = re.search(r"number_of_executed_units: *(\d+)", r.stdout)
    edges = re.findall(r"\bcov: (\d+)", r.stdout)
    figures.targets += 1
    figures.inputs += int(units[1]) if units else 0
    figures.edges += int(edges[-1]) if edges else 0
    figures.findings += r.returncode != 0
    said = f"{name}: {units[1] if units else 0} inputs, {edges[-1] if edges else 0} edges"
    return ("ok" if r.returncode == 0 and units else "fail", said,
            f"exit status {r.returncode}; the input is in {found}*, to be tried again with "
            f"build/tests/fuzz-{name} FILE\n{r.stdout[-5000:]}")


def parsers(build_dir, seconds=SHORT_S, note=print):
    """Each target for SECONDS."""
    figures = Figures()
    programs = build(build_dir)
    points = []
    for name in targets():
        points.append(run_target(build_dir, programs, name, seconds, figures))
    note("fuzz-parsers: " + str(figures))
    return points


def _client(name, seconds, note, *program):
    """PROGRAM speaks TAP and has its figures in a line."""
    r = subprocess.run(["/usr/bin/python3", *program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                       errors="replace", timeout=seconds + 900, check=False,
                       env={**os.environ, "FUZZ_S": str(seconds)})
    for line in r.stdout.splitlines():
        if line.startswith("# mutate: "):
            note(f"{name}: " + line[len("# mutate: "):])
    points = [("ok" if not m[1] else "fail", m[2], r.stdout[-5000:])
              for m in re.finditer(r"(?m)^(not )?ok \d+ (?:- )?(\S+)", r.stdout)]
    if r.returncode or not points:
        points.append(("fail", "runs to its end", f"exit status {r.returncode}\n{r.stdout[-5000:]}"))
    return points


def ssh(build_dir, seconds=SSH_S, note=print):
    """A client whose messages are spoiled; the server is built with the sanitizers."""
    return _client("fuzz-ssh", seconds, note, os.path.join(ROOT, "selftests/clients/mutate.py"), "--server",
                   os.path.join(build_dir, "qemu-proxy/vsb-console/asan/vsb-console"))


def web(_, seconds=WEB_S, note=print):
    """The web gateway's handler of requests, between what no browser and no vsb-console says."""
    return _client("fuzz-web", seconds, note, os.path.join(ROOT, "selftests/web/mutate.py"))


TESTS = {"fuzz-seeds": seeds, "fuzz-parsers": parsers, "fuzz-ssh": ssh, "fuzz-web": web}
# Packages that nothing else needs, and minutes.
ON_REQUEST = ("fuzz-parsers", "fuzz-ssh", "fuzz-web")
