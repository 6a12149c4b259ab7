# SPDX-License-Identifier: GPL-2.0
"""Write cpio archives (newc) for use as an initramfs.

The kernel unpacks any number of them one after the other, a later file
replaces an earlier one. Written here and not by cpio(1), because owners and
device nodes then need neither root nor a staging directory.
"""

import os
import stat


class Writer:
    """An archive that is being written; parent directories come by themselves."""

    def __init__(self, out):
        self.out = out
        self.ino = 0
        self.dirs = {""}

    def _entry(self, name, mode, data=b"", rdev=(0, 0), mtime=0):
        self.ino += 1
        raw = name.encode() + b"\0"
        fields = (self.ino, mode, 0, 0, 1, mtime, len(data), 0, 0,
                  rdev[0], rdev[1], len(raw), 0)
        head = b"070701" + b"".join(b"%08X" % f for f in fields) + raw
        self.out.write(head + b"\0" * (-len(head) % 4))
        self.out.write(data)
        self.out.write(b"\0" * (-len(data) % 4))

    def _parents(self, name):
        parent = os.path.dirname(name)
        if parent not in self.dirs:
            self.dir(parent)

    def dir(self, name, mode=0o755):
        name = name.strip("/")
        if name in self.dirs:
            return
        self._parents(name)
        self.dirs.add(name)
        self._entry(name, stat.S_IFDIR | mode)

    def file(self, name, data, mode=0o644):
        name = name.strip("/")
        self._parents(name)
        if isinstance(data, str):
            data = data.encode()
        self._entry(name, stat.S_IFREG | mode, data)

    def copy(self, name, source):
        with open(source, "rb") as f:
            self.file(name, f.read(), os.stat(source).st_mode & 0o777 | 0o444)

    def link(self, name, target):
        name = name.strip("/")
        self._parents(name)
        self._entry(name, stat.S_IFLNK | 0o777, target.encode())

    def node(self, name, mode, major, minor):
        """A character device."""
        name = name.strip("/")
        self._parents(name)
        self._entry(name, stat.S_IFCHR | mode, rdev=(major, minor))

    def close(self):
        self.ino = -1
        self._entry("TRAILER!!!", 0)
