# SPDX-License-Identifier: GPL-2.0
"""The emulated hosts: a process that runs L0, with two serial ports.

COM1 takes L0's kernel log into a file. COM2 is a pseudo terminal whose other
end is ours: jobs report there, or a person types.
"""

import os
import pty
import shutil
import socket
import subprocess
import tty

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


def run(command):
    r = subprocess.run(command, capture_output=True, text=True, check=False)
    if r.returncode:
        raise cache.Error(f"{' '.join(command)}: {r.stderr}")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Host:
    """One running L0. Subclasses know the emulator."""

    def __init__(self, workdir, kernel, initrds, person=False, disk=None):
        self.dir = workdir
        self.disk = disk        # an image, which stays as it is
        self.person = person    # somebody sits there, whose time is real
        self.kernel = kernel
        self.initrds = initrds
        self.com1 = os.path.join(workdir, "com1.log")
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
        self.prepare()
        self.log = open(os.path.join(self.dir, "emulator.log"), "wb")
        # In a session of its own, out of reach of who ends us; it ends when this thread does.
        self.proc = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *self.command()],
                                     cwd=self.dir, stdin=subprocess.PIPE,
                                     stdout=self.log, stderr=subprocess.STDOUT,
                                     start_new_session=True)
        self.started()

    def started(self):
        """What the emulator wants to be told first."""

    def alive(self):
        return self.proc is not None and self.proc.poll() is None

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
        self.initrd = os.path.join(self.dir, "initrd")
        self.join_initrds(self.initrd)
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
                "qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "EPYC,+svm,+npt",
                "-smp", str(self.CPUS), "-m", str(self.MEMORY), "-nodefaults", "-no-user-config",
                "-display", "none", "-no-reboot",
                # for whoever asks why it hangs: "info registers"
                "-monitor", f"unix:{self.dir}/monitor,server=on,wait=off",
                "-kernel", self.kernel.vmlinux, "-initrd", self.initrd, "-append", CMDLINE + " nohz=off highres=off",
                "-serial", "file:" + self.com1,
                "-chardev", "serial,id=com2,path=" + self.com2, "-serial", "chardev:com2",
                "-netdev", f"user,id=n,hostfwd=tcp:127.0.0.1:{self.ssh_port}-:2222,"
                f"hostfwd=tcp:127.0.0.1:{self.shell_port}-:24",
                "-device", "virtio-net-pci,netdev=n,romfile="] + \
            (["-drive", f"file={self.disk},format=raw,if=virtio,snapshot=on"] if self.disk else [])

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
    MORE = " noxsave tsc_early_khz=350000"

    def prepare(self):
        tree = os.path.join(self.dir, "iso")
        os.makedirs(os.path.join(tree, "isolinux"))
        self.join_initrds(os.path.join(tree, "initrd"))
        os.symlink(self.kernel.vmlinux, os.path.join(tree, "vmlinux"))
        run(["gcc", "-m32", "-O2", "-ffreestanding", "-fno-pic", "-fno-stack-protector",
             "-fcf-protection=none", "-nostdlib", "-static", "-no-pie",
             # above the kernel, below where the loader puts the modules
             "-Wl,-Ttext=0x8001000,--section-start=.multiboot=0x8000000,--no-warn-rwx-segments",
             os.path.join(HERE, "pvh-boot.c"), "-o", os.path.join(tree, "pvh-boot")])
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
        with open(os.path.join(self.dir, "bochsrc"), "w", encoding="ascii") as f:
            f.write(f"""\
config_interface: textconfig
display_library: rfb, options="timeout=0"
memory: guest={self.MEMORY}, host={self.MEMORY}
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
cpu: model=corei7_skylake_x, count=1, ips={self.IPS}, ignore_bad_msrs=1, reset_on_triple_fault=0
clock: sync={'slowdown' if self.person else 'none'}, time0=1700000000
pci: enabled=1, chipset=i440fx
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path={iso}, status=inserted
{self.disk_line()}boot: cdrom
com1: enabled=1, mode=file, dev={self.com1}
com2: enabled=1, mode=term, dev={self.com2}
log: {os.path.join(self.dir, 'bochs.log')}
panic: action=fatal
error: action=ignore
info: action=ignore
debug: action=ignore
speaker: enabled=0
""")

    def disk_line(self):
        if not self.disk:
            return ""
        return (f"ata0-slave: type=disk, mode=volatile, path={self.disk}, "
                f"journal={self.dir}/redolog, cylinders=0\n")

    def command(self):
        return ["bochs", "-q", "-f", os.path.join(self.dir, "bochsrc")]

    def started(self):
        # the package is built with the debugger, which waits for "continue"
        self.proc.stdin.write(b"c\n")
        self.proc.stdin.flush()


HOSTS = {"amd": Amd, "intel": Intel}
