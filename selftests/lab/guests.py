# SPDX-License-Identifier: GPL-2.0
"""User VMs that nobody here wrote: boot loaders, firmware and kernels of Debian's packages,
for the jobs guests-* and reboots-*."""

import glob
import io
import os
import subprocess
import tarfile

import cache
import kernels

# where they are in L0 and L1
FOLDER = "lab/guests/"

# jobs whose user VM is a Linux; the series is the end of their names
LINUX = ("guests-linux-", "reboots-")

# the firmware of QEMU's machine microvm, and the job that wants it
MICROVM = "/usr/share/qemu/qboot.rom"
MACHINES = "exit-irq-machines"

# the jobs whose user VMs have a screen, and which of them shows a boot loader on it
SCREENS = ("vga", "eavesdrop")
GRUB_ON_SCREEN = "vga"

GRUB = "/usr/lib/grub/i386-pc"
GRUB_MODULES = ("biosdisk", "memdisk", "tar", "normal", "serial", "terminfo", "terminal", "echo",
                "sleep", "test", "configfile", "minicmd", "ls", "reboot", "date", "keystatus")
# on the screen of a PC, and with the keyboard there
GRUB_VGA_CFG = """\
terminal_input console
terminal_output console
set timeout=-1
menuentry 'first of the test' { echo the first was chosen; sleep 100000; }
menuentry 'second of the test' { echo the second was chosen; sleep 100000; }
"""
GRUB_CFG = """\
serial --unit=0 --speed=115200
terminal_input serial
terminal_output serial
set timeout=-1
menuentry 'first of the test' { echo the first was chosen; sleep 100000; }
menuentry 'second of the test' { echo the second was chosen; sleep 100000; }
menuentry 'third of the test' { echo the third was chosen; sleep 100000; }
"""

# as a machine without them is told
FIRMWARE = {"memtest.bin": ("/boot/memtest86+x64.bin", "memtest86+"),
            "u-boot.rom": ("/usr/lib/u-boot/qemu-x86/u-boot.rom", "u-boot-qemu"),
            "pxe.rom": ("/usr/lib/ipxe/qemu/pxe-e1000.rom", "ipxe-qemu"),
            "ovmf.fd": ("/usr/share/ovmf/OVMF.fd", "ovmf")}


def _make_grub(path, settings=GRUB_CFG):
    """A disk that SeaBIOS starts: boot sector, GRUB with its modules and settings within.

    Both images are made to follow each other from the first sector on (GRUB's boot.S and
    diskboot.S), so nothing has to be installed."""
    config = io.BytesIO()
    with tarfile.open(fileobj=config, mode="w") as tar:
        info = tarfile.TarInfo("grub.cfg")
        info.size = len(settings)
        tar.addfile(info, io.BytesIO(settings.encode()))
    parts = {"memdisk": config.getvalue(),
             "early.cfg": b"set root=(memdisk)\nset prefix=(memdisk)/\n"}
    for name, data in parts.items():
        with open(f"{path}.{name}", "wb") as f:
            f.write(data)
    r = subprocess.run(["grub-mkimage", "-O", "i386-pc", "-d", GRUB, "-p", "(memdisk)/",
                        "-c", path + ".early.cfg", "-m", path + ".memdisk", "-o", path + ".core",
                        *GRUB_MODULES], capture_output=True, text=True, check=False)
    if r.returncode:
        raise cache.Error(f"grub-mkimage: {r.stderr.strip()}")
    with open(path, "wb") as out:
        for part in (GRUB + "/boot.img", path + ".core"):
            with open(part, "rb") as f:
                out.write(f.read())
        out.truncate(1 << 20)
    for name in (*parts, "core"):
        os.unlink(f"{path}.{name}")


def _packages():
    """What the images are made from, to tell one version from another."""
    files = glob.glob(GRUB + "/*.mod")
    if not files:
        raise cache.Error(f"{GRUB} is missing (package grub-pc-bin); run 'make deps' as root")
    return [(f, os.stat(f).st_size, os.stat(f).st_mtime_ns) for f in sorted(files)]


def files(jobs, guest, build):
    """{place in L0 and L1: path} of what JOBS boot, and a VNC client. GUEST: kernel of L1, which
    is there."""
    out = {}
    if set(SCREENS) & set(jobs):
        out["vnc_send"] = os.path.join(build, "selftests/vnc_send")
    if any(j.startswith("guests-") and not j.startswith(LINUX) for j in jobs):
        out["grub.img"] = cache.file("guest-grub", cache.key(GRUB_CFG, GRUB_MODULES, _packages()),
                                     _make_grub)
        for name, (path, package) in FIRMWARE.items():
            if not os.path.exists(path):
                raise cache.Error(f"{path} is missing (package {package}); run 'make deps' as root")
            out[name] = path
    if GRUB_ON_SCREEN in jobs:
        out["grub-vga.img"] = cache.file("guest-grub-vga", cache.key(GRUB_VGA_CFG, GRUB_MODULES, _packages()),
                                         lambda path: _make_grub(path, GRUB_VGA_CFG))
    if MACHINES in jobs:
        if not os.path.exists(MICROVM):
            raise cache.Error(f"{MICROVM} is missing (package qemu-system-data); run 'make deps' as root")
        out["qboot.rom"] = MICROVM
        out[f"vmlinux-{kernels.RT}"] = kernels.backports_vmlinux(kernels.RT)
    for series in kernels.SUITES:
        if series != guest and any(j.startswith(LINUX) and j.endswith("-" + series) for j in jobs):
            out[f"vmlinux-{series}"] = kernels.backports_vmlinux(series)
    return {FOLDER + name: path for name, path in out.items()}
