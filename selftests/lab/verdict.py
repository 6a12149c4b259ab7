# SPDX-License-Identifier: GPL-2.0
"""Judge what a test printed (TAP) and what a kernel logged."""

import re

# What a healthy kernel never logs. Stock kernels log none of these in the lab.
BAD = re.compile(
    r"BUG:|BUG at|WARNING:|Call Trace|soft lockup|hard LOCKUP|stall(?:s|ed)? (?:on|detected)|"
    r"detected stall|self-detected stall|blocked for more than|unable to handle|"
    r"general protection fault|Oops|Kernel panic|KASAN|KCSAN|UBSAN|refcount_t|"
    r"possible circular locking|scheduling while atomic|sleeping function called|"
    r"INFO: task|double fault|page allocation failure|Out of memory|"
    r"unreferenced object|invalid opcode|segfault|rcu: INFO|Tainted: .*[WDL]\b")


def kernel_log(text):
    """The lines of TEXT that show a kernel in trouble."""
    return [line for line in text.splitlines() if BAD.search(line)]


def note(line):
    """What a job remarks beside its points (note() in guest/lib.sh), or None."""
    m = re.match(r"# [0-9.]+ (.*)", line)
    return m.group(1) if m else None


class Tap:
    """Points of one TAP stream, and what it printed around failures."""

    POINT = re.compile(r"^(not ok|ok)\b(?:\s+(\d+))?\s*-?\s*([^#]*)(?:#\s*(.*))?$")

    def __init__(self, text):
        self.points = []        # (result, name, text around it); result: ok, fail, skip
        self.plan = None
        self.bail = None
        self.lost = []          # points of which only the next one came
        numbers = {0}           # a program with its own may run in between
        around = []
        for line in text.splitlines():
            line = line.rstrip("\r")
            if m := re.match(r"^1\.\.(\d+)\s*(?:#\s*(.*))?$", line):
                self.plan = int(m.group(1))
                if self.plan == 0:
                    self.points.append(("skip", m.group(2) or "all", ""))
                continue
            if line.startswith("Bail out!"):
                self.bail = line
                continue
            m = self.POINT.match(line)
            if not m:
                around.append(line)
                # what explains a failure may come after it
                if self.points and self.points[-1][0] == "fail" and line.startswith("#"):
                    r, n, t = self.points[-1]
                    self.points[-1] = (r, n, t + line + "\n")
                continue
            result, name, directive = m.group(1), m.group(3).strip(), m.group(4) or ""
            if m.group(2):
                if int(m.group(2)) - 1 not in numbers:
                    self.lost.append(int(m.group(2)) - 1)
                numbers.add(int(m.group(2)))
            if re.match(r"skip", directive, re.I):
                self.points.append(("skip", name, directive))
            elif result == "ok":
                self.points.append(("ok", name, ""))
            else:
                self.points.append(("fail", name, "".join(x + "\n" for x in around[-12:])))
            around = []
        self.rest = around

    def problems(self):
        """What is wrong with the stream itself, apart from its points."""
        out = []
        if self.bail:
            out.append(self.bail)
        out += [f"point {n} did not come, or behind half a line" for n in self.lost]
        n = len(self.points)
        if self.plan and n != self.plan:
            out.append(f"{n} of {self.plan} test points were reported")
        if n == 0 and self.plan != 0:
            out.append("no test point was reported")
        return out
