#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""What a terminal shows of a user VM's console, compared: without and with the bypass.

As a program (Debian's Python, which has pyte): bytes on standard input, the screen on
standard output; lines that have something in reverse, as menus have, begin with ">".
"""

import base64
import re
import subprocess
import sys

MARK = "@screen "
WIDTH, HEIGHT = 80, 25

# What depends on time, or on the day: guest -> [(expression, instead)].
MOVES = {
    "memtest": [(r"CLK/Temp:[^|]*", "CLK/Temp: "), (r" +[0-9.]+ [KMG]B/s *", " N B/s "),
                (r"(Pass|Test) +[0-9]*%[ #]*", r"\1 N%"), (r"Test #.*", "Test #"),
                (r"(Testing|Pattern|Time):.*", r"\1:"), (r"Pass: +[0-9]+", "Pass:"),
                (r"Using:[^|\n]*\|", "Using: |"),
                # beside a menu in front of it
                (r"(?m)^>(?=L[23] C|Memory|CPU|Using|---).{0,22}(.{0,36}).*$", r">\1"),
                (r"(?m) +$", "")],
}


def main():
    import pyte  # pylint: disable=import-outside-toplevel
    screen = pyte.Screen(WIDTH, HEIGHT)
    pyte.ByteStream(screen).feed(sys.stdin.buffer.read())
    for y, line in enumerate(screen.display):
        reverse = any(screen.buffer[y][x].reverse for x in range(WIDTH))
        print((">" if reverse else " ") + line.rstrip())


def render(data):
    r = subprocess.run(["/usr/bin/python3", __file__], input=data, capture_output=True, check=False)
    if r.returncode:
        return "the terminal failed: " + r.stderr.decode(errors="replace")
    return r.stdout.decode(errors="replace")


def _still(guest, text):
    for what, instead in MOVES.get(guest, ()):
        text = re.sub(what, instead, text)
    return text.rstrip()


def points(lines):
    """[(result, name, explanation)] of what a job has printed: each step that was reached
    shows the same screen in both runs."""
    seen = {}
    for line in lines:
        word = line.split()
        if line.startswith(MARK) and len(word) == 5:
            _, guest, run, step, data = word
            seen.setdefault((guest, step), {})[run] = base64.b64decode(data)
    out = []
    for (guest, step), runs in seen.items():
        name = f"{guest}, {step}: the screen is the same"
        if len(runs) < 2:
            out.append(("fail", name, f"seen: only in the run {', '.join(runs)}\n"
                        + render(list(runs.values())[0])))
            continue
        shown = {run: _still(guest, render(data)) for run, data in runs.items()}
        same = shown["control"] == shown["bypass"] and shown["control"].strip()
        out.append(("ok" if same else "fail", name,
                    "wanted, without the bypass:\n" + shown["control"] +
                    "\nseen, with it:\n" + shown["bypass"] + "\n"))
    return out


if __name__ == "__main__":
    main()
