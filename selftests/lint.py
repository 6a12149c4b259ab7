# SPDX-License-Identifier: GPL-2.0
"""Static checks, beside checkpatch.pl and sparse: each is a test, silent if all is well.

What is off is so with its reason: in selftests/lint/, or here. How each of our files is compiled
is asked of make.
"""

import concurrent.futures
import glob
import json
import os
import re
import shlex
import shutil
import subprocess
import tempfile

import cache
import kerneltree

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
CONFIG = os.path.join(HERE, "lint")

# Scripts of the kernel that are not asked.
COCCI_WITHOUT = {
    "badzero.cocci": "is in OCaml, of which spatch has no compiler at hand",
    "check_bq27xxx_data.cocci": "the same; of one driver",
    "minmax.cocci": "min() in place of '< 0 ?' says less",
}
# What they say without being right: the script, and the line of a source that it means.
COCCI_FOUND = {
    # held until vsb_screen_shown(): nobody moves the picture while it is mapped
    ("mini_lock.cocci", "kvm-vsbypass/core/screen.c", "mutex_lock(&show->vram->lock);"),
}
# Of gcc's analyzer. It is asked without optimization: inlined, g_autofree confuses it.
ANALYZER_WITHOUT = {
    # gcc 12 says '<unknown>' of a g_auto variable of a loop's body. -Wuninitialized of the build,
    # cppcheck and clang look for the same.
    "-Wno-analyzer-use-of-uninitialized-value",
}


class Missing(cache.Error):
    """A tool is not there."""


def _tool(name, package=None):
    if not shutil.which(name):
        raise Missing(f"{name} is missing: package {package or name} (selftests/lab/deps.sh lint)")
    return name


def _run(cmd, cwd=ROOT):
    r = subprocess.run(["nice", *cmd], cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                       errors="replace", check=False, env={**os.environ, "MAKEFLAGS": "", "LC_ALL": "C.UTF-8"})
    return r.returncode, r.stdout


def _silent(name, out, status=0):
    if status == 0 and not out.strip():
        return ("ok", name, "")
    return ("fail", name, f"wanted: silence\nseen: exit status {status}\n{out.strip()[-6000:]}")


def _commands(build_dir):
    """{source: (folder, words)} of the compiler for each file of user space."""
    # what is generated has to be there
    status, out = _run(["make", "O=" + build_dir, "programs"])
    if status:
        raise cache.Error("make programs failed:\n" + out[-3000:])
    # another O: of this one nothing is to be done any more
    with tempfile.TemporaryDirectory(prefix="vsb-lint-") as tmp:
        status, out = _run(["make", "-n", "-B", "V=1", "O=" + tmp, "programs"])
        found = {}
        for part, source in re.findall(rf"^cc .* -c -o {tmp}/(\S+)/[^/ ]+\.o (\S+\.c)$", out, re.M):
            line = re.search(rf"^cc .* -c -o {tmp}/{part}/[^/ ]+\.o {re.escape(source)}$", out, re.M)[0]
            folder = os.path.join(ROOT, part)
            path = os.path.normpath(os.path.join(folder, source.replace(tmp, build_dir)))
            words = [w.replace(tmp, build_dir) for w in shlex.split(line)]
            at = words.index("-o")
            words = [w for w in words[:at] + words[at + 2:-1] if w not in ("-MMD", "-MP", "-c")]
            found[path] = (folder, [w for w in words if "FORTIFY" not in w])
    if not found:
        raise cache.Error("make -n shows no compiler:\n" + out[-3000:])
    return found


def _each(commands, function):
    """Points of FUNCTION(path, folder, words), one for each file."""
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        return list(pool.map(lambda c: function(c[0], *c[1]), sorted(commands.items())))


def analyzer(build_dir):
    def one(path, folder, words):
        flags = [w for w in words[1:] if w != "-O2"] + ["-O0", "-fanalyzer", *ANALYZER_WITHOUT]
        status, out = _run([words[0], *flags, "-S", "-o", "/dev/null", path], folder)
        return _silent("gcc -fanalyzer " + os.path.relpath(path, ROOT), out, status)

    return _each(_commands(build_dir), one)


def tidy(build_dir):
    _tool("clang-tidy")

    def one(path, folder, words):
        flags = [w for w in words[1:] if w != "-Werror"]
        status, out = _run(["clang-tidy", "--quiet", "--config-file=" + os.path.join(CONFIG, "clang-tidy"),
                            "--warnings-as-errors=*", path, "--", *flags], folder)
        # how many there were in the headers of others
        out = re.sub(r"(?m)^\d+ warnings? (generated|treated as errors)\.?$\n?", "", out)
        return _silent("clang-tidy " + os.path.relpath(path, ROOT), out, status)

    return _each(_commands(build_dir), one)


def cppcheck(build_dir):
    _tool("cppcheck")
    with tempfile.TemporaryDirectory(prefix="vsb-lint-") as tmp:
        database = os.path.join(tmp, "compile_commands.json")
        with open(database, "w", encoding="utf-8") as f:
            json.dump([{"directory": folder, "command": shlex.join([*words, "-c", path]), "file": path}
                       for path, (folder, words) in sorted(_commands(build_dir).items())], f)
        status, out = _run(["cppcheck", "--project=" + database, "--quiet", "--library=gtk",
                            "--enable=warning,portability,performance", "--error-exitcode=1",
                            "--suppressions-list=" + os.path.join(CONFIG, "cppcheck")])
    return [_silent("cppcheck", out, status)]


def _known(script, said):
    """Whether the line SAID of a script is one of COCCI_FOUND; what it means is at the end, or it is where."""
    m = re.match(r"(\S+?):(\d+):", said)
    if not m:
        return False
    meant = re.search(r"on line (\d+)$", said)
    line = int(meant[1] if meant else m[2])
    with open(os.path.join(ROOT, m[1]), encoding="utf-8") as f:
        return (script, m[1], f.read().splitlines()[line - 1].strip()) in COCCI_FOUND


def coccinelle(_):
    _tool("spatch", "coccinelle")
    tree = kerneltree.source()
    points = []
    for script in sorted(glob.glob(tree + "/scripts/coccinelle/**/*.cocci", recursive=True)):
        name = os.path.basename(script)
        with open(script, encoding="utf-8") as f:
            text = f.read()
        if name in COCCI_WITHOUT or not re.search(r"^virtual (.*, *)?report\b", text, re.M):
            continue
        options = " ".join(re.findall(r"(?m)^// Options: *(.*)$", text)).split()
        r = subprocess.run(["nice", "spatch", "-D", "report", "--very-quiet", "--no-show-diff", "--cocci-file",
                            script, *options, "--dir", "kvm-vsbypass", "-I", tree + "/include",
                            "-I", tree + "/arch/x86/include", "-I", "kvm-vsbypass"], cwd=ROOT,
                           capture_output=True, text=True, errors="replace", check=False)
        said = "\n".join(line for line in r.stdout.splitlines() if not _known(name, line))
        # on stderr are its thoughts about the script
        points.append(_silent(name, said + (r.stderr if r.returncode else ""), r.returncode))
    return points


def _tracked():
    status, out = _run(["git", "ls-files", "-z"])
    if status:
        raise cache.Error("git ls-files: " + out)
    return [f for f in out.split("\0") if f and os.path.isfile(os.path.join(ROOT, f))]


def _shell(name):
    """bash, dash or None, by its first lines."""
    with open(os.path.join(ROOT, name), "rb") as f:
        head = f.read(300).decode("utf-8", "replace")
    if found := re.match(r"#! ?\S*?/(?:busybox |env )?(bash|sh)\b", head):
        return "bash" if found[1] == "bash" else "dash"
    if "shellcheck shell=busybox" in head or name.startswith("selftests/lab/jobs/"):
        return "dash"
    return None


def shellcheck(_):
    _tool("shellcheck")
    points = []
    with tempfile.TemporaryDirectory(prefix="vsb-lint-") as tmp:
        shutil.copy(os.path.join(CONFIG, "shellcheckrc"), os.path.join(tmp, ".shellcheckrc"))
        for name in _tracked():
            if not (shell := _shell(name)):
                continue
            # the shellcheck of Debian 12 knows dash only, which busybox's shell is made of
            copy = os.path.join(tmp, name.replace("/", "."))
            with open(os.path.join(ROOT, name), encoding="utf-8") as f, open(copy, "w", encoding="utf-8") as out:
                out.write(f.read().replace("shellcheck shell=busybox", "for busybox"))
            status, out = _run(["shellcheck", "-s", shell, "-f", "gcc", "--severity=warning", copy], tmp)
            points.append(_silent("shellcheck " + name, out.replace(copy, name), status))
    return points


def spelling(_):
    _tool("codespell")
    # drawings, seeds and what is not ours have no words
    files = [f for f in _tracked() if not f.endswith(".svg") and f != "LICENSE" and
             not f.startswith(("selftests/lint/", "selftests/fuzz/seeds/"))]
    status, out = _run(["codespell", "--ignore-words", os.path.join(CONFIG, "codespell"), *files])
    return [_silent("codespell", out, status)]


TESTS = {"lint-analyzer": analyzer, "lint-tidy": tidy, "lint-cppcheck": cppcheck,
         "lint-coccinelle": coccinelle, "lint-shellcheck": shellcheck, "lint-codespell": spelling}
