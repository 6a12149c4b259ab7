# SPDX-License-Identifier: GPL-2.0
"""The emulated hosts: a process that runs L0, with two serial ports.

COM1 takes L0's kernel log into a file. COM2 is a pseudo terminal whose other
end is ours: jobs report there, or a person types.

What an emulator would take from the machine that it runs on is said here:
environment, limits, sound, screen, clock, names of files (all in its working
folder). From the machine come the programs ($PATH) and a core.
"""

import contextlib
import os
import pty
import shutil
import signal
import socket
import subprocess
import time
import tty

import bochs
import cache

# tsc=reliable: the emulators' TSC is, but the check compares it with timers
# that a busy machine delays. watchdog_thresh: emulated CPUs are 50 times
# slower than real ones and share the machine with others, so the detectors of
# lock-ups and RCU stalls get 6 times their usual time; all stay on.
# init_on_alloc: a page is 4,096 instructions of "rep stosb" to Bochs.
CMDLINE = ("console=ttyS0,115200 nokaslr mitigations=off tsc=reliable panic=-1 "
           "watchdog_thresh=60 rcupdate.rcu_cpu_stall_timeout=126 log_buf_len=8M loglevel=6 "
           "init_on_alloc=0 rdinit=/init")


HERE = os.path.dirname(os.path.abspath(__file__))

LAST_LINES = 20         # of a log, for who has to find out why an emulator ended

# Seconds since 1970 when L0 boots: the emulators would take the machine's time, be it
# wrong or in a zone where the day is another.
BOOT_TIME = 1700000000

# As much of each limit as the machine allows: the memory of L0 is the emulator's. But no
# core files, which would be as large, and no more descriptors than any program wants: some
# close all that there could be.
LIMITS = """\
for l in d f m s t u v; do ulimit -S -$l "$(ulimit -H -$l)"; done 2>/dev/null
ulimit -S -s 8192 2>/dev/null; ulimit -S -n 1024 2>/dev/null; ulimit -c 0
exec "$@"
"""


def environment(folder):
    """All that an emulator's environment has. Without DISPLAY and audio server, and with
    no home that has settings for it or its libraries."""
    return {"PATH": os.environ.get("PATH") or os.defpath, "HOME": folder, "TMPDIR": folder,
            "XDG_RUNTIME_DIR": folder, "LC_ALL": "C", "TZ": "UTC", "TERM": "dumb"}


def run(command, folder=None):
    """FOLDER: for what it makes on its way, and may leave there."""
    env = {**os.environ, "TMPDIR": folder} if folder else None
    r = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    if r.returncode:
        raise cache.Error(f"{' '.join(command)}: {r.stderr}")
    return r.stdout


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


# A disk of the AMD host, if it is in the working folder: what a job leaves there is for us.
SCRATCH = "scratch"


class Host:
    """One running L0. Subclasses know the emulator."""

    def __init__(self, workdir, kernel, initrds, person=False, disk=None):
        self.dir = workdir
        self.disk = disk        # an image, which stays as it is
        self.person = person    # somebody sits there, whose time is real
        self.kernel = kernel
        self.initrds = initrds
        # as the emulator has them: a path may have characters that its options do not take
        self.com1 = "com1.log"
        self.master, slave = pty.openpty()
        tty.setraw(slave)
        # kept open: without a user of the slave, reading the master is an error
        self.slave = slave
        self.com2 = os.ttyname(slave)
        self.proc = None
        self.ssh_port = None

    def join_initrds(self, path):
        with open(path, "wb") as out:
            for part in self.initrds:
                with open(part, "rb") as f:
                    shutil.copyfileobj(f, out, 1 << 20)

    def start(self):
        if self.disk:
            os.symlink(self.disk, os.path.join(self.dir, "disk"))
        self.prepare()
        self.log = open(os.path.join(self.dir, "emulator.log"), "wb")
        # In a session of its own, out of reach of who ends us; it ends when this thread does.
        self.proc = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "sh", "-c", LIMITS, "sh",
                                      *self.command()],
                                     cwd=self.dir, env={**environment(self.dir), **self.more_env()},
                                     umask=0o077,
                                     stdin=subprocess.PIPE,
                                     stdout=self.log, stderr=subprocess.STDOUT,
                                     start_new_session=True)
        # one that has ended already says why in its log
        with contextlib.suppress(BrokenPipeError):
            self.started()

    def more_env(self):
        """What it has beside environment()."""
        return {}

    def started(self):
        """What the emulator wants to be told first."""

    def alive(self):
        return self.proc is not None and self.proc.poll() is None

    LOGS = ("emulator.log", "bochs.log", "com1.log")

    def last_words(self):
        """How the emulator ended, if it has, and the last lines of its logs."""
        out = []
        if self.proc is None:
            out.append("the emulator was not started")
        elif self.proc.poll() is not None:
            rc = self.proc.returncode
            out.append(f"the emulator ended with exit status {rc}" if rc >= 0 else
                       f"the emulator was killed by signal {-rc} ({signal.strsignal(-rc)})")
        for name in self.LOGS:
            try:
                with open(os.path.join(self.dir, name), encoding="utf-8", errors="replace") as f:
                    lines = f.read().splitlines()[-LAST_LINES:]
            except OSError:
                continue
            out.append(f"end of {name}:" if lines else f"{name} is empty")
            out += ["  " + line for line in lines]
        return "\n".join(out)

    def stop(self):
        if self.alive():
            self.proc.kill()
        if self.proc:
            self.proc.wait()
            self.log.close()
        os.close(self.slave)
        os.close(self.master)


class Amd(Host):
    """QEMU's TCG: SVM with nested paging, and a network card for SSH."""

    MEMORY = 3072

    def prepare(self):
        self.join_initrds(os.path.join(self.dir, "initrd"))
        program = os.path.join(self.dir, "tsc-khz")
        run(["gcc", "-O2", os.path.join(HERE, "tsc-khz.c"), "-o", program], self.dir)
        self.tsc_khz = run([program]).strip()
        self.ssh_port = free_port()
        self.shell_port = free_port()

    # What follows comes from faults of TCG 7.2. The hangs were seen here, the causes
    # in QEMU are our reading of them:
    # - With several CPUs one may keep a stale translation of an instruction that
    #   another is patching (ftrace turns it into int3 for a moment), and trap on
    #   it for ever. So there is one CPU.
    # - With -icount, whenever the instruction budget ends, the interrupt that
    #   L0 injected last is delivered once more (helper_vmrun() leaves it in
    #   exception_index), into code of L1 that has interrupts off: L1 deadlocks.
    #   So time is real time.
    # - (read, not seen) do_vmexit() clears a bit of interrupt_request without the
    #   lock under which the thread that runs the timers sets one. Both on one
    #   CPU of ours, that is one instruction.
    CPUS = 1

    def command(self):
        return ["taskset", "-c", str(max(os.sched_getaffinity(0))),
                "qemu-system-x86_64", "-machine", "pc,pcspk-audiodev=none",
                "-accel", "tcg,thread=multi,tb-size=512", "-cpu", "EPYC,+svm,+npt",
                "-smp", str(self.CPUS), "-m", str(self.MEMORY), "-nodefaults", "-no-user-config",
                "-display", "none", "-audiodev", "none,id=none", "-no-reboot",
                "-rtc", "base=" + time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(BOOT_TIME)),
                # for whoever asks why it hangs: "info registers"
                "-monitor", "unix:monitor,server=on,wait=off",
                "-kernel", self.kernel.vmlinux, "-initrd", "initrd", "-append",
                f"{CMDLINE} nohz=off highres=off tsc_early_khz={self.tsc_khz}",
                "-serial", "file:" + self.com1,
                "-chardev", "serial,id=com2,path=" + self.com2, "-serial", "chardev:com2",
                # restrict: the machine's network and its name servers are none of L0's
                "-netdev", f"user,id=n,restrict=on,hostfwd=tcp:127.0.0.1:{self.ssh_port}-:2222,"
                f"hostfwd=tcp:127.0.0.1:{self.shell_port}-:24",
                "-device", "virtio-net-pci,netdev=n,romfile="] + \
            (["-drive", "file=disk,format=raw,if=virtio,snapshot=on"] if self.disk else []) + \
            (["-drive", f"file={SCRATCH},format=raw,if=virtio"] if os.path.exists(os.path.join(self.dir, SCRATCH)) else [])

    def started(self):
        with open(os.path.join(self.dir, "shell-port"), "w", encoding="ascii") as f:
            print(self.shell_port, file=f)


class Intel(Host):
    """Bochs: VMX with EPT. It counts instructions, so its time is its own."""

    MEMORY = 2048   # the package's limit
    IPS = 50_000_000
    # Bochs' XSAVE sizes do not add up; the kernel warns and goes on without.
    # tsc_early_khz: instructions to a millisecond of L0's time. By CPUID they would
    # be 3.5 million: a second of idle time, which Bochs counts down ten at a time,
    # takes a minute. The fewer, the more of them go into the ticks of three kernels.
    # clearcpuid=ht: leaf 4 says eight cores, leaf 1 one CPU; kernels since 6.9 warn.
    MORE = " noxsave clearcpuid=ht tsc_early_khz=350000"

    def prepare(self):
        self.bochs = bochs.Bochs()
        tree = os.path.join(self.dir, "iso")
        os.makedirs(os.path.join(tree, "isolinux"))
        self.join_initrds(os.path.join(tree, "initrd"))
        os.symlink(self.kernel.vmlinux, os.path.join(tree, "vmlinux"))
        run(["gcc", "-m32", "-O2", "-ffreestanding", "-fno-pic", "-fno-stack-protector",
             "-fcf-protection=none", "-fno-use-linker-plugin", "-nostdlib", "-static", "-no-pie",
             # above the kernel, below where the loader puts the modules
             "-Wl,-Ttext=0x8001000,--section-start=.multiboot=0x8000000,--no-warn-rwx-segments",
             os.path.join(HERE, "pvh-boot.c"), "-o", os.path.join(tree, "pvh-boot")], self.dir)
        for f in ("/usr/lib/ISOLINUX/isolinux.bin", *("/usr/lib/syslinux/modules/bios/" + m for m in
                                                      ("ldlinux.c32", "libcom32.c32", "mboot.c32"))):
            shutil.copy(f, os.path.join(tree, "isolinux"))
        with open(os.path.join(tree, "isolinux", "isolinux.cfg"), "w", encoding="ascii") as f:
            f.write("default l0\nprompt 0\ntimeout 0\nlabel l0\n kernel mboot.c32\n append /pvh-boot "
                    + CMDLINE + self.MORE + " --- /vmlinux --- /initrd\n")
        iso = os.path.join(self.dir, "l0.iso")
        run(["xorriso", "-as", "mkisofs", "-quiet", "-f", "-o", iso,
             "-b", "isolinux/isolinux.bin", "-c", "isolinux/boot.cat",
             "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table", tree])
        for name, path in (("bios", "BIOS-bochs-latest"), ("vgabios", "VGABIOS-lgpl-latest")):
            os.symlink(self.bochs.share + "/" + path, os.path.join(self.dir, name))
        # The screen is a pseudo terminal of Bochs' own, at which nobody looks: the two KB that
        # are ever written there fit in. "rfb" would take a port from 5900 to 5949 of all the
        # machine's addresses, and dies if there is none.
        with open(os.path.join(self.dir, "bochsrc"), "w", encoding="ascii") as f:
            f.write(f"""\
config_interface: textconfig
display_library: term
memory: guest={self.MEMORY}, host={self.MEMORY}
romimage: file=bios
vgaromimage: file=vgabios
cpu: model=corei7_skylake_x, count=1, ips={self.IPS}, ignore_bad_msrs=1, reset_on_triple_fault=0
clock: sync={'slowdown' if self.person else 'none'}, time0={BOOT_TIME}
pci: enabled=1, chipset=i440fx
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path=l0.iso, status=inserted
{self.disk_line()}boot: cdrom
com1: enabled=1, mode=file, dev={self.com1}
com2: enabled=1, mode=term, dev={self.com2}
log: bochs.log
panic: action=fatal
error: action=ignore
info: action=ignore
debug: action=ignore
speaker: enabled=0
# by default it opens the machine's sound card, and dies where there is none
sound: driver=dummy
plugin_ctrl: speaker=0, sb16=0, es1370=0, gameport=0
""")

    def disk_line(self):
        if not self.disk:
            return ""
        return "ata0-slave: type=disk, mode=volatile, path=disk, journal=redolog, cylinders=0\n"

    def command(self):
        return [*self.bochs.command, "-q", "-f", "bochsrc"]

    def more_env(self):
        return self.bochs.env

    def started(self):
        # the package is built with the debugger, which waits for "continue"
        self.proc.stdin.write(b"c\n")
        self.proc.stdin.flush()


HOSTS = {"amd": Amd, "intel": Intel}
