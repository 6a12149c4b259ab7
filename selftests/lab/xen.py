# SPDX-License-Identifier: GPL-2.0
"""A cloud VM whose guest hypervisor is Xen, for the job xen: Debian 12's Xen, tools and QEMU;
dom0 is the lab's kernel. The user VMs boot from a CD, as Xen's QEMU has no quicker way."""

import gzip
import io
import os
import shutil
import tempfile

import cache
import cpio
import host
import images
import packages

HERE = os.path.dirname(os.path.abspath(__file__))
# where they are in L0
FOLDER = "lab/xen/"

SUITES = ("bookworm",)
PACKAGES = ("xen-hypervisor-4.17-amd64", "xen-utils-4.17", "qemu-system-xen")
HYPERVISOR = "boot/xen-4.17-amd64.gz"
TOOLS = "usr/lib/xen-4.17/"
PROGRAMS = (*(TOOLS + "bin/" + name for name in ("xl", "xenstored", "xenconsoled", "xen-init-dom0")),
            "usr/libexec/xen-qemu-system-i386")
# what a user VM boots from, and what its QEMU asks for
DATA = (TOOLS + "boot/hvmloader", "usr/share/seabios/bios-256k.bin",
        "usr/share/qemu/keymaps/en-us")
# of L0's QEMU, for a kernel as Xen is
MULTIBOOT = ("multiboot.bin", "multiboot_dma.bin")
DOM0_MODULES = ("xen_privcmd", "xen_evtchn", "xen_gntdev", "xen_gntalloc", "xenfs")

ISOLINUX = "/usr/lib/ISOLINUX/isolinux.bin"
LDLINUX = "/usr/lib/syslinux/modules/bios/ldlinux.c32"
# What the kernel is told is written here by who starts the user VM: it is on the CD.
ROOM = "@" * 800
ISOLINUX_CFG = "default vm\nprompt 0\ntimeout 0\nlabel vm\n kernel /vmlinuz\n initrd /initrd\n append "


def _make_dom0(path):
    """Xen, and the part of dom0's initramfs that is of packages."""
    with tempfile.TemporaryDirectory(prefix="vsb-xen-") as root:
        with packages.Lists(SUITES) as lists:
            lists.tree(PACKAGES, root)
        with gzip.open(os.path.join(root, HYPERVISOR)) as f, \
                open(os.path.join(path, "xen"), "wb") as out:
            shutil.copyfileobj(f, out)
        tree = images.Tree(root)
        files = {place: os.path.join(root, place) for place in DATA + PROGRAMS}
        for place in PROGRAMS:
            files.update(tree.libraries(files[place]))
        with open(os.path.join(path, "dom0"), "wb") as out:
            w = cpio.Writer(out)
            for place, source in sorted(files.items()):
                w.copy(place, source)
            w.close()


def _dom0(kernel):
    """The other part: what is of the lab."""
    out = io.BytesIO()
    w = cpio.Writer(out)
    for d in ("proc", "sys", "run", "tmp", "root", "etc"):
        w.dir(d)
    w.node("dev/console", 0o600, 5, 1)
    w.node("dev/null", 0o666, 1, 3)
    w.copy("bin/busybox", images.BUSYBOX)
    w.link("bin/sh", "busybox")
    w.copy("init", os.path.join(images.GUEST, "l1-init"))
    for f in ("l1-cmd.sh", "dom0-init", "dom0-cmd.sh"):
        w.copy("lab/" + f, os.path.join(images.GUEST, f))
    modules = kernel.closure(DOM0_MODULES + images.VIRTIO)
    for m in modules:
        w.copy(f"lab/modules/{m}.ko", kernel.module(m))
    w.file("lab/modules.l1", "".join(f"modules/{m}.ko\n" for m in modules))
    return w, out


def _cd(path, kernel, l2):
    """The user VM's CD, and where on it its kernel's command line is."""
    tree = path + ".tree"
    os.makedirs(os.path.join(tree, "isolinux"))
    for f in (ISOLINUX, LDLINUX):
        shutil.copy(f, os.path.join(tree, "isolinux"))
    os.symlink(kernel.image, os.path.join(tree, "vmlinuz"))
    with open(os.path.join(tree, "initrd"), "wb") as f:
        f.write(l2)
    with open(os.path.join(tree, "isolinux", "isolinux.cfg"), "w", encoding="ascii") as f:
        f.write(ISOLINUX_CFG + ROOM + "\n")
    host.run(["xorriso", "-as", "mkisofs", "-quiet", "-f", "-o", path,
              "-b", "isolinux/isolinux.bin", "-c", "isolinux/boot.cat",
              "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table", tree])
    with open(path, "rb") as f:
        at = f.read().find(ROOM.encode())
    if at < 0:
        raise cache.Error(f"{path}: the settings of isolinux are not found on this CD")
    return at


def files(folder, build, guest, source):
    """{place in L0: path}. FOLDER: of this run; GUEST: kernel of dom0 and of the user VMs;
    SOURCE: where the programs of L0 are from."""
    made = cache.folder("xen", cache.key(packages.sources(SUITES), PACKAGES, PROGRAMS, DATA, 1),
                        _make_dom0)
    w, out = _dom0(guest)
    cd = os.path.join(folder, "vm.iso")
    at = _cd(cd, guest, images.l2(build, guest))
    w.copy("lab/vm.iso", cd)
    w.file("lab/vm.room", f"{at} {len(ROOM)}\n")
    w.close()
    dom0 = os.path.join(folder, "dom0.img")
    with open(dom0, "wb") as f, open(os.path.join(made, "dom0"), "rb") as base:
        shutil.copyfileobj(base, f)
        f.write(out.getvalue())
    places = {FOLDER + "xen": os.path.join(made, "xen"), FOLDER + "dom0.img": dom0}
    for name in MULTIBOOT:
        places["usr/share/qemu/" + name] = source.path("/usr/share/qemu/" + name)
    return places
