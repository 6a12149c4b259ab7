# SPDX-License-Identifier: GPL-2.0
"""Stock Debian kernels, headers and their compilers in the cache; nothing in /boot is used."""

import contextlib
import glob
import lzma
import os
import re
import shutil
import struct
import subprocess

import cache
import packages


# The kernel of the Debian that this machine has: the module is built for it unless told
# otherwise, and the lab has it at all levels.
NATIVE = {"trixie": "6.12"}.get(packages.machine(), "6.1")


def release(series=NATIVE):
    """The release whose headers the module is built against, e.g. 6.1.0-56-amd64."""
    found = [os.path.basename(p)[len("linux-headers-"):]
             for p in glob.glob(f"/usr/src/linux-headers-{series}.*-amd64")]
    if not found:
        raise cache.Error(f"no headers of Debian's Linux {series} in /usr/src; "
                          "run 'make deps' as root")
    return max(found, key=lambda r: [int(n) for n in re.findall(r"\d+", r)])


def _payload(image, data):
    """What a bzImage decompresses: Documentation/arch/x86/boot.rst, payload_offset."""
    setup = (data[0x1f1] or 4) + 1
    offset, length = struct.unpack_from("<II", data, 0x248)
    payload = data[setup * 512 + offset:][:length]
    if payload.startswith(b"\xfd7zXZ\0"):
        return lzma.LZMADecompressor().decompress(payload)
    if payload.startswith(b"\x28\xb5\x2f\xfd"):
        # four bytes behind it are the size, as the kernel's build appends it
        return subprocess.run(["zstd", "-dcq"], input=payload[:-4], capture_output=True,
                              check=True).stdout
    raise cache.Error(f"{image} is compressed neither with xz nor with zstd, as Debian's kernels are")


def _unpack(image):
    """The vmlinux inside of a bzImage, without what it does not load.

    QEMU starts it through the PVH entry. It is the same kernel; what is saved is
    the decompressor's run, half a minute in an emulator and once more at each
    level below.
    """
    with open(image, "rb") as f:
        data = f.read()
    elf = _payload(image, data)
    phoff, = struct.unpack_from("<Q", elf, 32)
    phnum, = struct.unpack_from("<H", elf, 56)
    fmt = "<IIQQQQQQ"
    heads = [list(struct.unpack_from(fmt, elf, phoff + i * 56)) for i in range(phnum)]
    out = bytearray(elf[:64])
    # no section headers; the program headers right behind the file header
    struct.pack_into("<Q", out, 32, 64)
    struct.pack_into("<Q", out, 40, 0)
    struct.pack_into("<HHH", out, 58, 0, 0, 0)
    body = bytearray()
    start = 64 + 56 * phnum
    for h in heads:
        kind, offset, size = h[0], h[2], h[5]
        part = elf[offset:offset + size]
        if kind == 1:                           # PT_LOAD; zeros at its end are .bss
            part = part.rstrip(b"\0")
        body += b"\0" * (-(start + len(body)) % 16)
        h[2], h[5] = start + len(body), len(part)
        body += part
    return bytes(out) + b"".join(struct.pack(fmt, *h) for h in heads) + bytes(body)


class Kernel:
    """A kernel image and its modules."""

    def __init__(self, path, rel):
        self.release = rel
        self.image = os.path.join(path, "boot", "vmlinuz-" + rel)
        self.vmlinux = os.path.join(path, "boot", "vmlinux-" + rel)
        self.modules = os.path.join(path, "lib", "modules", rel)
        self._by_name = None

    def module(self, name):
        """Path of module NAME."""
        if self._by_name is None:
            self._by_name = {}
            for folder, _, names in os.walk(self.modules):
                for n in names:
                    if n.endswith(".ko"):
                        self._by_name[n[:-3].replace("-", "_")] = os.path.join(folder, n)
        if name not in self._by_name:
            raise cache.Error(f"kernel {self.release} has no module {name}")
        return self._by_name[name]

    def closure(self, names):
        """NAMES and all that they need, in an order in which insmod works; without those
        that are no modules in this kernel."""
        order = []
        with open(os.path.join(self.modules, "modules.builtin"), encoding="ascii") as f:
            builtin = {os.path.basename(line)[:-len(".ko\n")].replace("-", "_") for line in f}

        def add(name):
            if name in order or name in builtin:
                return
            with open(self.module(name), "rb") as f:
                m = re.search(rb"\0depends=([^\0]*)\0", f.read())
            for dep in filter(None, m.group(1).decode().split(",") if m else ()):
                add(dep.replace("-", "_"))
            order.append(name)

        for n in names:
            add(n)
        return order


class System:
    """What a host has: the suites of its packages, the compiler of its kernel."""

    def __init__(self, series, suites, gcc):
        self.series = series
        self.suites = suites
        self.gcc = gcc

    @property
    def native(self):
        return self.suites[0] == packages.machine()


# Debian 12; 13; 13 with backports. 6.12 of Debian 12's backports is built for as well.
SYSTEMS = {"6.1": System("6.1", ("bookworm",), "gcc-12"),
           "6.12": System("6.12", ("trixie",), "gcc-14"),
           "7.3": System("7.3", ("trixie", "trixie-backports"), "gcc-14")}
BACKPORT = System("6.12", ("bookworm", "bookworm-backports"), "gcc-12")
# of user VMs; RT: whose interrupt handlers are threads (PREEMPT_RT)
RT = "6.1-rt"
SUITES = {"6.1": ("bookworm",), RT: ("bookworm",), "6.12": ("bookworm", "bookworm-backports"), "7.3": ("trixie", "trixie-backports")}


def _image(lists, series):
    """The package with the kernel."""
    version, dash, flavour = series.partition("-")
    image = lists.needs(f"linux-image-{flavour}{dash}amd64",
                        rf"linux-image-{re.escape(version)}\.[\d.-]+{dash}{flavour}[\w.+]*-amd64",
                        f"{lists.suites[-1]} has no Linux {series} (any more)")
    with contextlib.suppress(cache.Error):
        # since 7.x a package of its own, one for the modules, and one for their lists
        return [lists.needs(image, rf"linux-{part}-\d[\w.+-]+", "")
                for part in ("binary", "modules", "base")]
    return [image]


def _installed(series):
    """The one whose headers are on this machine, for which 'make module' builds."""
    rel = release(series)
    version = packages.run(["dpkg-query", "-W", "-f", "${Version}", "linux-headers-" + rel],
                           "/", "asking for the headers' version").strip()
    name = "linux-image-" + rel

    def make(tmp):
        packages.download([f"{name}={version}"], tmp)
        _arrange(tmp)

    path = cache.folder("linux" + series, cache.key(name, version, 3), make)
    return Kernel(path, rel)


def _arrange(tmp):
    """The tree of a kernel's package as class Kernel wants it."""
    moved = os.path.join(tmp, "usr/lib/modules")
    if os.path.isdir(moved):
        os.makedirs(os.path.join(tmp, "lib"), exist_ok=True)
        shutil.move(moved, os.path.join(tmp, "lib/modules"))
    rel, = os.listdir(os.path.join(tmp, "lib/modules"))
    found = [f for f in glob.glob(tmp + "/**/vmlinuz*", recursive=True) if os.path.isfile(f)]
    if len(found) != 1:
        raise cache.Error(f"the package of {rel} has not one kernel but {found}")
    with open(os.path.join(tmp, "vmlinux"), "wb") as f:
        f.write(_unpack(found[0]))
    os.makedirs(os.path.join(tmp, "boot"), exist_ok=True)
    os.rename(os.path.join(tmp, "vmlinux"), os.path.join(tmp, "boot", "vmlinux-" + rel))
    for name in ("usr", "etc"):
        shutil.rmtree(os.path.join(tmp, name), ignore_errors=True)
    packed = glob.glob(os.path.join(tmp, "lib/modules/**/*.ko.xz"), recursive=True)
    for at in range(0, len(packed), 500):
        packages.run(["xz", "-d", *packed[at:at + 500]], tmp, "unpacking modules")


def kernel(series=NATIVE):
    system = SYSTEMS[series]
    if series == NATIVE:
        return _installed(series)

    def make(tmp):
        with packages.Lists(system.suites) as lists:
            lists.unpack(_image(lists, series), tmp)
        _arrange(tmp)

    path = cache.folder("linux" + series, cache.key(packages.sources(system.suites), 2), make)
    return Kernel(path, os.listdir(os.path.join(path, "lib/modules"))[0])


def headers(system):
    """The build folder (for make -C) of a system's headers, not installed."""
    series = system.series

    def make(tmp):
        with packages.Lists(system.suites) as lists:
            rel = lists.needs("linux-headers-amd64",
                              rf"linux-headers-{re.escape(series)}\.[\w.+-]+-amd64",
                              f"{system.suites[-1]} has no headers of Linux {series} (any more)")
            # the tools' package carries the series or the whole version
            tools = lists.needs(rel, r"linux-kbuild-[\w.+-]+", f"{rel} has no tools")
            lists.unpack([rel, f"{rel[:-len('-amd64')]}-common", tools], tmp)
        _relocate(tmp, tmp.removesuffix(".tmp"))

    name = f"headers{series}-{system.suites[0]}"
    path = cache.folder(name, cache.key(packages.sources(system.suites), 1), make)
    build = glob.glob(os.path.join(path, f"usr/src/linux-headers-{series}.*-amd64"))
    if len(build) != 1:
        raise cache.Error(f"{path}: not one set of headers; remove it and try again")
    return build[0]


def build_folder(series):
    """As above, or that of the headers which are installed."""
    if series == NATIVE:
        return f"/usr/src/linux-headers-{release(series)}"
    return headers(SYSTEMS[series])


def compiler(system):
    """A root folder with the compiler of a system's kernel, or None: it is the machine's."""
    if system.native:
        return None
    names = (system.gcc, "make", "binutils", "libc6-dev", "pahole", "kmod", "perl")

    def make(tmp):
        with packages.Lists(system.suites[:1]) as lists:
            lists.tree(names, tmp)

    return cache.folder("compiler-" + system.suites[0],
                        cache.key(packages.sources(system.suites[:1]), names, 2), make)


def build(system, source, *arguments):
    """Build the module, whose sources are in SOURCE, for a system: (status, output)."""
    kdir = headers(system)
    tree = compiler(system)
    command = ["make", "-C", kdir, "M=" + source, "CONFIG_KVM_VSBYPASS=m", *arguments]
    r = subprocess.run((packages.inside(tree, source) if tree else []) + command,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                       errors="replace", check=False, env={**os.environ, "MAKEFLAGS": ""})
    return r.returncode, r.stdout


def module(system, build_dir):
    """The module for another kernel than that of the build, in the build's folder."""
    made = os.path.join(os.path.abspath(build_dir), "kvm-vsbypass-" + system.series)
    source = os.path.join(made, "src")
    mirror = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "mirror")
    with cache.lock("module-" + system.series):
        packages.run([mirror, os.path.join(os.path.dirname(mirror), "..", "kvm-vsbypass"), source],
                     "/", "copying the module's sources")
        status, out = build(system, source, "-s", "modules")
        if status:
            raise cache.Error(f"the module does not build for Linux {system.series}:\n{out[-3000:]}")
        shutil.copy(os.path.join(source, "kvm-vsbypass.ko"), made)
    return os.path.join(made, "kvm-vsbypass.ko")


def backports_vmlinux(series):
    """A kernel for a user VM without modules."""
    def make(tmp):
        unpacked = os.path.join(tmp, "unpacked")
        os.mkdir(unpacked)
        with packages.Lists(SUITES[series]) as lists:
            lists.unpack(_image(lists, series)[:1], unpacked)
        found = [f for f in glob.glob(unpacked + "/**/vmlinuz*", recursive=True) if os.path.isfile(f)]
        if len(found) != 1:
            raise cache.Error(f"Linux {series} has not one kernel but {found}")
        with open(os.path.join(tmp, "vmlinux"), "wb") as f:
            f.write(_unpack(found[0]))
        shutil.rmtree(unpacked)

    return os.path.join(cache.folder("vmlinux" + series,
                                     cache.key(series, packages.sources(SUITES[series]), 1), make), "vmlinux")


def _relocate(tree, final):
    """Make the headers' absolute paths (/usr/src, /usr/lib) point into FINAL."""
    for name in glob.glob(os.path.join(tree, "usr/src/*/Makefile")) + \
            glob.glob(os.path.join(tree, "usr/src/*/.kernelvariables")):
        with open(name, encoding="utf-8") as f:
            text = f.read()
        moved = re.sub(r"(?<![\w.)])/usr/(src|lib)/linux-", rf"{final}/usr/\1/linux-", text)
        if moved != text:
            with open(name, "w", encoding="utf-8") as f:
                f.write(moved)
