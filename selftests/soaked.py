# SPDX-License-Identifier: GPL-2.0
"""What a soak has shown: whether memory is flat over time, its figures and their picture."""

import re
import subprocess

# KiB, or a number, that the mean of the last quarter of the samples may be above that of the
# second one. Of the first quarter it is known that it grows: caches fill.
BOUND = {
    # a ring of 1000 messages fills
    "vsbypassd": 192,
    # backlogs of 64 KiB fill
    "vsb-console": 512, "proxies": 1024,
    # what is left of a process comes and goes with the time that its memory takes to be freed
    "slab": 768, "unreclaimable": 512,
    # 256 user VMs that have ended: VSB_MAX_UNBOUND
    "remembered": 2048, "percpu": 64, "vmalloc": 256, "stacks": 128, "tables": 256,
    "descriptors": 0, "processes": 0,
}
DRAWN = (("MiB", ("proxies", "slab", "unreclaimable")), ("MiB", ("vsbypassd", "vsb-console")),
         ("KiB", ("percpu", "stacks", "tables", "mmu", "remembered")))
LEAST = 8       # samples, of which a quarter says something


def samples(lines):
    """[{name: value}] of the lines "@soak SECONDS NAME=VALUE..."; "s" is the time."""
    out = []
    for line in lines:
        if m := re.match(r"@soak (\d+) (.*)", line):
            out.append({"s": int(m[1]), **{k: int(v) for k, v in re.findall(r"(\S+)=(\d+)", m[2])}})
    return out


def growth(values):
    """Mean of the last quarter less that of the second."""
    n = len(values) // 4
    last, second = values[-n:], values[n:2 * n]
    return sum(last) / n - sum(second) / n


def judged(found):
    """[(name, growth, bound)] of all that is bounded, and what is wrong, or ""."""
    if len(found) < LEAST:
        return [], f"{len(found)} samples, at least {LEAST} are wanted: more HOURS"
    if missing := [name for name in BOUND if any(name not in s for s in found)]:
        return [], f"no figures of {', '.join(missing)}"
    grown = [(name, growth([s[name] for s in found]), bound) for name, bound in BOUND.items()]
    return grown, ", ".join(f"{name} grew by {by:.0f}, at most {bound}" for name, by, bound in grown if by > bound)


def draw(found, svg):
    script = (f"set terminal svg size 900,900 font 'sans-serif,13' background 'white'\nset output '{svg}'\n"
              "set key outside bottom center horizontal\nset grid\nset yrange [0:*]\n"
              "set xlabel 'minutes of the host'\nset multiplot layout 3,1\n")
    for i, (unit, names) in enumerate(DRAWN):
        scale = 1024 if unit == "MiB" else 1
        rows = "".join(f"{(s['s'] - found[0]['s']) / 60} " + " ".join(str(s[n] / scale) for n in names) + "\n"
                       for s in found)
        script += f"$d{i} << EOD\n{rows}EOD\nset ylabel '{unit}'\nplot " + ", ".join(
            f"$d{i} using 1:{n + 2} with linespoints title '{name}'" for n, name in enumerate(names)) + "\n"
    subprocess.run(["gnuplot"], input=script, text=True, check=True)


def _lines(changes=None, count=24):
    """A soak in which all is flat but for CHANGES: {name: function of a sample's number}."""
    return ["@soak %d " % (30 * i) + " ".join(
        f"{name}={(changes or {}).get(name, lambda i: 1000 + i % 3)(i)}" for name in BOUND) for i in range(count)]


def check(_):
    """judged() knows what leaks, and what does not."""
    points = []

    def point(name, ok, seen):
        points.append(("ok" if ok else "fail", name, f"seen: {seen}"))

    for name, changes, wanted in (
            ("flat", {}, ""),
            ("caches that fill at first", {"slab": lambda i: 9000 if i >= 6 else 1000 * i}, ""),
            ("a round leaks 100 KiB of slab", {"slab": lambda i: 1000 + 100 * i}, "slab"),
            ("a round leaks 50 KiB in vsb-console", {"vsb-console": lambda i: 1000 + 50 * i}, "vsb-console"),
            ("a descriptor is left each time", {"descriptors": lambda i: 20 + i}, "descriptors"),
            ("a process is left in the end", {"processes": lambda i: 5 + (i > 20)}, "processes")):
        changes = {"descriptors": lambda i: 20, "processes": lambda i: 5, **changes}
        seen = judged(samples(_lines(changes)))[1]
        point(name, seen.startswith(wanted) if wanted else not seen, seen or "nothing")
    seen = judged(samples(_lines(count=LEAST - 1)))[1]
    point("too few samples say nothing", "samples" in seen, seen)
    seen = judged(samples([line.replace("slab=", "lab=") for line in _lines()]))[1]
    point("a figure that is missing is told", "no figures of slab" in seen, seen)
    return points


TESTS = {"soak-judged": check}
