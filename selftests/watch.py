# SPDX-License-Identifier: GPL-2.0
"""vsbctl watch with cores of stock Debian guests: what it shows is what the guest said itself.

The control is a guest in which nobody hides anything. Then somebody does (lab/hide): the guest's
own ps and uname lie, which is another control, and vsbctl shows it.
"""

import json
import os
import secrets
import subprocess
import tempfile

import bare
import kernels

HERTZ = 100
PF_KTHREAD = 0x00200000
LIMIT_S = 120
FUZZ_S = 5


def escaped(name):
    """As vsbctl writes what is not printable ASCII."""
    return "".join(c if " " <= c <= "~" and c != "\\" else "".join(f"\\x{b:02x}" for b in c.encode()) for c in name)


class Points:
    def __init__(self):
        self.all = []

    def equal(self, name, seen, wanted):
        self.all.append(("ok" if seen == wanted else "fail", name, f"wanted: {wanted}\nseen:   {seen}"))

    def true(self, name, holds, why=""):
        self.all.append(("ok" if holds else "fail", name, str(why)))


class Core:
    """A core, and vsbctl to look at it."""

    def __init__(self, series, build_dir):
        self.folder = bare.core(series)
        self.truth = bare.truth(self.folder)
        # with the sanitizers
        self.vsbctl = os.path.join(build_dir, "qemu-proxy/vsbctl/asan/vsbctl")
        self.build = build_dir

    def run(self, *arguments, core="core"):
        return subprocess.run([self.vsbctl, "watch", "--core", os.path.join(self.folder, core), *arguments],
                              capture_output=True, text=True, timeout=LIMIT_S, check=False)

    def report(self, what, *arguments, core="core"):
        r = self.run("--json", *arguments, what, core=core)
        if r.returncode:
            raise OSError(f"vsbctl watch {what}: exit status {r.returncode}\n{r.stderr[-3000:]}")
        return json.loads(r.stdout)["return"]


def told_processes(lines):
    """{pid: what the guest's /proc has}"""
    told = {}
    for stat, uid in zip(lines[::2], lines[1::2]):
        head, rest = stat.rsplit(")", 1)
        pid, comm = head.split(" (", 1)
        fields = rest.split()
        told[int(pid)] = {"comm": escaped(comm), "state": fields[0], "ppid": int(fields[1]),
                          "kernel": bool(int(fields[6]) & PF_KTHREAD), "threads": int(fields[17]),
                          "start": int(fields[19]) / HERTZ, "uid": int(uid.split()[1]), "euid": int(uid.split()[2])}
    return told


def processes(points, core):
    report = core.report("ps")
    seen = {p["pid"]: p for p in report["processes"]}
    told = told_processes(core.truth["stat"])
    points.equal("release", report["linux"], core.truth["release"][0])
    points.equal("each process ID once", len(seen), len(report["processes"]))
    points.equal("nothing is hidden", report["hidden"], 0)
    points.equal("nothing is wrong with lists", report["notes"], [])
    points.true("there are processes to compare", len(told) > 40, len(told))
    # workers of the kernel come and go
    gone = {pid for pid in told if pid not in seen and not told[pid]["comm"].startswith("kworker")}
    new = {pid for pid in seen if pid not in told and not seen[pid]["comm"].startswith("kworker")}
    points.equal("all that the guest has in /proc", gone, set())
    points.equal("and none but these and init", new, {1})
    for what in ("ppid", "uid", "euid", "threads", "kernel"):
        points.equal(f"{what} of all", {p: seen[p][what] for p in seen if p in told},
                     {p: told[p][what] for p in seen if p in told})
    points.equal("names of all but kernel workers",
                 {p: seen[p]["comm"] for p in seen if p in told and not told[p]["kernel"]},
                 {p: told[p]["comm"] for p in seen if p in told and not told[p]["kernel"]})
    points.true("one of them would clear a terminal's screen",
                any(p["comm"] == "e\\x1b[2Jvil\\x5c" for p in seen.values()), sorted(p["comm"] for p in seen.values()))
    points.equal("those that are stopped, and dead", [seen[p]["state"] for p in seen if p in told and told[p]["state"] in "TZ"],
                 [told[p]["state"] for p in seen if p in told and told[p]["state"] in "TZ"])
    points.true("one of each", {"T", "Z"} <= {p["state"] for p in seen.values()})
    points.equal("start times", [p for p in seen if p in told and abs(seen[p]["start_s"] - told[p]["start"]) > 0.011], [])
    boot = int(core.truth["btime"][0].split()[1])
    r = subprocess.run(["date", "-u", "+%s", "-d", seen[1]["started"]], capture_output=True, text=True, check=True)
    points.true("init's start is that of the machine", abs(int(r.stdout) - boot) <= 2, f"{r.stdout} {boot}")
    text = core.run("ps").stdout
    points.true("as text: a line each", text.count("\n") >= len(seen) + 2, text)
    points.true("printable", all(" " <= c <= "~" or c == "\n" for c in text), repr(text))


def modules(points, core):
    report = core.report("modules")
    told = [line.split() for line in core.truth["modules"]]
    points.true("there are modules to compare", len(told) >= len(bare.MODULES), told)
    points.equal("modules, their sizes and addresses",
                 [(m["name"], m["size"], int(m["text"], 16), m["state"]) for m in report["modules"]],
                 [(m[0], int(m[1]), int(m[5], 16), m[4].lower()) for m in told])
    points.equal("none is hidden", (report["hidden"], report["notes"]), (0, []))
    points.true("as text: a line each", core.run("modules").stdout.count("\n") == len(told) + 2)


def symbols(points, core):
    r = subprocess.run([os.path.join(core.build, "tests/watch-symbols"), os.path.join(core.folder, "core")],
                       capture_output=True, text=True, timeout=LIMIT_S, check=False)
    points.true("watch-symbols ends well", r.returncode == 0, r.stderr)
    seen = {tuple(line.split()) for line in r.stdout.splitlines()}
    told = [tuple(line.split()) for line in core.truth["symbols"] if " " in line]
    # those of a CPU's area are nowhere
    told = [(at, name) for at, name in told if int(at, 16) >= 1 << 63]
    points.true("there are symbols to compare", len(told) > 150, len(told))
    points.equal("each symbol, with its address", [s for s in told if s not in seen], [])


def text(points, core):
    report = core.report("text")
    told = {name: int(at, 16) for at, _, name in (line.split() for line in core.truth["text"])}
    points.equal("where the code is", (int(report["start"], 16), report["size"]),
                 (told["_stext"], told["_etext"] - told["_stext"]))
    points.equal("all of it is there", report["mapped"], report["size"])
    points.equal("no system call leads elsewhere", (report["odd"], report["hooked"]), ([], []))
    points.true("there are system calls", report["syscalls"] > 400, report["syscalls"])


def files(points, core):
    report = core.report("files")
    processes_told = told_processes(core.truth["stat"])
    told = {}
    for line in core.truth["files"]:
        where, name = line.split(" ", 1)
        # not those of the shell that looks
        if int(where.split("/")[2]) in processes_told:
            told[(int(where.split("/")[2]), int(where.split("/")[4]))] = escaped(name)
    seen = {(f["pid"], f["fd"]): f["name"] for f in report["files"] if f["pid"] != 1}
    points.true("there are files to compare", len(told) > 15, told)
    points.equal("each descriptor, with its path", seen, told)
    for name in ("/etc/passwd", "/tmp/fifo2", "/proc/meminfo", "/dev/ttyS0", "/tmp/gone (deleted)"):
        points.true(f"among them {name}", name in seen.values(), seen)
    points.true("and pipes", any(name.startswith("pipe:[") for name in seen.values()), seen)
    points.true("as text: a line each", core.run("files").stdout.count("\n") == len(report["files"]) + 2)


def attack(points, core):
    victim = int(core.truth["attack"][0].split()[1])
    release = core.truth["release"][0]
    points.equal("control: before the attack", core.truth["attack"][1],
                 f"before kill yes ps yes module no uname {release}")
    points.equal("control: the guest's ps, kill, lsmod and uname lie", core.truth["attack"][2:],
                 ["after kill no ps no module no uname 0.0.0-hidden"])
    report = core.report("ps", core="core.attacked")
    points.equal("the process is shown, and what it is hidden from",
                 [(p["pid"], p["comm"], p["missing_in"]) for p in report["processes"] if p["missing_in"]],
                 [(victim, "sleep", ["pids"])])
    points.equal("counted", report["hidden"], 1)
    report = core.report("modules", core="core.attacked")
    points.equal("so is the module", [(m["name"], m["missing_in"]) for m in report["modules"] if m["missing_in"]],
                 [("hide", ["list"])])
    with tempfile.NamedTemporaryFile() as f:
        core.report("text", "--save", f.name)
        before = core.report("text", "--against", f.name)
        points.equal("control: no change without an attack", (before["changes"], before["changed_syscalls"]), ([], []))
        report = core.report("text", "--against", f.name, core="core.attacked")
        text = core.run("text", "--against", f.name, core="core.attacked").stdout
    points.equal("the system call whose entry is patched", [(o["number"], o["name"], o["flaw"], o["entry"].split("+")[0])
                                                            for o in report["odd"]], [(63, "uname", "outside", "[hide]")])
    points.equal("the function that is hooked", [h["function"] for h in report["hooked"]], ["__x64_sys_newuname"])
    points.equal("and both by comparison", [(c["name"], c["was"].split("+")[0]) for c in report["changed_syscalls"]],
                 [("uname", "__x64_sys_newuname")])
    points.true("with the function's name", any(c["symbol"].startswith("__x64_sys_newuname+") for c in report["changes"]),
                report["changes"])
    points.true("few others", len(report["changes"]) < 20, report["changes"])
    points.true("as text, too", "system call uname (63)" in text and "__x64_sys_newuname" in text, text)


def confined(points, core):
    """The program as it is installed confines itself before it looks, and sees the same."""
    program = os.path.join(core.build, "qemu-proxy/vsbctl/vsbctl")
    path = os.path.join(core.folder, "core.attacked")
    for what in ("ps", "files", "modules", "text"):
        r = subprocess.run([program, "watch", "--core", path, what], capture_output=True, text=True, timeout=LIMIT_S,
                           check=False)
        points.equal(f"confined: {what}", (r.returncode, r.stdout), (0, core.run(what, core="core.attacked").stdout))
    # it says more than the pipe takes
    with subprocess.Popen([program, "watch", "--json", "--core", path, "ps"], stdout=subprocess.PIPE,
                          pipesize=4096) as p:
        p.stdout.read(1)
        with open(f"/proc/{p.pid}/status", encoding="ascii") as f:
            status = dict(line.split(":", 1) for line in f)
        points.equal("by a filter of system calls, for good", (status["Seccomp"].strip(), status["NoNewPrivs"].strip()),
                     ("2", "1"))
        p.stdout.read()
    points.equal("and it ends well", p.returncode, 0)


def refusals(points, core, other):
    with tempfile.NamedTemporaryFile() as f:
        other.report("text", "--save", f.name)
        r = core.run("text", "--against", f.name)
        points.true("an earlier look at another kernel", r.returncode == 1 and "another kernel" in r.stderr, r.stderr)
        r = core.run("text", "--against", core.vsbctl)
        points.true("what is no earlier look", r.returncode == 1 and "not made by" in r.stderr, r.stderr)
    r = core.run("text", "--against", "/nowhere/x")
    points.true("none", r.returncode == 1 and "No such file" in r.stderr, r.stderr)
    r = core.run("ps", core="truth")
    points.true("what is no core", r.returncode == 1 and "no ELF core" in r.stderr, r.stderr)


PARTS = (processes, files, modules, symbols, text, attack)


def check(series):
    def test(build_dir):
        points = Points()
        core = Core(series, build_dir)
        for part in PARTS:
            part(points, core)
        if series == kernels.NATIVE:
            confined(points, core)
            refusals(points, core, Core(next(s for s in kernels.SYSTEMS if s != series), build_dir))
        return points.all
    return test


def fuzz(build_dir):
    """Memory that lies (watch-fuzz), with a seed that is told; damaged files."""
    points = Points()
    for series in kernels.SYSTEMS:
        core = Core(series, build_dir)
        seed = secrets.randbelow(1 << 31)
        r = subprocess.run([os.path.join(build_dir, "tests/watch-fuzz"), os.path.join(core.folder, "core.attacked"),
                            str(seed), str(FUZZ_S)], capture_output=True, text=True, timeout=FUZZ_S + LIMIT_S, check=False)
        points.true(f"{series}, seed {seed}: {r.stdout.splitlines()[-1] if r.stdout else ''}",
                    r.returncode == 0 and "looks" in r.stdout, f"exit status {r.returncode}\n{r.stderr[-3000:]}")
    heads(points, core)
    return points.all


def heads(points, core):
    """A core whose headers are damaged, or that is cut short: it is refused or read, no more."""
    with tempfile.NamedTemporaryFile() as f, open(os.path.join(core.folder, "core"), "rb") as source:
        head = source.read(8192)
        f.write(head)
        ends = []
        for i in range(150):
            changed = bytearray(head[:len(head) if i % 3 else secrets.randbelow(len(head))])
            for _ in range(1 + i % 8):
                if changed:
                    changed[secrets.randbelow(min(len(changed), 1200))] = secrets.randbelow(256)
            f.seek(0)
            f.truncate()
            f.write(changed)
            f.flush()
            r = subprocess.run([core.vsbctl, "watch", "--core", f.name, "ps"], capture_output=True, text=True,
                               errors="replace", timeout=LIMIT_S, check=False)
            ends.append((r.returncode, r.stderr))
        odd = [e for e in ends if e[0] != 1 or not e[1].startswith("vsbctl: /") or "Sanitizer" in e[1]]
        points.true("damaged heads are refused in words", not odd, odd[:1])


TESTS = {"watch-fuzz": fuzz}
TESTS |= {f"watch-core-{series}": check(series) for series in kernels.SYSTEMS}
