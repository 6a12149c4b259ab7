# SPDX-License-Identifier: GPL-2.0
"""Debian's crash and drgn, with a core that vsbctl dump has made in the lab (job dump-cost).

The core comes out of the lab on a disk. What the debuggers read in it is compared with what the
user VM has said of itself, which the job tells in lines "core NAME VALUE".
"""

import glob
import json
import os
import subprocess
import tempfile

import cache
import host
import kernels
import packages

JOB = "dump-cost"
# A GiB and its headers fit in.
DISK_MIB = 1536
MARK = "core "
LIMIT_S = 900
HERE = os.path.dirname(os.path.abspath(__file__))
DRGN = os.path.join(HERE, "drgn-look")


def make_disk(folder):
    with open(os.path.join(folder, host.SCRATCH), "wb") as f:
        f.truncate(DISK_MIB << 20)


def programs():
    """A root folder with both debuggers."""
    def make(tmp):
        with packages.Lists(suites) as lists:
            lists.tree(("crash", "python3-drgn"), tmp)
    # Debian 12's crash 8.0.2 finds no process of Debian 12's kernel: the array at the end of struct
    # pid has no size any more; "list task_struct.tasks" finds them.
    suites = ("trixie",)
    return cache.folder("debuggers", cache.key(packages.sources(suites), 1), make)


def debug_information():
    """The vmlinux with it of the lab's guests: a package of 858 MB, of which 633 MB are kept."""
    def make(path):
        with tempfile.TemporaryDirectory(prefix="vsb-dbg-", dir=os.path.dirname(path)) as tmp:
            print("     (debug information of a kernel, once; minutes)", flush=True)
            packages.run(["apt-get", "-o", "APT::Sandbox::User=root", "download", f"{name}={version}"], tmp, "download")
            deb, = glob.glob(tmp + "/*.deb")
            # without that of the modules
            packages.run(["bash", "-o", "pipefail", "-c", 'dpkg-deb --fsys-tarfile "$0" | tar -xO '
                          '--wildcards "./usr/lib/debug/boot/vmlinux-*" >"$1"', deb, path], tmp, "unpacking")
    release = kernels.release()
    name = f"linux-image-{release}-dbg"
    version = packages.run(["dpkg-query", "-W", "-f", "${Version}", "linux-headers-" + release], "/",
                           "asking for the headers' version").strip()
    return cache.file("debug-vmlinux", cache.key(name, version, 1), make)


class Debuggers:
    """Both, with a core in FOLDER."""

    def __init__(self, folder):
        self.core = os.path.join(folder, "core")
        self.vmlinux = debug_information()
        self.inside = packages.inside(programs(), folder)

    def run(self, *command, text=""):
        r = subprocess.run([*self.inside, "--setenv", "HOME", "/tmp", "--ro-bind", HERE, HERE, *command], input=text,
                           capture_output=True, text=True, errors="replace", timeout=LIMIT_S, check=False)
        return r.returncode, r.stdout + r.stderr

    def crash(self, *commands):
        return self.run("crash", "-s", self.vmlinux, self.core, text="".join(c + "\n" for c in (*commands, "quit")))


def _whole(told, folder):
    """The core is as large as the job says, and holes are holes again."""
    core = os.path.join(folder, "core")
    with open(os.path.join(folder, host.SCRATCH), "rb") as f, open(core, "wb") as out:
        left = int(told["bytes"])
        while left and (data := f.read(min(left, 1 << 20))):
            out.write(data)
            left -= len(data)
    return left == 0


def points(lines, folder):
    """Of a job's output and the folder of its run."""
    told = dict(line[len(MARK):].split(" ", 1) for line in lines if line.startswith(MARK))
    if "bytes" not in told:
        return []
    out = []

    def point(name, holds, why):
        out.append(("ok", name, "") if holds else ("fail", name, str(why)[-3000:]))

    point("the core came out of the lab", _whole(told, folder), told)
    d = Debuggers(folder)
    release, pid, comm, said, argument, pids = (told.get(name, "nothing was told") for name in
                                                ("release", "pid", "comm", "said", "argument", "pids"))
    pids = set(pids.split())

    rc, text = d.run("crash", "--osrelease", d.core)
    point("crash without debug information: the release", (rc, text.strip()) == (0, release), text)
    rc, text = d.crash("sys")
    point("crash opens the core", rc == 0 and f"RELEASE: {release}" in text, text)
    # ">" is before those that a CPU has
    rc, text = d.crash("ps")
    rows = [line.lstrip("> ").split(None, 8) for line in text.splitlines()]
    seen = {row[0]: row[8].strip() for row in rows if len(row) == 9}
    point("crash ps: each process that the user VM has in /proc", rc == 0 and not pids - set(seen), f"{pids - set(seen)}\n{text}")
    point("crash ps: that of the random name, with its number", seen.get(pid) == comm, text)
    rc, text = d.crash(f"ps -a {pid}")
    point("crash ps -a: its arguments, by its own page table", rc == 0 and argument in text, text)
    rc, text = d.crash("log")
    point("crash log: what was written there", rc == 0 and said in text, text)
    rc, text = d.crash("bt -a")
    point("crash bt -a: where its CPU is, by the registers in the core", rc == 0 and "[exception RIP: " in text, text)

    rc, text = d.run("python3", DRGN, d.core)
    point("drgn without debug information: the release, by virtual addresses", (rc, text.strip()) == (0, release), text)
    rc, text = d.run("python3", DRGN, d.core, d.vmlinux)
    try:
        seen = json.loads(text.splitlines()[-1])
    except (ValueError, IndexError):
        point("drgn opens the core", False, text)
        return out
    point("drgn opens the core", (rc, seen["release"]) == (0, release), text)
    point("drgn: each process that the user VM has in /proc", len(pids) > 20 and not pids - set(seen["tasks"]), text)
    point("drgn: that of the random name, with its number", seen["tasks"].get(pid) == comm, text)
    point("drgn: what was written to the kernel's log", any(said in line for line in seen["log"]), text)
    return out
