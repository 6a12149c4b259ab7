# SPDX-License-Identifier: GPL-2.0
"""The packages in a Debian that runs: services under systemd, over restart, upgrade, removal,
and the hook under libvirtd.

The root of package.py, booted in a container. It has no KVM: user VMs are the lab's.
"""

import contextlib
import glob
import os
import shutil
import signal
import subprocess
import tempfile
import time

import package

BOOT_S = 300


class Booted(package.Root):
    """The root, with libvirt and without what builds modules, running."""

    base = ("booted-root", package.BASE.replace("dkms,gcc,linux-headers-amd64,", "")
            + ",libvirt-daemon-system,libvirt-clients")

    def __enter__(self):
        super().__enter__()
        self.log = tempfile.TemporaryFile()  # pylint: disable=consider-using-with
        self.machine = None
        return self

    def boot(self):
        """Return: whether it runs; some machines cannot have containers."""
        env = dict(os.environ, SYSTEMD_NSPAWN_UNIFIED_HIERARCHY="1")
        self.machine = subprocess.Popen(
            ["systemd-nspawn", "--register=no", "--keep-unit", "--private-network", "-b",
             "--console=pipe", "-D", self.dir],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT, env=env)
        until = time.monotonic() + BOOT_S
        while time.monotonic() < until and self.machine.poll() is None:
            if self.leader() and self.inside("systemctl is-active multi-user.target")[0] == 0:
                return True
            time.sleep(1)
        return False

    def leader(self):
        out = package.run("pgrep", "-P", str(self.machine.pid), ok=False)[1].split()
        return out[0] if out else None

    def enter(self, *what):
        return ["nsenter", "-t", self.leader(), *what]

    def inside(self, script):
        """Return: exit status, output."""
        return package.run(*self.enter("-a"), "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
                           "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8", "sh", "-ec", script,
                           ok=False)

    # what Points.command() calls
    def sh(self, script, ok=True):
        return self.inside(script)

    def console(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")

    def __exit__(self, *args):
        if self.machine and self.machine.poll() is None:
            with contextlib.suppress(package.Failed, OSError, TypeError):
                self.inside("systemctl poweroff")
            try:
                self.machine.wait(60)
            except subprocess.TimeoutExpired:
                self.machine.send_signal(signal.SIGTERM)
                time.sleep(1)
                self.machine.kill()
                self.machine.wait()
        self.log.close()
        self.forget_cgroups()
        super().__exit__(*args)

    @staticmethod
    def forget_cgroups():
        """What --keep-unit makes in our own cgroup, and leaves."""
        with open("/proc/self/cgroup", encoding="ascii") as f:
            own = [line[3:].strip("/\n") for line in f if line.startswith("0::")]
        for top in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified"):
            for name in ("payload", "supervisor"):
                for path in own:
                    for folder, _, _ in os.walk(os.path.join(top, path, name), topdown=False):
                        with contextlib.suppress(OSError):
                            os.rmdir(folder)


def ssh(root, tmp, *command):
    return root.enter("-n") + [
        "ssh", "-F", "none", "-p", "2222", "-i", tmp + "/id", "-o", "IdentitiesOnly=yes",
        "-o", "IdentityAgent=none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no",
        "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "vm1@127.0.0.1", *command]


def web_story(points, root, tmp):
    """The web page in the sandbox of its unit. No user VM is there: its console waits for one."""
    rc, out = package.run(*ssh(root, tmp, "web"), ok=False)
    points.add(rc == 1 and "no web page on this host" in out, "without vsb-web there is no link", out)
    points.command(root, "vsb-web installs, and says what vsb-console needs",
                   "dpkg -i /debs/vsb-web_*.deb >/run/web 2>&1; cat /run/web; "
                   "grep \"after 'systemctl restart vsb-console'\" /run/web")
    points.command(root, "that is enough", "systemctl restart vsb-console; for u in vsb-console.service vsb-web.service "
                   "vsb-web.socket vsb-web-backend.socket; do systemctl is-active $u || "
                   "{ systemctl status $u; journalctl -u $u; exit 1; }; done")
    points.command(root, "it is a user of its own, without capabilities, with a filter",
                   "p=$(systemctl show -p MainPID --value vsb-web); cat /proc/$p/status; "
                   "grep -q \"^Uid:\\s$(id -u vsbypass-web)\\s\" /proc/$p/status && "
                   "grep -q '^CapBnd:\\s0000000000000000' /proc/$p/status && "
                   "grep -q '^NoNewPrivs:\\s1' /proc/$p/status && grep -q '^Seccomp:\\s2' /proc/$p/status")
    points.command(root, "it has no network, and sees no socket but vsb-console's and no key",
                   "p=$(systemctl show -p MainPID --value vsb-web); "
                   "test \"$(nsenter -t $p -n cat /proc/net/dev | grep -c :)\" = 1 && "
                   "test \"$(ls -A /proc/$p/root/run)\" != \"$(ls -A /run)\" && "
                   "find /proc/$p/root/run -type s | sed s,/proc/$p/root,, | tee /dev/stderr | "
                   "grep -v '^/run/vsb-web/backend$' | grep -v /credentials/ | wc -l | grep -qx 0 && "
                   "test ! -e /proc/$p/root/etc/vsbypass")
    rc, link = package.run(*ssh(root, tmp, "web"), ok=False)
    link = link.strip()
    points.add(rc == 0 and link.startswith("https://"), "ssh vm1@host web prints a link", link)
    rc, out = package.run(*root.enter("-n"), "/usr/bin/python3", package.ROOT + "/selftests/web/visit.py", link,
                          root.path("/etc/vsbypass/web/cert.pem"), ok=False)
    points.add(rc == 0 and len([line for line in out.splitlines() if line.startswith("200 ")]) == 5
               and "204 login" in out and "403 login this link was used already" in out and "204 check" in out
               and "[vsb-console: vm1; Ctrl-E c ? for help]" in out, "a visitor has a console", out)
    points.command(root, "an upgrade leaves the socket of vsb-console",
                   "dpkg -i /debs/new/vsb-web_*.deb; systemctl is-active vsb-web; systemctl is-active vsb-web-backend.socket")
    rc, out = package.run(*ssh(root, tmp, "web"), ok=False)
    points.add(rc == 0, "and there are links still", out)
    points.command(root, "purge of vsb-web", "dpkg --purge vsb-web && test ! -e /etc/vsbypass/web && "
                   "! getent passwd vsbypass-web && ! systemctl --failed | grep vsb && systemctl is-active vsb-console")


def story(points, root, tmp):
    def pid(service):
        return root.inside(f"systemctl show -p MainPID --value {service}")[1].strip()

    points.command(root, "the services run: they have said that they are ready",
                   "systemctl is-active vsbypassd vsb-console; ! systemctl --failed | grep vsb")
    points.command(root, "vsbctl is answered", "vsbctl status | grep -q 'No cloud VM'")
    points.command(root, "metrics", "vsbctl metrics | grep -q '^vsbypass_clouds 0$'")
    points.command(root, "vsb-console is user vsbypass, without capabilities, with a filter",
                   # each of its processes
                   'all=$(pidof vsb-console); for p in $all; do '
                   'grep -q "^Uid:\\s$(id -u vsbypass)\\s" /proc/$p/status && '
                   "grep -q '^CapEff:\\s0000000000000000' /proc/$p/status && "
                   "grep -q '^Seccomp:\\s2' /proc/$p/status || exit 1; done")
    points.command(root, "vsbypassd has the capabilities of its unit only",
                   # CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_KILL, CAP_SETGID, CAP_SETUID, CAP_SYS_PTRACE
                   "grep -q '^CapBnd:\\s00000000000800e3' /proc/$(pidof vsbypassd)/status")
    points.command(root, "the SSH host key is root's alone",
                   'test "$(stat -c "%U %a" /var/lib/vsbypass/ssh_host_ed25519_key)" = "root 600"')
    points.command(root, "messages are the journal's own, not a stream of lines",
                   "journalctl -o json -u vsbypassd | grep 'ready, control socket' | "
                   "grep -q '\"_TRANSPORT\":\"journal\"'")
    points.command(root, "an attach without the module is refused, and says what to do",
                   "vsbctl attach --pid 1 --agent /run/a.sock vm1 2>&1 | grep -q 'modprobe kvm-vsbypass'")
    points.command(root, "the hook refuses a start for the same reason",
                   "sed s/cloud1/c1/ /usr/share/doc/vsbypass/examples/cloud.xml | "
                   "{ ! /etc/libvirt/hooks/qemu.d/vsbypass c1 prepare begin -; } 2>&1 | "
                   "grep -q 'modprobe kvm-vsbypass'")
    package.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp + "/id")
    shutil.copy(tmp + "/id.pub", root.path("/etc/vsbypass/keys/vm1"))
    rc, out = package.run(*ssh(root, tmp, "help"), ok=False)
    points.add(rc == 0 and "break" in out, "ssh vm1@host reaches vsb-console", out)
    web_story(points, root, tmp)
    # a console that stays open over all that follows, until its key goes
    with subprocess.Popen(ssh(root, tmp, "-tt"), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT) as session:
        said = b""
        while b"for help]" not in said and (got := session.stdout.read1(4096)):
            said += got
        points.add(b"for help]" in said, "a console is open", said.decode(errors="replace"))
        points.command(root, "the journal finds it under the user VM's name",
                       "journalctl VSBYPASS_USERVM=vm1 _COMM=vsb-console -o cat | grep \"'vm1': attached\"")
        old, console = pid("vsbypassd"), pid("vsb-console")
        points.command(root, "restart vsbypassd", "systemctl restart vsbypassd && vsbctl status")
        points.add(pid("vsbypassd") != old, "it is another process", old)
        old = pid("vsbypassd")
        points.command(root, "upgrade says why vsb-console runs on",
                       "dpkg -i /debs/new/vsbypass_*.deb >/run/upgrade 2>&1; "
                       "grep 'so that open consoles stay open' /run/upgrade")
        points.add(pid("vsbypassd") != old, "the upgrade restarts vsbypassd", old)
        points.add(pid("vsb-console") == console and session.poll() is None,
                   "the console is still open", f"{console}, now {pid('vsb-console')}")
        os.truncate(root.path("/etc/vsbypass/keys/vm1"), 0)
        points.command(root, "reload vsb-console", "systemctl reload vsb-console")
        try:
            rest, _ = session.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            session.kill()
            rest, _ = session.communicate()
        points.add(b"not listed for this console any more" in rest and session.returncode == 1,
                   "a key that is gone loses its console", rest.decode(errors="replace"))
    points.command(root, "remove ends all", "dpkg --remove vsbypass && ! pidof vsbypassd vsb-console && "
                   "test ! -e /run/vsbypass && ! systemctl --failed | grep vsb")
    points.command(root, "purge", "dpkg --purge vsbypass && test ! -e /etc/vsbypass -a ! -e /var/lib/vsbypass")


# No KVM here: libvirt would not even define a domain that needs it.
DOMAIN = """<domain type='qemu'><name>%s</name>%s<memory unit='MiB'>32</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='pc'>hvm</type></os><devices>
<emulator>/usr/bin/qemu-system-x86_64</emulator><channel type='unix'>
<target type='virtio' name='org.vsbypass.agent.0'/></channel></devices></domain>"""
ELEMENT = """<metadata><v:cloud xmlns:v='urn:vsbypass:libvirt:domain:1.0'>
<v:uservm name='vm1'/></v:cloud></metadata>"""
# keeps what libvirt tells hooks, and what there is of QEMU then
SPY = """#!/bin/sh
cat >/run/spy/$1.$2
ls /run/libvirt/qemu >/run/spy/$1.$2.files
"""


def libvirt_before(points, root):
    """A libvirtd that runs when the packages are installed, without any hook."""
    for name, metadata in (("plain", ""), ("c1", ELEMENT)):
        with open(root.path(f"/root/{name}.xml"), "w", encoding="ascii") as f:
            f.write(DOMAIN % (name, metadata))
    points.command(root, "libvirtd runs and keeps the element",
                   "virsh define /root/plain.xml && virsh define /root/c1.xml && "
                   "virsh dumpxml c1 | grep '<v:uservm name=.vm1./>'")


def libvirt_story(points, root):
    """The hook as libvirt calls it; that a cloud VM is attached is the lab's to show."""
    points.command(root, "vsbctl validate reads what libvirt writes",
                   "virsh dumpxml c1 | { ! vsbctl validate -; } 2>&1 | "
                   "grep \"standard input:1: the domain is not of type='kvm'\"")
    points.command(root, "the installation had libvirtd find the hook: a start is refused, and said why",
                   "{ ! virsh start c1; } 2>&1 | tee /dev/stderr | grep -q \"VSBypass: domain 'c1': "
                   "line 1: the domain is not of type='kvm'\"")
    points.command(root, "the journal has it, too", "journalctl -t vsb-libvirt-hook | grep -q \"prepare of domain 'c1'\"")
    root.inside("mkdir -p /run/spy")
    spy = root.path("/etc/libvirt/hooks/qemu.d/spy")
    with open(spy, "w", encoding="ascii") as f:
        f.write(SPY)
    os.chmod(spy, 0o755)
    points.command(root, "a domain without the element starts", "virsh start plain")
    points.command(root, "what the hook relies on: path of the channel, process number",
                   "grep -q \"path='/.*/org.vsbypass.agent.0'\" /run/spy/plain.started && "
                   "grep -q '^plain.pid$' /run/spy/plain.started.files && "
                   "kill -0 $(cat /run/libvirt/qemu/plain.pid)")
    points.command(root, "it outlives a restart of libvirtd",
                   # it reconnects in a thread of its own
                   "systemctl restart libvirtd; n=0; until virsh domstate plain | grep running && "
                   "test -s /run/spy/plain.reconnect; do sleep 1; n=$((n + 1)); test $n -lt 60; done; "
                   "virsh destroy plain && test -s /run/spy/plain.release")
    points.command(root, "five more starts leave no process and no file",
                   "before=$(ls -A /run/libvirt/qemu | sort | tr '\\n' ' '); "
                   "for i in 1 2 3 4 5; do virsh start plain && virsh destroy plain; done; "
                   "! pidof qemu-system-x86_64 vsb-libvirt-hook && "
                   "test \"$before\" = \"$(ls -A /run/libvirt/qemu | sort | tr '\\n' ' ')\"")
    os.unlink(spy)
    points.command(root, "without vsbypassd the refusal still comes",
                   "systemctl stop vsbypassd && { ! virsh start c1; } 2>&1 | grep -q VSBypass; "
                   "systemctl start vsbypassd")


def check(build):
    """Return: points."""
    points = package.Points()
    if os.geteuid():
        return [("skip", "services run", "needs root, for a container")]
    try:
        package.run(os.path.join(package.ROOT, "selftests/deb"), build)
        debs = glob.glob(build + "/vsbypass_*.deb") + glob.glob(build + "/vsb-web_*.deb")
        with Booted() as root, tempfile.TemporaryDirectory(prefix="vsb-booted-") as tmp:
            os.makedirs(root.path("debs/new"))
            for deb in debs:
                shutil.copy(deb, root.path("debs"))
                package.newer(deb, root.path("debs/new"))
            if not root.boot():
                return [("skip", "services run", "this machine boots no container: "
                         + " ".join(root.console().split()[-40:]))]
            libvirt_before(points, root)
            points.command(root, "install", "dpkg -i /debs/vsbypass_*.deb")
            libvirt_story(points, root)
            story(points, root, tmp)
            if any(p[0] == "fail" for p in points):
                points.add(False, "messages", root.inside("journalctl -u vsbypassd -u vsb-console -u vsb-web "
                                                          "--no-pager | tail -40")[1])
    except (package.Failed, OSError) as e:
        points.add(False, "runs to its end", str(e))
    return points
