# SPDX-License-Identifier: GPL-2.0
"""Messages that the manual quotes are messages of the programs."""

import glob
import os
import re

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PAGE = "Documentation/troubleshooting.rst"
SOURCES = ("qemu-proxy/*/*.c", "libvirt-hooks/*.c", "l1-agent/*.c", "guest-tools/*.c", "kvm-vsbypass/**/*.c")
STRING = r'"((?:[^"\\]|\\.)*)"'


def strings():
    """All string literals; those that C joins are one."""
    found = []
    for pattern in SOURCES:
        for path in glob.glob(os.path.join(ROOT, pattern), recursive=True):
            if os.path.basename(path).startswith("unit-"):
                continue
            with open(path, encoding="utf-8") as f:
                text = f.read()
            # a macro between two literals is text like any other
            for run in re.finditer(STRING + r"(?:\s+(?:[A-Z_0-9]+\s+)?" + STRING + ")*", text):
                found.append("".join(re.findall(STRING, run.group())).replace('\\"', '"')
                             .replace("\\n", ""))
    return found


def quoted():
    with open(os.path.join(ROOT, PAGE), encoding="utf-8") as f:
        # a definition: in the first column, its text in the next line
        return re.findall(r"(?m)^``(.+)``\n {4}\S", f.read())


def check(_):
    """Return: points."""
    all_strings = strings()
    messages = quoted()
    points = [("ok" if len(messages) >= 20 else "fail", f"{PAGE} quotes messages", str(len(messages)))]
    for message in messages:
        # what is not "…" is in one string, in this order; a string may end in what is variable
        pattern = ".*".join(re.escape(part) for part in message.split("…"))
        said = re.sub(r"[^\w]|…", "", message)
        good = len(said) >= 8 and any(re.search(pattern, re.sub(r"%[-\d.*]*(?:l|h|z)*[a-z]", "\0", s), re.S)
                                      for s in all_strings)
        points.append(("ok" if good else "fail", message,
                       "wanted: a message of a program like this; seen: none"))
    return points
