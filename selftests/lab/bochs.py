# SPDX-License-Identifier: GPL-2.0
"""Which Bochs emulates the Intel host: 3.0, which needs a fifth of the time of 2.7."""

import glob
import os
import shutil

import cache
import packages

SUITES = ("trixie",)
PACKAGES = ("bochs", "bochs-term", "bochsbios", "vgabios")
OLD = ("/usr/bin/bochs", "/bin/bochs", None)


class Bochs:
    """That of $PATH; in place of what Debian 12 has there, or has not, that of Debian 13 in the
    cache, which runs with its own C library.

    command: without arguments; env: what it needs to be told; share: folder of its firmware."""

    def __init__(self):
        self.command = ["bochs"]
        self.env = {}
        self.share = "/usr/share/bochs"
        if packages.machine() not in SUITES and shutil.which("bochs") in OLD:
            self._from(cache.folder("bochs", cache.key(packages.sources(SUITES), PACKAGES, 1), self._make))

    @staticmethod
    def _make(tmp):
        with packages.Lists(SUITES) as lists:
            lists.tree(PACKAGES, tmp)

    def _from(self, tree):
        libraries = os.path.join(tree, "usr/lib/x86_64-linux-gnu")
        # usr/bin/bochs is a script that looks for it in $PATH
        self.command = [os.path.join(tree, "lib64/ld-linux-x86-64.so.2"), "--library-path", libraries,
                        os.path.join(tree, "usr/bin/bochs-bin")]
        self.share = os.path.join(tree, "usr/share/bochs")
        plugins = glob.glob(libraries + "/bochs/plugins")
        if not plugins or not os.path.exists(self.command[-1]):
            raise cache.Error(f"{tree} is not as Bochs' packages are; remove it and try again")
        self.env = {"LTDL_LIBRARY_PATH": plugins[0], "BXSHARE": self.share}
