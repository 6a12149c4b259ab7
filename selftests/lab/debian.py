# SPDX-License-Identifier: GPL-2.0
"""A Debian for L0, on a disk: systemd, libvirt, and all that our packages depend on."""

import glob
import os
import shutil
import sys
import tempfile

import cache

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
# pylint: disable=wrong-import-position
import package

MORE = ",udev,dbus,apparmor,libvirt-daemon-system,libvirt-clients,openssh-client,procps,iproute2"
# Bochs wants whole cylinders (16 heads of 63 sectors).
CYLINDERS = 6300
# Nothing here needs them, and an emulated CPU has better things to do.
MASKED = ("serial-getty@ttyS0.service", "getty@tty1.service", "apt-daily.timer",
          "apt-daily-upgrade.timer", "man-db.timer", "e2scrub_all.timer",
          "e2scrub_reap.service", "systemd-timesyncd.service")


def _packages(kernel):
    return package.BASE.replace("linux-headers-amd64", "linux-headers-" + kernel.release) + MORE


def _fill(root, kernel):
    package.run("tar", "-xpf", package.base_root("debian-root", _packages(kernel)), "-C", root)
    modules = os.path.join(root, "lib/modules", kernel.release)
    shutil.copytree(kernel.modules, modules, dirs_exist_ok=True, symlinks=True)
    package.run("depmod", "-b", root, kernel.release)
    for unit in MASKED:
        os.symlink("/dev/null", os.path.join(root, "etc/systemd/system", unit))
    with open(os.path.join(root, "etc/machine-id"), "w", encoding="ascii") as f:
        f.write("5" * 32 + "\n")
    with open(os.path.join(root, "etc/hostname"), "w", encoding="ascii") as f:
        f.write("l0\n")
    os.makedirs(os.path.join(root, "lab"))


def _disk(kernel):
    def make(path):
        with tempfile.TemporaryDirectory(prefix="vsb-debian-") as root:
            os.chmod(root, 0o755)
            _fill(root, kernel)
            package.run("mke2fs", "-q", "-t", "ext4", "-d", root, path,
                        f"{CYLINDERS * 16 * 63 // 2}k")
    return cache.file("debian-disk", cache.key(_packages(kernel), CYLINDERS, MASKED, 1), make)


def disk_and_packages(kernel, folder):
    """Return: the disk's image; {place in L0: path} of our packages and of newer ones.

    They are built in FOLDER, for another lab may do the same now."""
    if os.geteuid():
        raise cache.Error("a Debian root is made by root only; run this as root")
    try:
        build = os.path.join(folder, "packages")
        package.run(os.path.join(package.ROOT, "selftests/deb"), build)
        places = {}
        newer = os.path.join(folder, "newer")
        os.mkdir(newer)
        for deb in package.debs(build):
            package.newer(deb, newer)
            places["lab/debs/" + os.path.basename(deb)] = deb
        for deb in glob.glob(newer + "/*.deb"):
            places["lab/debs/new/" + os.path.basename(deb)] = deb
        return _disk(kernel), places
    except package.Failed as e:
        raise cache.Error(str(e)) from e
