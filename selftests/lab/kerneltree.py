# SPDX-License-Identifier: GPL-2.0
"""The kernel source tree of Debian's package linux-source-6.1, in the cache.

Only what it takes to build one module inside of it: all of Kconfig and the
makefiles, x86, the headers, the scripts and tools; none of the drivers.
"""

import contextlib
import glob
import os
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
# pylint: disable=wrong-import-position
import cache
import kernels
import packages

SERIES = "6.1"
TARBALL = f"/usr/src/linux-source-{SERIES}.tar.xz"
PLACE = "virt/vsbypass"     # where our tree is laid


def _run(cmd, cwd, what):
    r = subprocess.run(cmd, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       text=True, errors="replace", check=False,
                       env={**os.environ, "MAKEFLAGS": ""})
    if r.returncode:
        raise cache.Error(f"{what} failed:\n" + r.stdout[-3000:])
    return r.stdout


def tarball():
    """The sources: the installed package's, or where the machine's Debian has none, unpacked
    in the cache."""
    suites = kernels.SYSTEMS[SERIES].suites
    if kernels.NATIVE == SERIES or os.path.exists(TARBALL):
        return TARBALL

    def make(tmp):
        with packages.Lists(suites) as lists:
            lists.unpack([f"linux-source-{SERIES}"], tmp)

    return cache.folder("linux-source", cache.key(packages.sources(suites), 1), make) + TARBALL


def identity():
    """Of the sources."""
    try:
        st = os.stat(tarball())
    except OSError as e:
        raise cache.Error(f"{TARBALL}: {e.strerror}; run 'make deps' as root") from e
    return cache.key(st.st_size, st.st_mtime_ns)


def _identity():
    return cache.key(identity(), kernels.build_folder(SERIES), 3)


def source():
    """The unpacked tree, as the package has it."""
    wanted = ["*/Kconfig*", "*/Makefile*", "*/Kbuild*", "*/arch/x86/*", "*/include/*",
              "*/scripts/*", "*/tools/objtool/*", "*/tools/build/*",
              "*/kernel/*",
              "*/lib/*", "*/virt/*", "*/certs/*", "*/security/selinux/*"]

    def make(tmp):
        _run(["tar", "-xJf", tarball(), "--strip-components=1", "--wildcards",
              "--exclude=*/tools/testing/*", "--exclude=*/Documentation/[a-z]*",
              "--exclude=*/arch/x86/crypto/*.S", *wanted], tmp, "unpacking " + TARBALL)

    return cache.folder("source6.1", _identity(), make)


def file(name):
    return os.path.join(source(), name)


def prepared():
    """The tree with Debian's configuration, ready for modules."""
    headers = kernels.build_folder(SERIES)
    origin = source()

    def make(tmp):
        shutil.copytree(origin, tmp, symlinks=True, dirs_exist_ok=True)
        shutil.copy(os.path.join(headers, ".config"), tmp)
        # a module that nobody loads needs neither signature nor BTF
        _run(["scripts/config", "-d", "MODULE_SIG", "-d", "DEBUG_INFO_BTF",
              "--set-str", "SYSTEM_TRUSTED_KEYS", ""], tmp, "scripts/config")
        with open(os.path.join(tmp, "virt", "Makefile"), "a", encoding="ascii") as f:
            f.write("obj-y += vsbypass/\n")
        with open(os.path.join(tmp, "drivers", "Kconfig"), encoding="ascii") as f:
            text = f.read()
        last = text.rindex("endmenu")
        with open(os.path.join(tmp, "drivers", "Kconfig"), "w", encoding="ascii") as f:
            f.write(text[:last] + f'source "{PLACE}/Kconfig"\n' + text[last:])
        os.makedirs(os.path.join(tmp, PLACE))
        for name in ("Kconfig", "Kbuild"):
            open(os.path.join(tmp, PLACE, name), "w", encoding="ascii").close()
        _run(["make", "-s", "-j2", "olddefconfig", "modules_prepare"], tmp, "preparing the kernel tree")
        # what the kernel exports is known without building it
        shutil.copy(os.path.join(headers, "Module.symvers"), tmp)

    return cache.folder("tree6.1", _identity(), make)


@contextlib.contextmanager
def _copy(tree):
    with tempfile.TemporaryDirectory(prefix="vsb-intree-") as tmp:
        subprocess.run(["cp", "-a", "--reflink=auto", tree + "/.", tmp], check=True)
        yield tmp


def build(tree, root):
    """Lay ROOT into a copy of TREE and build the module there: (status, output)."""
    with _copy(tree) as tmp:
        place = os.path.join(tmp, PLACE)
        for name in ("Kbuild", "Kconfig"):
            shutil.copy(os.path.join(root, name), place)
        shutil.copytree(os.path.join(root, "kvm-vsbypass"), os.path.join(place, "kvm-vsbypass"),
                        ignore=shutil.ignore_patterns("*.o", "*.ko", "*.cmd", "*.mod*"))
        _run(["scripts/config", "-m", "KVM_VSBYPASS"], tmp, "scripts/config")
        _run(["make", "-s", "olddefconfig"], tmp, "make olddefconfig")
        _run(["make", "-s", "modules_prepare"], tmp, "make modules_prepare")
        with open(os.path.join(tmp, ".config"), encoding="utf-8") as f:
            if "CONFIG_KVM_VSBYPASS=m\n" not in f.read():
                return 1, "error: Kconfig does not accept CONFIG_KVM_VSBYPASS=m"
        # this folder alone: the symbols of a kernel that is not built come from
        # the headers' Module.symvers
        r = subprocess.run(["make", "-s", "-j2", "M=" + PLACE, "modules"], cwd=tmp,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                           errors="replace", check=False, env={**os.environ, "MAKEFLAGS": ""})
        if r.returncode == 0 and not glob.glob(place + "/kvm-vsbypass/kvm-vsbypass.ko"):
            return 1, "error: no kvm-vsbypass.ko was built\n" + r.stdout
        return r.returncode, r.stdout


if __name__ == "__main__":
    try:
        print(tarball())
    except cache.Error as e:
        sys.exit(f"kerneltree: {e}")
