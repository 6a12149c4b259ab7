# SPDX-License-Identifier: GPL-2.0
"""Packages of Debian's releases, unpacked into the cache: nothing is installed, and the
machine's configuration of apt stays as it is."""

import glob
import os
import re
import subprocess
import tempfile

import cache

RELEASES = ("bookworm", "trixie")
# What is "essential", so that no package says that it needs it; a compiler does.
ESSENTIAL = ("base-files", "dash", "coreutils", "sed", "grep", "findutils", "diffutils", "mawk",
             "hostname", "perl-base", "tar", "xz-utils")


def run(cmd, cwd, what, env=None):
    r = subprocess.run(cmd, cwd=cwd, capture_output=True, text=True, check=False,
                       env={**os.environ, **(env or {})})
    if r.returncode:
        raise cache.Error(f"{what} failed: {' '.join(cmd)}\n{r.stderr.strip()}")
    return r.stdout


def machine():
    """The release that this machine has."""
    found = re.search(r"^VERSION_CODENAME=(\w+)$", open("/etc/os-release", encoding="utf-8").read(), re.M)
    return found.group(1) if found else ""


def sources(suites):
    """Lines of sources.list for SUITES, from where the machine gets its own release."""
    out = run(["apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME)",
               "Created-By: Packages"], "/", "asking apt for its sources")
    uri = [line.split()[0] for line in out.splitlines() if line.split()[1:2] and
           line.split()[1] in RELEASES]
    if not uri:
        raise cache.Error(f"apt has no source for Debian {' or '.join(RELEASES)}; add one, run "
                          "'apt-get update', then try again")
    return "".join(f"deb {uri[0]} {suite} main\n" for suite in suites)


def extract(folder):
    """Unpack the packages in FOLDER there."""
    for deb in glob.glob(os.path.join(folder, "*.deb")):
        # Debian 12 has packages with folders where others have symbolic links (/bin, /lib64)
        run(["bash", "-o", "pipefail", "-c",
             'dpkg-deb --fsys-tarfile "$0" | tar -xp --keep-directory-symlink', deb], folder, "unpacking")
        os.unlink(deb)


def download(names, into):
    """Packages of the machine's own release, unpacked into a folder."""
    # apt's own sandbox user may not write to a private folder
    run(["apt-get", "-o", "APT::Sandbox::User=root", "download", *names], into, "download")
    extract(into)


class Lists:
    """Package lists of SUITES, for as long as it takes to get packages. The last suite is
    preferred."""

    def __init__(self, suites):
        self.suites = suites
        self.source = sources(suites)

    def __enter__(self):
        self.tmp = tempfile.TemporaryDirectory(prefix="vsb-apt-")
        apt = self.tmp.name
        for sub in ("lists/partial", "cache/archives/partial"):
            os.makedirs(os.path.join(apt, sub))
        with open(os.path.join(apt, "sources.list"), "w", encoding="ascii") as f:
            f.write(self.source)
        open(os.path.join(apt, "status"), "w", encoding="ascii").close()
        self.options = ["-o", f"Dir::Etc::SourceList={apt}/sources.list",
                        "-o", "Dir::Etc::SourceParts=/dev/null",
                        "-o", f"Dir::State::Lists={apt}/lists",
                        "-o", f"Dir::State::status={apt}/status",
                        "-o", f"Dir::Cache={apt}/cache", "-o", "APT::Sandbox::User=root",
                        "-t", self.suites[-1]]
        run(["apt-get", *self.options, "update"], apt,
            f"reading the package lists of {', '.join(self.suites)}")
        return self

    def __exit__(self, *_):
        self.tmp.cleanup()

    def needs(self, package, wanted, otherwise):
        """The first that PACKAGE depends on and that looks as WANTED."""
        out = run(["apt-cache", *self.options, "show", "--no-all-versions", package], "/",
                  f"asking what {package} needs")
        found = re.search(rf"^Depends: .*?(?<![\w.+-])({wanted})(?=[ ,(]|$)", out, re.M)
        if not found:
            raise cache.Error(otherwise)
        return found.group(1)

    def unpack(self, names, into):
        """These packages, without what they need."""
        run(["apt-get", *self.options, "download", *names], into, "download")
        extract(into)

    def tree(self, names, into):
        """These packages and all that they need, as a root folder."""
        for name in ("bin", "sbin", "lib", "lib64"):
            os.makedirs(os.path.join(into, "usr", name))
            os.symlink("usr/" + name, os.path.join(into, name))
        run(["apt-get", *self.options, "-o", f"Dir::Cache::archives={into}", "-y",
             "--no-install-recommends", "--download-only", "install", *ESSENTIAL, *names],
            into, "download")
        extract(into)
        for name in ("partial", "lock"):
            path = os.path.join(into, name)
            if os.path.isdir(path):
                os.rmdir(path)
            elif os.path.exists(path):
                os.unlink(path)
        # what postinst would do
        if not os.path.exists(os.path.join(into, "usr/bin/awk")):
            os.symlink("mawk", os.path.join(into, "usr/bin/awk"))


def inside(tree, *writable):
    """The beginning of a command that runs in TREE; of this machine it has the cache, and
    the folders WRITABLE."""
    command = ["bwrap", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp",
               "--setenv", "LANG", "C", "--setenv", "PATH", "/usr/sbin:/usr/bin"]
    for name in ("usr", "etc"):
        command += ["--ro-bind", os.path.join(tree, name), "/" + name]
    for name in ("bin", "sbin", "lib", "lib64"):
        command += ["--symlink", "usr/" + name, "/" + name]
    command += ["--ro-bind", cache.root(), cache.root()]
    for folder in writable:
        command += ["--bind", folder, folder]
    return command
