# SPDX-License-Identifier: GPL-2.0
"""Stock Debian kernels in a bare QEMU: a core of each, and what the guest itself says of the
moment in which it was made; then the attack of lab/hide, and another core.

They start as on a real machine, by the kernel's own decompressor: each boot has its kernel at
another address. The cores are kept; they are cheap to read and dear to make.
"""

import io
import json
import os
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(HERE, "lab"))
# pylint: disable=wrong-import-position
import attack
import cache
import cpio
import host
import images
import kernels

BOOT_S = 600
MEMORY_MIB = 256
# With page-table isolation, with five levels, with neither.
CPUS = {"6.1": "Skylake-Client,hle=off,rtm=off", "6.12": "max", "7.3": "qemu64"}
MODULES = ("evdev", "psmouse")

# Processes that are odd: one that is a zombie, one of another user, one in its own
# namespace, one that is stopped, one with threads' worth of files, one whose name would
# clear a screen; one runs in user mode all the time.
INIT = r"""#!/bin/busybox sh
/bin/busybox mkdir -p /bin /proc /sys /dev /tmp
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
exec >/dev/ttyS0 2>&1 </dev/null
hostname bare
while read -r m; do insmod /lib/$m.ko; done </lib/list
printf 'root:x:0:0::/:/bin/sh\nalice:x:1000:1000::/:/bin/sh\n' >/etc/passwd
mkfifo /tmp/fifo /tmp/fifo2
sh -c 'printf "e\033[2Jvil\\\\" >/proc/$$/comm; while :; do read x </tmp/fifo; done' &
su alice -c 'exec sleep 100000' &
sh -c 'sleep 0 & exec sleep 100000' &
sleep 100001 & kill -STOP $!
unshare -p -f sleep 100002 &
sh -c 'exec 7</etc/passwd 8<>/tmp/fifo2 9</proc/meminfo; exec sleep 100003' &
sh -c 'while :; do :; done' &
sleep 100005 | sleep 100006 &
sh -c 'exec 7>/tmp/gone; rm /tmp/gone; exec sleep 100007' &
sleep 100004 & victim=$!
sleep 4
echo "@@stat"
for p in /proc/[0-9]*; do
	[ ${p#/proc/} != $$ ] && cat $p/stat && grep ^Uid $p/status
done
echo "@@modules"
cat /proc/modules
echo "@@symbols"
grep -v '\[' /proc/kallsyms | awk 'NR % 499 == 1 { print $1, $3 }'
grep -v '\[' /proc/kallsyms | wc -l
echo "@@files"
for p in /proc/[0-9]*/fd/*; do echo "$p $(readlink "$p")"; done | grep -v "^/proc/$$/"
echo "@@text"
grep -E ' (_text|_stext|_etext|sys_call_table|init_task)$' /proc/kallsyms
echo "@@btime"
grep btime /proc/stat
echo "@@release"
uname -r
echo "@@end"
read x </dev/ttyS1
has() { if "$@" >/dev/null 2>&1; then echo yes; else echo no; fi; }
say() { echo "$1 kill $(has kill -0 $victim) ps $(has sh -c 'ps | grep -q 10000[4]') module $(has grep -q ^hide /proc/modules) uname $(uname -r)"; }
echo "@@attack"
echo "victim $victim"
say before
insmod /lib/hide.ko pid=$victim syscall=1 self=1 || echo failed
say after
echo "@@attacked"
while :; do sleep 100000; done
"""


def _initramfs(kernel, hide):
    out = io.BytesIO()
    w = cpio.Writer(out)
    for d in ("proc", "sys", "etc", "lib"):
        w.dir(d)
    w.node("dev/console", 0o600, 5, 1)
    w.copy("bin/busybox", images.BUSYBOX)
    w.link("bin/sh", "busybox")
    w.file("init", INIT, 0o755)
    names = kernel.closure(MODULES)
    for m in names:
        w.copy(f"lib/{m}.ko", kernel.module(m))
    w.copy("lib/hide.ko", hide)
    w.file("lib/list", "".join(m + "\n" for m in names))
    w.close()
    return out.getvalue()


class Monitor:
    """QMP of a QEMU."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.file = self.socket.makefile("rw", encoding="utf-8")
        self.file.readline()
        self.ask("qmp_capabilities")

    def ask(self, what, **arguments):
        json.dump({"execute": what, "arguments": arguments}, self.file)
        self.file.write("\n")
        self.file.flush()
        while True:
            answer = json.loads(self.file.readline())
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise cache.Error(f"QEMU: {what}: {answer['error'].get('desc')}")


def _image(kernel):
    for path in (kernel.image, os.path.join(kernel.modules, "vmlinuz")):
        if os.path.exists(path):
            return path
    raise cache.Error(f"{kernel.release} has no vmlinuz")


class Guest:
    """One that runs, in one thread: what has a core for itself meanwhile keeps it."""

    def __init__(self, series, folder):
        self.series, self.folder = series, folder
        kernel = kernels.kernel(series)
        with open(self.path("initrd"), "wb") as f:
            f.write(_initramfs(kernel, attack.module(series)))
        self.qemu = subprocess.Popen(  # pylint: disable=consider-using-with
            [images.QEMU, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
             "-machine", "pc", "-accel", "tcg,thread=single", "-cpu", CPUS[series], "-smp", "2", "-m", str(MEMORY_MIB),
             "-kernel", _image(kernel), "-initrd", self.path("initrd"),
             "-append", "console=ttyS0 tsc=reliable loglevel=3 rdinit=/init panic=-1",
             "-serial", "file:" + self.path("console"),
             "-serial", f"unix:{self.path('go')},server=on,wait=off",
             "-qmp", f"unix:{self.path('qmp')},server=on,wait=off"],
            cwd=folder, env=host.environment(folder), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def says(self):
        if not os.path.exists(self.path("console")):
            return ""
        with open(self.path("console"), encoding="utf-8", errors="replace") as f:
            return f.read()

    def wait(self, mark):
        until = time.monotonic() + BOOT_S
        while mark not in self.says():
            if self.qemu.poll() is not None or time.monotonic() > until:
                self.end()
                raise cache.Error(f"Linux {self.series} in a bare QEMU: no {mark}:\n{self.says()[-2000:]}\n"
                                  f"{self.qemu.stderr.read()}")
            time.sleep(0.5)
        time.sleep(1)

    def dump(self, to):
        monitor = Monitor(self.path("qmp"))
        monitor.ask("stop")
        monitor.ask("dump-guest-memory", paging=False, protocol="file:" + self.path("core"))
        monitor.ask("cont")
        monitor.socket.close()
        # zeros become holes
        subprocess.run(["cp", "--sparse=always", self.path("core"), to], check=True)
        os.chmod(to, 0o644)
        os.unlink(self.path("core"))

    def go_on(self):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(self.path("go"))
            s.sendall(b"\n")

    def end(self):
        self.qemu.kill()
        self.qemu.wait()


def core(series):
    """A folder with "core", "core.attacked", and "truth": what the guest says."""
    def make(tmp):
        with tempfile.TemporaryDirectory(prefix="vsb-bare-") as folder:
            guest = Guest(series, folder)
            try:
                guest.wait("@@end")
                guest.dump(os.path.join(tmp, "core"))
                guest.go_on()
                guest.wait("@@attacked")
                guest.dump(os.path.join(tmp, "core.attacked"))
            finally:
                guest.end()
            with open(os.path.join(tmp, "truth"), "w", encoding="utf-8") as f:
                f.write(guest.says())

    with open(__file__, encoding="utf-8") as f:
        me = f.read()
    return cache.folder("core" + series, cache.key(attack.module(series), me), make)


def truth(folder):
    """{section: lines}"""
    sections, lines = {}, []
    with open(os.path.join(folder, "truth"), encoding="utf-8", errors="replace") as f:
        for line in f.read().replace("\r", "").splitlines():
            if line.startswith("@@"):
                lines = sections.setdefault(line[2:], [])
            else:
                lines.append(line)
    return sections
