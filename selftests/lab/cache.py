# SPDX-License-Identifier: GPL-2.0
"""Files and folders made once and kept outside the clone.

They live in ${XDG_CACHE_HOME:-~/.cache}/vsbypass under names that contain
what they were made from. A thing is made under a temporary name and renamed,
so what has its final name is whole; a file is checked against its checksum
before each use, a folder against its stamp.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import sys


class Error(Exception):
    """What cannot be made, why, and what to do about it."""


def root():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    path = os.path.join(base, "vsbypass")
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as e:
        raise Error(f"cache folder {path}: {e.strerror}; set XDG_CACHE_HOME "
                    "to a folder that you can write to") from e
    return path


@contextlib.contextmanager
def lock(name, note=None):
    """Hold a lock of this user's cache; note() is called if it has to wait."""
    with open(os.path.join(root(), name + ".lock"), "w", encoding="ascii") as f:
        try:
            fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if note:
                note()
            fcntl.flock(f, fcntl.LOCK_EX)
        yield


def sha256(path):
    h = hashlib.sha256()
    with open(path, "rb") as f:
        while chunk := f.read(1 << 20):
            h.update(chunk)
    return h.hexdigest()


def _read(path):
    try:
        with open(path, encoding="ascii") as f:
            return f.read().strip()
    except (OSError, UnicodeDecodeError):
        return None


def key(*parts):
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:16]


def _prune(prefix, keep):
    """Drop what was made from older sources; nobody else asks for it again."""
    for name in os.listdir(root()):
        if name.startswith(prefix + "-") and not name.startswith(keep):
            path = os.path.join(root(), name)
            if os.path.isdir(path):
                shutil.rmtree(path, ignore_errors=True)
            else:
                with contextlib.suppress(OSError):
                    os.unlink(path)


def file(prefix, identity, make):
    """The path of a cached file; make(temporary path) writes it if need be."""
    name = f"{prefix}-{identity}"
    path = os.path.join(root(), name)
    with lock(prefix):
        want = _read(path + ".sha256")
        if want and os.path.exists(path):
            if sha256(path) == want:
                return path
            print(f"cache: {path} is damaged, making it again", file=sys.stderr)
        tmp = f"{path}.tmp"
        make(tmp)
        with open(path + ".sha256.tmp", "w", encoding="ascii") as f:
            f.write(sha256(tmp) + "\n")
        # the checksum first: a file without its checksum is made again
        os.rename(path + ".sha256.tmp", path + ".sha256")
        os.rename(tmp, path)
        _prune(prefix, name)
    return path


def _listing(path):
    """Names and sizes of all in a folder: cheap, and finds what got lost."""
    out = []
    for folder, _, names in os.walk(path):
        for n in names:
            full = os.path.join(folder, n)
            out.append(f"{os.path.relpath(full, path)} {os.lstat(full).st_size}")
    return key(*sorted(out))


def folder(prefix, identity, make):
    """The path of a cached folder; make(temporary path) fills it if need be."""
    name = f"{prefix}-{identity}"
    path = os.path.join(root(), name)
    with lock(prefix):
        if os.path.isdir(path):
            if _read(path + ".stamp") == _listing(path):
                return path
            print(f"cache: {path} is damaged, making it again", file=sys.stderr)
        shutil.rmtree(path, ignore_errors=True)
        tmp = path + ".tmp"
        shutil.rmtree(tmp, ignore_errors=True)
        os.makedirs(tmp)
        make(tmp)
        with open(path + ".stamp.tmp", "w", encoding="ascii") as f:
            f.write(_listing(tmp) + "\n")
        os.rename(path + ".stamp.tmp", path + ".stamp")
        os.rename(tmp, path)
        _prune(prefix, name)
    return path
