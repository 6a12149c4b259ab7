# SPDX-License-Identifier: GPL-2.0
"""The Debian packages in a fresh Debian root: build, lint, install, upgrade, remove, purge.

The root is made of the distribution's packages with mmdebstrap, from where this machine's
own apt gets them, and kept in the cache: with all that our packages depend on, so that
what they leave behind can be told from it.
"""

import glob
import os
import re
import shutil
import subprocess
import tempfile

import cache
import packages as release

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# what ours depend on, and what dkms needs to build for a kernel
BASE = ("systemd,libpam-systemd,dkms,gcc,linux-headers-amd64,qemu-system-x86,bubblewrap,"
        "novnc,openssl,python3,python3-websockify,"
        "libglib2.0-0,libjson-glib-1.0-0,libseccomp2,libbpf1,libvterm0,libssh-4,libsystemd0,libxml2,man-db,kmod")
# these change with any package
NOISE = re.compile(r"^/(var/(log|cache|lib/(dpkg|apt|systemd/deb-systemd-helper-\w+/?$))|tmp|run|proc|sys|dev|"
                   r"etc/(ld\.so\.cache|passwd-|group-|shadow-|gshadow-|subuid-|subgid-|\.pwd\.lock)|"
                   r"var/lib/dkms/dkms_dbversion|"
                   r"lib/modules/[^/]+/modules\.|usr/lib/modules/[^/]+/modules\.)")


class Failed(Exception):
    pass


def run(*cmd, ok=True, env=None):
    r = subprocess.run(cmd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                       errors="replace", check=False, env={**os.environ, **(env or {})})
    if ok and r.returncode:
        raise Failed(f"{' '.join(cmd)}\nexit status {r.returncode}\n"
                     + "\n".join(r.stdout.splitlines()[-30:]))
    return r.stdout if ok else (r.returncode, r.stdout)


def sources():
    """Lines of sources.list for the Debian that this machine has, as its apt is set up."""
    out = run("apt-get", "indextargets", "--format", "$(ORIGIN)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)",
              "Created-By: Packages")
    lines = []
    for line in sorted(set(out.splitlines())):
        origin, uri, suite, component = line.split("|")
        if origin == "Debian":
            lines.append(f"deb {uri} {suite} {component}")
    if not lines:
        raise Failed("apt knows no Debian; run 'apt-get update'")
    return lines


def base_root(name="package-root", packages=BASE):
    """A tar file of the root, made once."""
    def make(path):
        print("     (making a Debian root, once; a few minutes)", flush=True)
        options = ["--aptopt=" + line for line in run("apt-config", "dump").splitlines()
                   if line.startswith("Acquire::http") and "Proxy" in line]
        run("mmdebstrap", "--variant=apt", "--mode=root", "--format=tar", "--include=" + packages,
            *options, release.machine(), path, *sources())
    return cache.file(name, cache.key(release.machine(), packages), make)


class Root:
    """The root, unpacked; gone at the end."""

    base = ("package-root", BASE)

    def __enter__(self):
        self.dir = tempfile.mkdtemp(prefix="vsb-package-")
        run("tar", "-xpf", base_root(*self.base), "-C", self.dir)
        os.makedirs(os.path.join(self.dir, "debs"))
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.dir)

    def path(self, name):
        return os.path.join(self.dir, name.lstrip("/"))

    def sh(self, script, ok=True):
        """In the root, with a /proc of its own that goes away with the process."""
        return run("unshare", "--mount", "--pid", "--fork", "sh", "-c",
                   'mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && exec chroot "$0" sh -ec "$1"',
                   self.dir, script, ok=ok, env={"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8",
                                                 "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})

    def files(self):
        found = {}
        for folder, dirs, files in os.walk(self.dir):
            name = "/" + os.path.relpath(folder, self.dir).lstrip("./")
            if folder == self.path("debs") or NOISE.match(name):
                dirs.clear()
                continue
            for entry in dirs + files:
                full = os.path.join(name, entry)
                if not NOISE.match(full) and entry != "debs":
                    found[full] = None
        for name in ("/etc/passwd", "/etc/group", "/etc/shadow"):
            with open(self.path(name), encoding="utf-8") as f:
                found[name] = f.read()
        return found


def debs(build):
    """The packages that selftests/deb has made."""
    return [d for d in sorted(glob.glob(build + "/*.deb")) if "-dbgsym_" not in d]


def newer(deb, folder):
    """The same package as the next version, and the module as one."""
    with tempfile.TemporaryDirectory(prefix="vsb-deb-") as tmp:
        tree = os.path.join(tmp, "x")
        run("dpkg-deb", "-R", deb, tree)
        changed = glob.glob(tree + "/DEBIAN/control")
        for src in glob.glob(tree + "/usr/src/kvm-vsbypass-*"):
            old = src.rsplit("-", 1)[1]
            new = re.sub(r"\d+$", lambda m: str(int(m.group()) + 1), old)
            os.rename(src, src.replace(old, new))
            changed += [p for p in glob.glob(tree + "/DEBIAN/*") + [src.replace(old, new) + "/dkms.conf"]
                        if not p.endswith(("md5sums", "control"))]
        for path in set(changed):
            with open(path, encoding="utf-8") as f:
                text = f.read()
            version = re.escape(re.search(r"_([^_]+)_", os.path.basename(deb)).group(1))
            text = re.sub(version, lambda m: re.sub(r"\d+$", lambda n: str(int(n.group()) + 1), m.group()), text)
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
        run("dpkg-deb", "--root-owner-group", "-b", tree, folder)


class Points(list):
    def add(self, good, name, text=""):
        self.append(("ok" if good else "fail", name, text))

    def command(self, root, name, script):
        rc, out = root.sh(script, ok=False)
        self.add(rc == 0, name, f"'{script}'\nexit status {rc}\n" + "\n".join(out.splitlines()[-30:]))


def in_root(points, made):
    with Root() as root:
        before = root.files()
        for deb in made:
            shutil.copy(deb, root.path("debs"))
        points.command(root, "all packages install, without the network",
                       "apt-get install -y --no-install-recommends /debs/*.deb")
        points.command(root, "dkms has built the module for the kernel whose headers are there",
                       "dkms status | grep -q '^kvm-vsbypass/.*: installed' && "
                       "modinfo -k \"$(ls /lib/modules)\" kvm-vsbypass | grep -q '^filename:.*updates/dkms'")
        for program in ("vsbctl", "vsbypassd", "vsb-console", "vsb-libvirt-hook", "vsb-agent"):
            points.command(root, f"{program} runs", f"{program} --help | grep -q {program}")
        points.command(root, "vsb-identify runs", "vsb-identify --help 2>&1 | grep -qi usage")
        points.command(root, "vsb-web runs, and has a certificate of its own",
                       "vsb-web --help | grep -q vsb-web && test \"$(stat -c %a /etc/vsbypass/web/key.pem)\" = 600 && "
                       "openssl x509 -in /etc/vsbypass/web/cert.pem -noout -ext subjectAltName && "
                       "getent passwd vsbypass-web")
        points.command(root, "libvirt finds the hook, which lets a foreign domain pass",
                       "echo '<domain/>' | /etc/libvirt/hooks/qemu.d/vsbypass d prepare begin -")
        points.command(root, "the hook refuses a cloud VM without the daemon",
                       "sed s/cloud1/c1/ /usr/share/doc/vsbypass/examples/cloud.xml | "
                       "{ /etc/libvirt/hooks/qemu.d/vsbypass c1 prepare begin - 2>&1 || echo refused $?; } | "
                       "tee /dev/stderr | tr '\\n' ' ' | grep -q 'is vsbypassd running.*refused 1'")
        points.command(root, "the examples are valid", "vsbctl validate /usr/share/doc/vsbypass/examples/*.xml")
        points.command(root, "services are enabled",
                       "systemctl is-enabled vsbypassd vsb-console vsb-agent vsb-web.service "
                       "vsb-web.socket vsb-web-backend.socket")
        points.command(root, "user and folders",
                       "getent passwd vsbypass && test \"$(stat -c %a /etc/vsbypass/identity)\" = 700")
        points.command(root, "man pages", "man -w vsbctl vsbypassd vsb-console vsb-libvirt-hook "
                       "vsbypass-domain vsb-agent vsb-identify vsb-web")
        root.sh("touch /etc/vsbypass/keys/vm1 /etc/vsbypass/identity/vm1")

        os.makedirs(root.path("debs/new"))
        for deb in made:
            newer(deb, root.path("debs/new"))
        points.command(root, "upgrade", "apt-get install -y --no-install-recommends /debs/new/*.deb")
        points.command(root, "the old module is gone, the new one built",
                       "test \"$(dkms status | grep -c ^kvm-vsbypass/)\" = 1 && "
                       "dkms status | grep -q '^kvm-vsbypass/.*[1-9],.*: installed'")
        points.command(root, "keys outlive the upgrade",
                       "test -e /etc/vsbypass/keys/vm1 -a -e /etc/vsbypass/identity/vm1")
        points.command(root, "the agent comes and goes alone", "apt-get remove -y vsbypass-agent && vsbctl --help")

        points.command(root, "remove", "apt-get remove -y vsbypass kvm-vsbypass-dkms vsbypass-identify vsb-web")
        points.command(root, "after it: no hook, no module, no program, but the keys",
                       "test ! -e /etc/libvirt/hooks/qemu.d/vsbypass && ! dkms status | grep -q vsbypass && "
                       "test -z \"$(find /lib/modules -name 'kvm-vsbypass.ko*')\" && test ! -e /usr/sbin/vsbypassd && "
                       "test -e /etc/vsbypass/keys/vm1")
        points.command(root, "purge", "dpkg --purge vsb-web vsbypass vsbypass-agent kvm-vsbypass-dkms vsbypass-identify")
        after = root.files()
        left = sorted(set(after) - set(before))
        gone = sorted(set(before) - set(after))
        changed = [n for n in before if before[n] is not None and before[n] != after.get(n)]
        points.add(not left, "nothing is left behind", "\n".join(left[:40]))
        points.add(not gone, "nothing else is gone", "\n".join(gone[:40]))
        points.add(not changed, "users are as they were", "\n".join(changed))


def check(build):
    """Return: points."""
    points = Points()
    if os.geteuid():
        return [("skip", "packages", "needs root, for a Debian root of its own")]
    try:
        run(os.path.join(ROOT, "selftests/deb"), build)
        made = debs(build)
        points.add(len(made) == 5, "five packages", "\n".join(made))
        changes = glob.glob(build + "/vsbypass_*.changes")
        rc, out = run("lintian", "--profile", "debian", "--fail-on", "error,warning", "--info",
                      "--allow-root", *changes, ok=False)
        points.add(rc == 0 and not re.search(r"^[EW]:", out, re.M), "lintian finds nothing", out[-3000:])
        in_root(points, made)
    except Failed as e:
        points.add(False, "runs to its end", str(e))
    return points
