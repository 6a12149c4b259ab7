# SPDX-License-Identifier: GPL-2.0
"""Stock Debian kernels and headers in the cache; nothing in /boot is used."""

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


def _unpack(image):
    """The vmlinux inside of a bzImage, without what it does not load.

    QEMU starts it through the PVH entry. It is the same kernel; what is saved is
    the decompressor's run, half a minute in an emulator and once more at each
    level below.
    """
    with open(image, "rb") as f:
        data = f.read()
    at = data.find(b"\xfd7zXZ\0")
    if at < 0:
        raise cache.Error(f"{image} is not compressed with xz, as Debian's kernels are")
    elf = lzma.LZMADecompressor().decompress(data[at:])
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


def backports_headers(series="6.12"):
    """The build folder (for make -C) of backports' headers, not installed."""
    out = _run(["apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME)",
                "Created-By: Packages"], "/", "asking apt for its sources")
    uri = [line.split()[0] for line in out.splitlines()
           if line.split()[1:] == ["bookworm"]]
    if not uri:
        raise cache.Error("apt has no source for Debian bookworm; add one, run "
                          "'apt-get update', then try again")
    source = f"deb {uri[0]} bookworm-backports main\n"

    def make(tmp):
        apt = os.path.join(tmp, "apt")
        for sub in ("lists/partial", "cache/archives/partial"):
            os.makedirs(os.path.join(apt, sub))
        with open(os.path.join(apt, "sources.list"), "w", encoding="ascii") as f:
            f.write(source)
        # lists of our own: the machine's configuration stays as it is
        options = ["-o", f"Dir::Etc::SourceList={apt}/sources.list",
                   "-o", "Dir::Etc::SourceParts=/dev/null",
                   "-o", f"Dir::State::Lists={apt}/lists",
                   "-o", f"Dir::Cache={apt}/cache"]
        _run(["apt-get", *options, "-o", "APT::Sandbox::User=root", "update"], tmp,
             "reading the package list of bookworm-backports")
        rel = _run(["apt-cache", *options, "depends", "linux-headers-amd64"], tmp,
                   "looking for the newest headers")
        m = re.search(rf"linux-headers-({re.escape(series)}\.\S+-amd64)", rel)
        if not m:
            raise cache.Error(f"bookworm-backports has no headers of Linux {series} (any more)")
        rel = m.group(1)
        base = rel[:-len("-amd64")]
        common = f"linux-headers-{base}-common"
        # the tools' package carries the series or the whole version
        tools = re.search(r"Depends: (linux-kbuild-\S+)",
                          _run(["apt-cache", *options, "depends", "linux-headers-" + rel],
                               tmp, "looking for the headers' tools")).group(1)
        download(["linux-headers-" + rel, common, tools], tmp, options)
        shutil.rmtree(apt)
        _relocate(tmp, tmp.removesuffix(".tmp"))

    path = cache.folder("headers" + series, cache.key(series, source, 1), make)
    build = glob.glob(os.path.join(path, f"usr/src/linux-headers-{series}.*-amd64"))
    if len(build) != 1:
        raise cache.Error(f"{path}: not one set of headers; remove it and try again")
    return build[0]


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
