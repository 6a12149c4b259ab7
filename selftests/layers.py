# SPDX-License-Identifier: GPL-2.0
"""Who uses whom: a room uses what is in it and in those below it, nothing else.

Read from what the compiler has made: a symbol that an object lacks is looked for in the
objects of all rooms (nm), and a header that a source has included is in a room, too.
"""

import glob
import html
import os
import re
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def under(folder, levels):
    return [under(folder, level) if isinstance(level, list) else
            " ".join(f"{folder}/{pattern}" for pattern in level.split()) for level in levels]


# A test each: name, and rooms from bottom to top. A room is one or more patterns of files; rooms
# in one list are side by side and do not use each other. Of patterns that fit a file the one
# with the longest beginning without a wildcard counts.
ROOMS = [
    ("module", [
        "kvm-vsbypass/devices/*",
        "kvm-vsbypass/core/*",
        "kvm-vsbypass/kvm/*",
        "kvm-vsbypass/*",
    ]),
    ("programs", [
        "guest-tools/*",
        "qemu-proxy/common/*",
        ["l1-agent/*", "qemu-proxy/introspect/*"],
        ["qemu-proxy/vsbypassd/*", "qemu-proxy/vsb-console/*", "qemu-proxy/vsbctl/*", "libvirt-hooks/*"],
        # it talks to the daemon
        "libvirt-hooks/unit-libvirt-hook.c",
    ]),
    ("kselftests", under("selftests/kvm", [
        "tap.*",
        ["vsb.*", "faults.c faults.h", "freed.*", "mbox.c guest.h guest_exits.h"],
        ["module.*", "ioctl_vm.*", "guest_svm.c", "guest_vmx.c", "guest_exits_svm.c",
         "guest_exits_vmx.c", "guest_work.c"],
        ["guest.c", "guest_exits.c"],
        ["cloud.*", "card.*"],
        "proxy.*",
        ["proof.*", "exit_run.*", "memory.c memory.h", "faults_each.*", "fuzz_worker.c fuzz.h"],
        ["faults_*", "fuzz_round.*", "ioctl_*", "case*", "identity_*", "exit_*", "memory_*",
         "bench_nested.c"],
        ["ioctl_test.c", "nested_test.c", "identity_test.c", "exit_test.c",
         "memory_test.c", "faults_test.c", "fuzz_test.c"],
    ])),
]

# What a reader sees of it, and its source.
PICTURE = ("Documentation/house.svg", "Documentation/house.dot")

# Where the objects of a folder are, below the build folder: as in the sources, but for
OBJECTS = {"kvm-vsbypass": "kvm-vsbypass/src"}


class Room:
    def __init__(self, pattern, level):
        self.pattern = pattern
        self.level = level

    def may_use(self, other):
        return self is other or other.level < self.level


class Source:
    """A file, what its objects define and lack, and the headers that it has included."""

    def __init__(self, path, room, build):
        self.path = path
        self.room = room
        self.defined, self.undefined, self.headers = set(), set(), set()
        top, rest = path.split("/", 1)
        self.top, self.mirror = top, os.path.join(build, OBJECTS.get(top, top))
        folder, name = os.path.split(os.path.join(self.mirror, rest[:-len(".c")]))
        # as it is, and of unit tests, with the sanitizers
        self.objects = [o for o in (os.path.join(folder, name + ".o"),
                                    os.path.join(folder, "asan", name + ".o")) if os.path.exists(o)]
        for obj in self.objects:
            self.read_symbols(obj)
            self.read_headers(obj)

    def read_symbols(self, obj):
        out = subprocess.run(["nm", "-P", obj], stdout=subprocess.PIPE, text=True, check=True).stdout
        for line in out.splitlines():
            name, kind = line.split()[:2]
            if kind in "Uwv":
                self.undefined.add(name)
            elif kind.isupper():
                self.defined.add(name)

    def read_headers(self, obj):
        """From what the compiler wrote beside it, for make or for kbuild."""
        folder, name = os.path.split(obj)
        for deps in (obj[:-1] + "d", os.path.join(folder, f".{name}.cmd")):
            if not os.path.exists(deps):
                continue
            with open(deps, encoding="utf-8") as f:
                for header in re.findall(r"\S+\.h\b", f.read()):
                    path = os.path.normpath(os.path.join(ROOT, os.path.dirname(self.path), header))
                    # a mirrored source
                    if path.startswith(self.mirror + "/"):
                        path = os.path.join(ROOT, self.top, path[len(self.mirror) + 1:])
                    self.headers.add(os.path.relpath(path, ROOT))


def rooms_of(levels):
    return [Room(pattern, i) for i, level in enumerate(levels)
            for pattern in ([level] if isinstance(level, str) else level)]


def files_of(rooms, ext):
    """{path: its room}"""
    found = {}
    patterns = [(pattern, room) for room in rooms for pattern in room.pattern.split()]
    for pattern, room in sorted(patterns, key=lambda p: len(re.split(r"[*?[]", p[0])[0])):
        for path in glob.glob(os.path.join(ROOT, pattern)):
            if path.endswith(ext):
                found[os.path.relpath(path, ROOT)] = room
    return found


def faults(sources, headers):
    """{room: what its files use and should not}"""
    homes = {}
    for source in sources:
        for symbol in source.defined:
            homes.setdefault(symbol, []).append(source)
    bad = {}
    for source in sources:
        said = [f"includes {path}" for path in sorted(source.headers)
                if path in headers and not source.room.may_use(headers[path])]
        said += [f"uses {symbol} of {homes[symbol][0].path}" for symbol in sorted(source.undefined)
                 if symbol in homes and not any(source.room.may_use(o.room) for o in homes[symbol])]
        if said:
            bad.setdefault(source.room, []).extend(f"{source.path}: {s}" for s in said)
    return bad


def check(levels):
    def test(build):
        """Return: points."""
        rooms = rooms_of(levels)
        sources = [Source(path, room, build) for path, room in sorted(files_of(rooms, ".c").items())]
        headers = files_of(rooms, ".h")
        bad = faults(sources, headers)
        points = [("fail", f"{s.path} has an object", "wanted: all is built, see 'make tests'")
                  for s in sources if not s.objects]
        for room in rooms:
            points.append(("fail" if room in bad or not any(s.room is room for s in sources) else "ok",
                           f"{room.pattern} uses nothing above and beside it",
                           "\n".join(bad.get(room, ["seen: no file"]))))
            if room.pattern.endswith("/*"):
                readme = room.pattern[:-1] + "README.md"
                points.append(("ok" if os.path.exists(os.path.join(ROOT, readme)) else "fail",
                               readme, "wanted: a few lines, what is here and what it uses"))
        # the control: upside down it is not so
        top = max(r.level for r in rooms)
        for room in rooms:
            room.level = top - room.level
        wrong = sum(len(b) for b in faults(sources, headers).values())
        points.append(("ok" if wrong else "fail", "with the lowest room on top: there are faults",
                       "seen: none; is anything compared?"))
        return points
    return test


def picture(_):
    """What is drawn is what is there, and the drawing is of this source. Return: points."""
    texts = []
    for path in PICTURE:
        with open(os.path.join(ROOT, path), encoding="utf-8") as f:
            texts.append(f.read())
    drawn = {html.unescape(t).strip() for t in re.findall(r"<text\b[^>]*>([^<]*)</text>", texts[0])}
    source = re.sub(r"(?m)^//.*", "", texts[1])
    labels = re.findall(r'label="([^"]*)"', source)
    for table in re.findall(r"label=<(.*?)>\]", source, re.S):
        labels += re.findall(r">([^<>]+)<", table)
    wanted = {line.strip() for label in labels for line in label.split("\\n")} - {""}
    points = [("ok" if wanted and drawn == wanted else "fail", "house.svg is drawn from house.dot: 'make house'",
               "\n".join(f"only in one of them: {t}" for t in sorted(drawn ^ wanted)))]
    named = re.findall(r"<b>([^<]+)</b>", source)
    for name in named:
        points.append(("ok" if os.path.exists(os.path.join(ROOT, name)) else "fail", f"{name} is there", ""))
    for test, levels in ROOMS:
        level = {re.sub(r"/\*$", "", room.pattern): room.level for room in rooms_of(levels)}
        for building in sorted({name.split("/")[0] for name in level if name in named}):
            seen = [name for name in named if name.startswith(building + "/") and name in level]
            down = sorted(seen, key=lambda name: -level[name])
            points.append(("ok" if [level[n] for n in seen] == [level[n] for n in down] else "fail",
                           f"{building}: from the top down as in layers-{test}", f"wanted: {down}\nseen: {seen}"))
            missing = [n for n in level if n.startswith(building + "/") and n not in named
                       and not n.endswith(".c")]
            points.append(("fail" if missing else "ok", f"{building}: all rooms", f"not drawn: {missing}"))
    return points


def kvm(build):
    """KVM's own header is included by one room only, by whatever way. Return: points."""
    def includes(folder):
        room = Room(folder + "/*", 0)
        return [s.path for s in (Source(path, room, build) for path in sorted(files_of([room], ".c")))
                if any(h.endswith("/linux/kvm_host.h") for h in s.headers)]
    points = [("fail" if includes(f"kvm-vsbypass/{r}") else "ok", f"{r} does not include linux/kvm_host.h",
               f"seen: {includes(f'kvm-vsbypass/{r}')}") for r in ("devices", "core")]
    points.append(("ok" if includes("kvm-vsbypass/kvm") else "fail", "kvm does", "seen: none; is anything read?"))
    return points


TESTS = {"layers-" + name: check(levels) for name, levels in ROOMS}
TESTS["layers-picture"] = picture
TESTS["layers-kvm"] = kvm
