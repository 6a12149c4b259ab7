# SPDX-License-Identifier: GPL-2.0
"""Stock Debian kernels and headers in the cache; nothing in /boot is used."""

import contextlib
import glob
import lzma
import os
import re
import shutil
import struct
import subprocess

import cache


def release(series="6.1"):
    """The release whose headers the module is built against, e.g. 6.1.0-56-amd64."""
    found = [os.path.basename(p)[len("linux-headers-"):]
             for p in glob.glob(f"/usr/src/linux-headers-{series}.*-amd64")]
    if not found:
        raise cache.Error(f"no headers of Debian's Linux {series} in /usr/src; "
                          "run 'make deps' as root")
    return max(found, key=lambda r: [int(n) for n in re.findall(r"\d+", r)])


def _run(cmd, cwd, what):
    r = subprocess.run(cmd, cwd=cwd, capture_output=True, text=True, check=False)
    if r.returncode:
        raise cache.Error(f"{what} failed: {' '.join(cmd)}\n{r.stderr.strip()}")
    return r.stdout


def download(packages, into, options=()):
    """Fetch packages with apt-get as whoever we are, and unpack them."""
    # apt's own sandbox user may not write to a private folder
    _run(["apt-get", *options, "-o", "APT::Sandbox::User=root",
          "download", *packages], into, "download")
    for deb in glob.glob(os.path.join(into, "*.deb")):
        _run(["dpkg-deb", "-x", deb, into], into, "unpacking")
        os.unlink(deb)


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
        """NAMES and all that they need, in an order in which insmod works."""
        order = []

        def add(name):
            if name in order:
                return
            with open(self.module(name), "rb") as f:
                m = re.search(rb"\0depends=([^\0]*)\0", f.read())
            for dep in filter(None, m.group(1).decode().split(",") if m else ()):
                add(dep.replace("-", "_"))
            order.append(name)

        for n in names:
            add(n)
        return order


def kernel(series="6.1"):
    rel = release(series)
    version = _run(["dpkg-query", "-W", "-f", "${Version}", "linux-headers-" + rel],
                   "/", "asking for the headers' version").strip()
    name = "linux-image-" + rel

    def make(tmp):
        download([f"{name}={version}"], tmp)
        shutil.rmtree(os.path.join(tmp, "usr"), ignore_errors=True)
        with open(os.path.join(tmp, "boot", "vmlinux-" + rel), "wb") as f:
            f.write(_unpack(os.path.join(tmp, "boot", "vmlinuz-" + rel)))

    path = cache.folder("linux" + series, cache.key(name, version, 2), make)
    return Kernel(path, rel)


# Where other kernels than stable's are: those that user VMs have, or that the module is
# built for.
SUITES = {"6.12": "bookworm-backports", "7.3": "trixie-backports"}


def _source(series):
    out = _run(["apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME)",
                "Created-By: Packages"], "/", "asking apt for its sources")
    uri = [line.split()[0] for line in out.splitlines()
           if line.split()[1:] == ["bookworm"]]
    if not uri:
        raise cache.Error("apt has no source for Debian bookworm; add one, run "
                          "'apt-get update', then try again")
    return f"deb {uri[0]} {SUITES[series]} main\n"


def _lists(series, source, apt):
    """Package lists of SOURCE in the folder APT: the machine's configuration stays as it is.
    Return: options for apt's programs."""
    for sub in ("lists/partial", "cache/archives/partial"):
        os.makedirs(os.path.join(apt, sub))
    with open(os.path.join(apt, "sources.list"), "w", encoding="ascii") as f:
        f.write(source)
    options = ["-o", f"Dir::Etc::SourceList={apt}/sources.list",
               "-o", "Dir::Etc::SourceParts=/dev/null",
               "-o", f"Dir::State::Lists={apt}/lists",
               "-o", f"Dir::Cache={apt}/cache"]
    _run(["apt-get", *options, "-o", "APT::Sandbox::User=root", "update"], apt,
         f"reading the package list of {SUITES[series]}")
    return options


def _depends(package, options, wanted, otherwise):
    """The first that PACKAGE depends on and that looks as WANTED."""
    out = _run(["apt-cache", *options, "depends", package], "/", f"asking what {package} needs")
    m = re.search(rf"Depends: ({wanted})\s", out)
    if not m:
        raise cache.Error(otherwise)
    return m.group(1)


def backports_headers(series="6.12"):
    """The build folder (for make -C) of backports' headers, not installed."""
    source = _source(series)

    def make(tmp):
        apt = os.path.join(tmp, "apt")
        options = _lists(series, source, apt)
        rel = _depends("linux-headers-amd64", options, rf"linux-headers-{re.escape(series)}\.\S+-amd64",
                       f"{SUITES[series]} has no headers of Linux {series} (any more)")
        common = f"{rel[:-len('-amd64')]}-common"
        # the tools' package carries the series or the whole version
        tools = _depends(rel, options, r"linux-kbuild-\S+", f"{rel} has no tools")
        download([rel, common, tools], tmp, options)
        shutil.rmtree(apt)
        _relocate(tmp, tmp.removesuffix(".tmp"))

    path = cache.folder("headers" + series, cache.key(series, source, 1), make)
    build = glob.glob(os.path.join(path, f"usr/src/linux-headers-{series}.*-amd64"))
    if len(build) != 1:
        raise cache.Error(f"{path}: not one set of headers; remove it and try again")
    return build[0]


def backports_vmlinux(series):
    """A kernel of backports, for a user VM without modules."""
    source = _source(series)

    def make(tmp):
        apt = os.path.join(tmp, "apt")
        options = _lists(series, source, apt)
        image = _depends("linux-image-amd64", options, rf"linux-image-{re.escape(series)}\.\S+-amd64",
                         f"{SUITES[series]} has no Linux {series} (any more)")
        with contextlib.suppress(cache.Error):
            # since 7.x a package of its own
            image = _depends(image, options, r"linux-binary-\S+", "")
        unpacked = os.path.join(tmp, "unpacked")
        os.mkdir(unpacked)
        download([image], unpacked, options)
        found = [f for f in glob.glob(unpacked + "/**/vmlinuz*", recursive=True) if os.path.isfile(f)]
        if len(found) != 1:
            raise cache.Error(f"{image} has not one kernel but {found}")
        with open(os.path.join(tmp, "vmlinux"), "wb") as f:
            f.write(_unpack(found[0]))
        shutil.rmtree(apt)
        shutil.rmtree(unpacked)

    return os.path.join(cache.folder("vmlinux" + series, cache.key(series, source, 1), make), "vmlinux")


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
