# SPDX-License-Identifier: GPL-2.0
"""The emulated hosts and whoever tells of them: an emulator comes up on any machine, says
why if it does not, and nobody claims a thing of what did not run.

The programs are the ones that people run: lab, demo, bench, plot. What is hostile or cut
short is what they find.
"""

import contextlib
import io
import os
import re
import socket
import stat
import subprocess
import sys
import tempfile
import types
from importlib.machinery import SourceFileLoader

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LAB = os.path.join(ROOT, "selftests", "lab")
sys.path.append(LAB)
# pylint: disable=wrong-import-position
import cache

HOSTS = ("amd", "intel")
UP_S = 1200     # for one boot on a machine that has other things to do

# What programs look for on the machine that they run on. FOLDER has files that none of the
# emulators would survive to read.
HOSTILE = {
    "HOME": "FOLDER", "XDG_CONFIG_HOME": "FOLDER", "XDG_RUNTIME_DIR": "/nonexistent",
    "DISPLAY": ":4711", "WAYLAND_DISPLAY": "wayland-4711", "XAUTHORITY": "/nonexistent",
    "SDL_VIDEODRIVER": "x11", "SDL_AUDIODRIVER": "nonsense", "QEMU_AUDIO_DRV": "nonsense",
    "PULSE_SERVER": "unix:/nonexistent", "PIPEWIRE_REMOTE": "/nonexistent",
    "ALSA_CONFIG_PATH": "FOLDER/.asoundrc", "AUDIODEV": "/nonexistent",
    "BXSHARE": "/nonexistent", "BOCHSRC": "FOLDER/.bochsrc", "LTDL_LIBRARY_PATH": "FOLDER",
    "QEMU_MODULE_DIR": "FOLDER", "LD_LIBRARY_PATH": "FOLDER", "GUEST": "nonsense",
    "LC_ALL": "tr_TR.UTF-8", "LANG": "xx_XX", "LANGUAGE": "tr", "TZ": "Pacific/Kiritimati",
    "TERM": "nonsense", "TERMINFO": "/nonexistent", "COLUMNS": "3", "LINES": "1",
    "G_DEBUG": "fatal-warnings", "G_MESSAGES_DEBUG": "all", "MALLOC_PERTURB_": "85",
}


def _hostile(folder):
    """An environment, and the files that it names."""
    for name in (".bochsrc", "bochsrc", "bochsrc.txt", ".asoundrc", "qemu/qemu.conf",
                 "libasound.so.2", "libbx_serial.so", "libglib-2.0.so"):
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="ascii") as f:
            f.write("nonsense: of a test of vsbypass\n")
    # a name that options and settings files do not take as it is
    tmp = os.path.join(folder, "a b,c=d$HOME'#")
    os.mkdir(tmp)
    return {"TMPDIR": tmp, **{k: v.replace("FOLDER", folder) for k, v in HOSTILE.items()}}


def _cache_home():
    return os.path.dirname(cache.root())


def _start(program, *args, env, **more):
    """Return: exit status and output of one of the lab's programs."""
    r = subprocess.run([sys.executable, program, *args], stdin=subprocess.DEVNULL,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                       errors="replace", check=False, timeout=UP_S + 60,
                       env={"PATH": os.environ["PATH"], "XDG_CACHE_HOME": _cache_home(),
                            **env}, **more)
    return r.returncode, r.stdout


def _point(ok, name, text):
    return ("ok" if ok else "fail", name, text)


@contextlib.contextmanager
def _ports_taken():
    """Those of VNC servers: somebody else has them all."""
    with contextlib.ExitStack() as stack:
        for port in range(5900, 5950):
            s = stack.enter_context(socket.socket())
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                s.bind(("", port))
                s.listen()
        yield


def check(build_dir):
    """Each emulator in two surroundings: with nothing, and with all that is of no use."""
    points = []
    for vendor in HOSTS:
        args = (os.path.join(LAB, "lab"), "--host", vendor, "--job", "lab", "--build", build_dir,
                "--timeout", str(UP_S))
        rc, out = _start(*args, env={})
        points.append(_point(rc == 0 and "L0 is up" in out, f"{vendor}: comes up with an empty environment",
                             f"wanted: 0, seen: {rc}\n{out[-4000:]}"))
        with tempfile.TemporaryDirectory(prefix="vsb-hostile-") as folder, _ports_taken():
            env = _hostile(folder)
            # with few descriptors, no memory to lock and cores of any size
            rc, out = _start(*args, env=env, cwd=folder, umask=0o077, preexec_fn=_few_limits)
            points.append(_point(rc == 0 and "L0 is up" in out, f"{vendor}: comes up in a hostile environment",
                                 f"wanted: 0, seen: {rc}\n{out[-4000:]}"))
            left = os.listdir(env["TMPDIR"])
            points.append(_point(not left, f"{vendor}: leaves nothing behind", f"seen: {left}"))
    return points


def _few_limits():
    import resource  # pylint: disable=import-outside-toplevel
    for what, soft in ((resource.RLIMIT_NOFILE, 48), (resource.RLIMIT_MEMLOCK, 0),
                       (resource.RLIMIT_CORE, -1)):
        hard = resource.getrlimit(what)[1]
        with contextlib.suppress(ValueError):
            resource.setrlimit(what, (soft if soft >= 0 else hard, hard))


LAST_WORDS = "no such chip: 4711 of this test"


def _stand_in(folder, name, script):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="ascii") as f:
        f.write(f"#!/bin/sh\n{script}\n")
    os.chmod(path, 0o755)


def ended(build_dir):
    """An emulator that ends at once: everybody says why and where more is to be read."""
    points = []
    ways = {"says why": (f"echo '{LAST_WORDS}' >&2; exit 1", "exit status 1", LAST_WORDS),
            "is killed": ("kill -SEGV $$", "signal 11", "emulator.log")}
    programs = {
        "lab": [os.path.join(LAB, "lab"), "--job", "lab"],
        "lab --shell": [os.path.join(LAB, "lab"), "--shell"],
        "demo": [os.path.join(LAB, "demo")],
        "bench": [os.path.join(ROOT, "selftests/bench/bench"), "--only", "nested"],
        "check": [os.path.join(ROOT, "selftests/run"), "insmod-HOST"],
    }
    for way, (script, status, words) in ways.items():
        with tempfile.TemporaryDirectory(prefix="vsb-ended-") as folder:
            for name in ("qemu-system-x86_64", "bochs"):
                _stand_in(folder, name, script)
            # insmod: who waits for a cache lock of the same name waits for a real lab to end
            for vendor in HOSTS:
                for name, command in programs.items():
                    if (way, vendor) == ("is killed", "intel"):
                        continue
                    points += _ended(build_dir, folder, f"{vendor}, {name}: an emulator that {way}",
                                     [c.replace("HOST", vendor) for c in command], vendor, status, words)
    return points


def _ended(build_dir, folder, name, command, vendor, status, words):
    own = os.path.join(folder, "build")
    if not os.path.exists(own):
        os.mkdir(own)
        for part in os.listdir(build_dir):
            if not part.startswith(("lab-", "demo-", "bench-")):
                os.symlink(os.path.join(build_dir, part), os.path.join(own, part))
    host = [] if command[0].endswith("run") else ["--host", vendor]
    rc, out = _start(*command, *host, "--build", own,
                     env={"PATH": folder + ":" + os.environ["PATH"], "TMPDIR": folder})
    places = re.findall(r"its logs: (.*)", out)
    missing = [w for w in (words, status, "its logs: ") if w not in out]
    points = [_point(rc not in (0, -1) and not missing, name + " is told of",
                     f"wanted: not 0, and {missing}; seen: {rc}\n{out[-3000:]}")]
    there = bool(places) and all(os.path.isfile(os.path.join(p.strip(), "emulator.log")) for p in places)
    points.append(_point(there, name + ", its folder is there", f"wanted: {places} with emulator.log"))
    if command[0].endswith("demo"):
        table = out[out.find("without bypass"):]
        claims = re.findall(r"LEAKED|not seen|nothing|works|arrive", table)
        points.append(_point("not run" in table and not claims, name + ", nothing is claimed",
                             f"seen: {claims}\n{table}"))
    return points


def _load(*path):
    return SourceFileLoader(path[-1] + "_under_test", os.path.join(ROOT, "selftests", *path)).load_module()


# A run of the job eavesdrop, as it prints it; S1 and S2 are the passwords.
GOOD = """\
@result run1-login ok
@result run1-accesses 10310
@result run1-logged 3019
@result run1-typed root S1 echo
@result run1-keys S1
@result run1-admin arrives
@result run1-screen shown
@result run1-screendump 01 S1
@result run1-video 01 S1
@result run1-vnc 01 S1
@result run2-keys 
@result run2-admin does not arrive
@result run2-screen shown
@result run2-screendump 
@result run2-video 
@result run2-vnc 
@result run2-accesses 0
@result run2-logged 0
@result run2-typed 
@result run2-explained yes
@result run2-programs busybox qemu-system-x86_64
@result run2-ours 
@result run2-login ok
""".splitlines()


def _demo(module, lines, secrets):
    """Return: what demo prints for LINES, and what is wrong according to it."""
    demo = module.Demo(False)
    demo.secret = secrets
    with contextlib.redirect_stdout(io.StringIO()) as out:
        for line in lines:
            demo.on_event("line", "eavesdrop", line.replace("S1", secrets[0]).replace("S2", secrets[1]))
        demo.table()
    return out.getvalue()[out.getvalue().find("without bypass"):], \
        module.outcome.faults(demo.result, secrets)


def verdicts(build_dir):
    """Tables of runs that were cut short at each line, or have no answer in one."""
    points = []
    module = _load("lab", "demo")
    secrets = ["5ec2e701", "5ec2e702"]

    def demo(name, lines, wanted, unwanted, ok=False):
        table, faults = _demo(module, lines, secrets)
        wrong = [w for w in wanted if not re.search(w, table)] + \
            [u for u in unwanted if re.search(u, table)]
        points.append(_point(not wrong and (not faults) == ok, "demo: " + name,
                             f"wrong: {wrong}, faults: {faults}\n{table}"))

    demo("a whole run", GOOD, ["READ: 5ec2e701", "nothing"], ["LEAKED", "not run", "not seen"], True)
    demo("nothing ran", [], ["not run"], ["LEAKED", "not seen", "nothing", "works", "READ", "FAILED"])
    for n in range(1, len(GOOD)):
        done = [line.split()[1] for line in GOOD[:n]]
        unwanted = ["LEAKED", "not seen", "FAILED"]
        if "run2-login" not in done:
            unwanted += ["nothing", r"\| [^|\n]*\| works"]
        demo(f"cut behind {done[-1]}", GOOD[:n], ["not run"], unwanted)
    for n, line in enumerate(GOOD):
        key = line.split()[1]
        demo(f"without {key}", GOOD[:n] + GOOD[n + 1:],
             ["not run"] if key not in ("run1-login", "run2-programs") else [],
             ["LEAKED", "not seen"], key in ("run1-login", "run1-admin", "run2-admin",
                                             "run1-accesses", "run1-logged", "run1-screen", "run2-programs"))
    for key in ("run2-typed", "run2-keys", "run2-screendump", "run2-video", "run2-vnc"):
        lines = [f"@result {key} xS2x" if line.split()[1] == key else line for line in GOOD]
        demo(f"a secret in {key}", lines, ["LEAKED"], [])
        demo(f"a secret in {key}, and the rest did not come", [f"@result {key} S2"], ["LEAKED", "not run"], [])
    lines = [line.replace("vnc ", "vnc another picture: ..") if "run2" in line else line for line in GOOD]
    demo("another picture than a blank one", lines, [r"VNC server[^|]*\|[^|]*\| not the password\n"], ["LEAKED"])
    lines = [line.replace("accesses 0", "accesses 7") for line in GOOD]
    demo("accesses that the module has shown", lines, [r"\| 7, all ours, no data"], ["LEAKED"], True)
    lines = [line.replace("explained yes", "explained no") for line in lines]
    demo("accesses, but no secret", lines, [r"\| 7\n"], ["LEAKED", "ours"])
    lines = [line.replace("run2-ours ", "run2-ours /usr/bin/vsb-agent") for line in GOOD]
    demo("an agent", lines, [r"\| vsb-agent +\| vsb-agent\n"], ["LEAKED"], True)
    lines = [line.replace("accesses 0", "accesses # L1 did not answer") for line in GOOD]
    demo("no answer to a question", lines, ["not known"], ["LEAKED"])
    lines = [line.replace("login ok", "login failed") for line in GOOD]
    demo("logins that failed", lines, ["FAILED"], ["LEAKED", r"tap +\|[^|\n]*\| nothing"], True)

    points += _bench_verdicts(_load("bench", "bench"))
    points += _plot_verdicts(build_dir)
    return points


def _bench_verdicts(bench):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        bench.table({}, bench.SETTINGS, {"nested"})
        goals = bench.goals("intel", {"nested_cpuid_instructions": {"with": None, "without": 1.0}})
    table = out.getvalue()
    points = [_point(table.count("not run") == (len(bench.SETTINGS) - 1) * len(bench.ROWS) and
                     table.count("not measured") == len(bench.ROWS),
                     "bench: what did not run", table),
              _point(not goals, "bench: no goal is met or missed by what did not run", str(goals))]
    run = types.SimpleNamespace(lines=[], values={}, trouble=[], only_core=False, say=lambda _: None)
    bench.Run.on_event(run, "line", None, "@result nested out")
    points.append(_point(not run.values, "bench: half a line is no figure", str(run.values)))
    return points


def _plot_verdicts(build_dir):
    """Figures of one setting: the others have no bar, and the plot is made."""
    with tempfile.TemporaryDirectory(prefix="vsb-plot-") as folder:
        svg = os.path.join(folder, "out.svg")
        with open(os.path.join(folder, "bench-amd.json"), "w", encoding="ascii") as f:
            f.write('{"nested": {"out_bytes_per_s": 100, "in_bytes_per_s": 100, "echo_ms_p50": 1.5, '
                    '"exits_per_byte": NaN}, "vsbypass": {"out_bytes_per_s": 900}}\n')
        rc, out = _start(os.path.join(ROOT, "selftests/bench/plot"), folder, svg, env={})
        made = os.path.exists(svg) and stat.S_ISREG(os.stat(svg).st_mode) and os.stat(svg).st_size > 0
    return [_point(rc == 0 and made, "plot: of what was measured only", f"{rc} {out} {build_dir}")]
