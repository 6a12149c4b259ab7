# SPDX-License-Identifier: GPL-2.0
"""What is in the machines of the lab.

Three initramfs images, two layers each. The base holds programs of Debian
packages and is cached; the overlay holds what changes from run to run (the
module, our programs, the tests, the guests' scripts) and takes a moment.

  L0	the host: QEMU, an OpenSSH client, our module and daemons; the kernel
	and image of L1
  L1	the cloud VM: QEMU; the kernel and image of L2; in runs with an agent vsb-agent
  L2	the user VM: busybox with a login on its serial console, vsb-identify

L1 is made inside L0 from the files that L0 has anyway (guest/lib.sh), so that
an emulated CD drive has to deliver them only once.
"""

import io
import os
import re
import subprocess

import cache
import cpio
import guests
import kernels
import packages

HERE = os.path.dirname(os.path.abspath(__file__))
GUEST = os.path.join(HERE, "guest")

QEMU = "/usr/bin/qemu-system-x86_64"
BUSYBOX = "/bin/busybox"
LIBRARIES = "lib/x86_64-linux-gnu/"
FIRMWARE = ("bios-256k.bin", "kvmvapic.bin", "linuxboot_dma.bin", "linuxboot.bin",
            "pvh.bin", "vgabios-stdvga.bin", "efi-virtio.rom",
            # of a proxy's VNC server and the blank screen that it shows
            "keymaps/en-us", "vgabios-ramfb.bin",
            # of its graphics card
            "vgabios.bin")
VIRTIO = ("virtio_pci", "virtio_console")
# of L2, if it is asked to (l2-init)
INPUT = ("evdev", "psmouse")
DISKS = ("virtio_pci", "virtio_blk")
SCREEN = ("bochs",)
KVM = {"amd": "kvm_amd", "intel": "kvm_intel"}
# of an L0 that is a Debian on a disk
DISK = ("virtio_blk", "ata_piix", "sd_mod", "crc32c_generic", "ext4")

# Where a build leaves what goes onto a machine (below $(O)) -> its place there.
PRODUCTS = {
    "kvm-vsbypass/kvm-vsbypass.ko": "lab/kvm-vsbypass.ko",
    "qemu-proxy/vsbypassd/vsbypassd": "usr/bin/vsbypassd",
    "qemu-proxy/vsbctl/vsbctl": "usr/bin/vsbctl",
    "qemu-proxy/vsb-console/vsb-console": "usr/bin/vsb-console",
    "l1-agent/vsb-agent": "usr/bin/vsb-agent",
}
AGENT = "usr/bin/vsb-agent"


def _needed(program):
    r = subprocess.run(["readelf", "-d", program], capture_output=True, text=True, check=False)
    return re.findall(r"\(NEEDED\).*\[(.*)\]", r.stdout)


class Machine:
    """Where programs of L0 come from: this machine."""

    @staticmethod
    def path(name):
        return name

    @staticmethod
    def libraries(program):
        """{place: source} of the shared libraries of PROGRAM, loader included; none if it
        is static."""
        r = subprocess.run(["ldd", program], capture_output=True, text=True, check=False)
        if "not found" in r.stdout:
            raise cache.Error(f"{program}: a library is missing:\n{r.stdout}")
        return {p.lstrip("/"): p for p in re.findall(r"(/\S+) \(0x", r.stdout)}


class Tree(Machine):
    """A tree with packages of another release. Of this machine is what it lacks: our own
    programs, and what only they need. The C library is the newer of the two."""

    def __init__(self, tree):
        self.tree = tree

    def path(self, name):
        for p in (self.tree + name, self.tree + "/usr" + name):
            if os.path.exists(p):
                return p
        return name

    def libraries(self, program):
        found = {} if program.startswith(self.tree) else Machine.libraries(program)
        todo = [program]
        while todo:
            for name in _needed(todo.pop()):
                source = os.path.join(self.tree, LIBRARIES, name)
                if os.path.exists(source) and found.get(LIBRARIES + name) != source:
                    found[LIBRARIES + name] = source
                    todo.append(source)
        if found:
            found["lib64/ld-linux-x86-64.so.2"] = self.path("/lib64/ld-linux-x86-64.so.2")
        for place, source in list(found.items()):
            if os.path.exists(self.tree + "/" + place):
                found[place] = self.tree + "/" + place
        return found


# What a host runs that is not ours.
PACKAGES = ("qemu-system-x86", "qemu-system-data", "seabios", "ipxe-qemu", "bubblewrap",
            "openssh-client")


def origin(system):
    """Where the programs of a system come from."""
    if system.native:
        return Machine()

    def make(tmp):
        with packages.Lists(system.suites) as lists:
            lists.tree(PACKAGES, tmp)

    return Tree(cache.folder("programs" + system.series,
                             cache.key(packages.sources(system.suites), PACKAGES, 2), make))


def _modules_of_guests(kernel, guest):
    return "modules" if kernel.release == guest.release else "modules-guest"


def _base_files(kernel, guest, source):
    """[(place in L0, source on this machine)], and the list for L1."""
    shared, l0 = {}, {}

    def program(into, place, path):
        into[place] = path
        into.update(source.libraries(path))

    program(shared, "bin/busybox", BUSYBOX)
    program(shared, "usr/bin/qemu-system-x86_64", source.path(QEMU))
    for f in FIRMWARE:
        for folder in ("/usr/share/qemu", "/usr/share/seabios", "/usr/lib/ipxe/qemu"):
            path = source.path(os.path.join(folder, f))
            if os.path.exists(path):
                shared["usr/share/qemu/" + f] = os.path.realpath(path)
                break
        else:
            raise cache.Error(f"QEMU's firmware file {f} is missing; run 'make deps' as root")
    shared["lab/vmlinux"] = guest.vmlinux
    folder = _modules_of_guests(kernel, guest)
    for vendor in KVM.values():
        for m in guest.closure((vendor,) + VIRTIO):
            shared[f"lab/{folder}/{m}.ko"] = guest.module(m)
        for m in kernel.closure((vendor,)):
            l0[f"lab/modules/{m}.ko"] = kernel.module(m)
    # the Debian on a disk is one with this machine's kernel
    for m in kernel.closure(("virtio_pci", "virtio_net") + (DISK if kernel.release == kernels.release() else ())):
        l0[f"lab/modules/{m}.ko"] = kernel.module(m)
    for p in ("/usr/bin/ssh", "/usr/bin/ssh-keygen", "/usr/bin/bwrap"):
        program(l0, p.lstrip("/"), source.path(p))
    for lib in ("libnss_files.so.2", "libgcc_s.so.1"):
        path = source.path("/" + LIBRARIES + lib)
        if os.path.exists(path):
            shared[LIBRARIES + lib] = path
    return shared, l0


def base(kernel, guest, source, name="base-l0"):
    """The cached base of an L0 with KERNEL, whose guests have the kernel GUEST; programs are
    of SOURCE."""
    shared, l0 = _base_files(kernel, guest, source)
    files = {**shared, **l0}
    state = [(p, f, os.stat(f).st_size, os.stat(f).st_mtime_ns) for p, f in sorted(files.items())]

    def make(tmp):
        with open(tmp, "wb") as f:
            w = cpio.Writer(f)
            for d in ("proc", "sys", "run", "tmp", "root", "etc", "sbin", "usr/sbin"):
                w.dir(d)
            w.node("dev/console", 0o600, 5, 1)
            w.node("dev/null", 0o666, 1, 3)
            w.link("bin/sh", "busybox")
            # the list that guest/lib.sh makes L1 from: only what both need
            w.file("lab/l1.files", _with_parents(shared))
            for place, path in sorted(files.items()):
                w.copy(place, path)
            w.close()

    return cache.file(name, cache.key(5, *state), make), set(files)


def _with_parents(places):
    """PLACES and their folders, parents first, one a line."""
    out = set(places)
    for p in places:
        while p := os.path.dirname(p):
            out.add(p)
    return "".join(p + "\n" for p in sorted(out))


def l2(build, kernel, more=None):
    """The initramfs of a user VM. MORE: {place: path} of what else is in it."""
    out = io.BytesIO()
    w = cpio.Writer(out)
    for d in ("proc", "sys", "root", "etc", "lib/modules"):
        w.dir(d)
    w.node("dev/console", 0o600, 5, 1)
    w.copy("bin/busybox", BUSYBOX)
    w.link("bin/sh", "busybox")
    w.copy("init", os.path.join(GUEST, "l2-init"))
    for m in kernel.closure(INPUT + DISKS + SCREEN):
        w.copy(f"lib/modules/{m}.ko", kernel.module(m))
    w.file("lib/modules/disks", "".join(m + "\n" for m in kernel.closure(DISKS)))
    w.file("lib/modules/screen", "".join(m + "\n" for m in kernel.closure(SCREEN)))
    w.copy("bin/keys", os.path.join(GUEST, "l2-keys"))
    w.copy("bin/bench-line", os.path.join(GUEST, "l2-bench"))
    w.copy("bin/bench-load", os.path.join(GUEST, "l2-load"))
    w.copy("bin/vm", os.path.join(GUEST, "l2-vm"))
    identify = os.path.join(build, "guest-tools/vsb-identify")
    if os.path.exists(identify):
        w.copy("bin/vsb-identify", identify)
    for place, path in (more or {}).items():
        w.copy(place, path)
    for name in ("bench_ticks", "bench_hold", "fuzz_card", "edge_card"):
        program = os.path.join(build, "selftests/" + name)
        if os.path.exists(program):
            w.copy("bin/" + name.replace("_", "-"), program)
    w.close()
    return out.getvalue()


def overlay(out, build, config, jobs, tests, have, kernel, guest, source, more, user=None):
    """Write the overlay of L0 to the file OUT.

    KERNEL, GUEST, SOURCE: as for base(). BUILD is $(O); CONFIG a dictionary for /lab/config; JOBS and TESTS map names
    to paths; HAVE is what the base has already, MORE maps further places to paths, USER those
    in the user VM.
    """
    w = cpio.Writer(out)
    have = set(have)
    in_l1 = (AGENT,) if config.get("AGENT") else ()
    l1 = []

    def program(place, path):
        w.copy(place, path)
        for lib_place, lib in source.libraries(path).items():
            if place in in_l1:
                l1.append(lib_place)
            if lib_place not in have:
                have.add(lib_place)
                w.copy(lib_place, lib)

    for made, place in PRODUCTS.items():
        path = os.path.join(build, made)
        if place in more or not os.path.exists(path):
            continue
        if place.endswith(".ko"):
            w.copy(place, path)
        else:
            program(place, path)
        if place in in_l1:
            l1.append(place)
    for name, path in tests.items():
        program("lab/tests/" + name, path)
    for name, path in jobs.items():
        w.copy("lab/jobs/" + name, path)
    for place, path in more.items():
        w.copy(place, path)
        if place.startswith(guests.FOLDER):
            l1 += [place, *source.libraries(path)]
    w.copy("init", os.path.join(GUEST, "l0-init"))
    for f in ("lib.sh", "guests.sh", "linux-guest.sh", "micro.sh", "screen.sh", "l0-jobs",
              "l1-init", "l1-cmd.sh"):
        w.copy("lab/" + f, os.path.join(GUEST, f))
    w.file("lab/l2.img", l2(build, guest, user))
    w.file("lab/l1.more", _with_parents(l1 + ["lab/l2.img"]))
    vendor = KVM[config["HOST"]]
    disk = DISK if config.get("DEBIAN") else ()
    w.file("lab/modules.l0", "".join(m + "\n" for m in kernel.closure((vendor, "virtio_pci", "virtio_net") + disk)))
    w.file("lab/modules.l1", "".join(f"{_modules_of_guests(kernel, guest)}/{m}.ko\n"
                                     for m in guest.closure((vendor,) + VIRTIO)))
    w.file("lab/config", "".join(f"{k}='{v}'\n" for k, v in config.items()))
    w.file("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nvsbypass:x:990:990::/:/bin/false\n"
           "nobody:x:65534:65534::/:/bin/false\n")
    w.file("etc/group", "root:x:0:\nkvm:x:106:\nvsbypass:x:990:\n")
    w.file("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n")
    w.file("etc/hosts", "127.0.0.1 localhost\n")
    w.close()
