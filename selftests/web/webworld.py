# SPDX-License-Identifier: GPL-2.0
"""
A world with a web page: vsb-console as in selftests/console, vsb-web as it is installed, and a
QEMU that is a user VM, with a serial port and a screen. The sockets are handed over as
systemd does.
"""
import base64
import hashlib
import os
import re
import socket
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, 'selftests/console'))
# pylint: disable=wrong-import-position
import world
from page import Page
from world import World, check, wait_for

# Where vsb-web was built
GATEWAY = os.environ.get('GATEWAY', os.path.join(ROOT, 'build/qemu-proxy/vsb-web'))

# Another user than vsb-console's, but for the group that the socket of that is for
NOBODY = ('setpriv', '--reuid=65533', '--regid=65534', '--clear-groups', '--no-new-privs')

# As systemd does: PATH or a port of localhost, the name of the socket, the program.
ACTIVATE = """
import os, socket, sys
at, name = sys.argv[1:3]
if at.isdigit():
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(('127.0.0.1', int(at)))
else:
    s = socket.socket(socket.AF_UNIX)
    s.bind(at)
    os.chmod(at, 0o660)
    if not os.geteuid():
        os.chown(at, -1, 65534)
s.listen(64)
fd = os.dup(s.fileno())
s.close()
if fd != 3:
    os.dup2(fd, 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1', LISTEN_FDNAMES=name)
os.execvp(sys.argv[3], sys.argv[3:])
"""

# A boot sector: what comes from the keyboard goes to the screen (INT 16h, INT 10h), what comes
# from COM1 goes back, capital letters for small ones.
SECTOR = bytes((0xb4, 0x01, 0xcd, 0x16, 0x74, 0x0b,             # is there a key?
                0xb4, 0x00, 0xcd, 0x16, 0xb4, 0x0e, 0xbb, 0x07, 0x00, 0xcd, 0x10,
                0xba, 0xfd, 0x03, 0xec, 0xa8, 0x01, 0x74, 0xe7,  # is there a byte?
                0xba, 0xf8, 0x03, 0xec, 0x34, 0x20, 0xee, 0xeb, 0xde))


class UserVm:
    """A QEMU in the place of a proxy and its user VM."""

    def __init__(self, w, vm):
        self.monitor_path = w.path(vm + '.monitor')
        disk = w.path(vm + '.disk')
        with open(disk, 'wb') as f:
            f.write(SECTOR.ljust(510, b'\0') + b'\x55\xaa')
        console, vnc = (w.path('run/console/' + vm + end) for end in ('.sock', '.vnc'))
        self.process = subprocess.Popen(
            ['qemu-system-x86_64', '-machine', 'pc,accel=tcg', '-m', '16', '-nodefaults',
             '-display', 'none', '-vga', 'std', '-drive', 'file=%s,format=raw' % disk,
             '-chardev', 'socket,id=c,path=%s,server=on,wait=off' % console,
             '-serial', 'chardev:c', '-vnc', 'unix:' + vnc,
             '-monitor', 'unix:%s,server=on,wait=off' % self.monitor_path],
            stdin=subprocess.DEVNULL)
        wait_for('sockets of QEMU', lambda: all(map(os.path.exists, (console, vnc, self.monitor_path))))
        for path in (console, vnc):
            os.chmod(path, 0o666)

    def screendump(self, path):
        """The screen as QEMU has it. Return: (width, height, RGB bytes)."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(world.PATIENCE)
            wait_for('monitor of QEMU', lambda: s.connect_ex(self.monitor_path) == 0)
            text = b''
            # A prompt before the command, and one when it is done.
            for command in (None, 'screendump ' + path):
                if command:
                    s.sendall(command.encode() + b'\n')
                    text = b''
                while b'(qemu) ' not in text:
                    more = s.recv(4096)
                    check(more, 'the monitor of QEMU is gone')
                    text += more
        with open(path, 'rb') as f:
            data = f.read()
        m = re.match(rb'P6\n(\d+) (\d+)\n255\n', data)
        check(m, 'QEMU writes %r' % data[:20])
        return int(m.group(1)), int(m.group(2)), data[m.end():]

    def close(self):
        self.process.kill()
        self.process.wait()


class Web(World, Page):
    def __init__(self, name, program):
        super().__init__(name, program)
        with socket.socket() as s:
            s.bind(('127.0.0.1', 0))
            self.web_port = s.getsockname()[1]
        self.web_host = 'localhost'
        self.origin = 'https://localhost:%d' % self.web_port
        self.backend = self.path('backend')
        self.gateway = None
        self.gateway_log = self.path('gateway.log')
        self.cert, self.cert_key = self.path('cert.pem'), self.path('key.pem')
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
                        'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=localhost',
                        '-addext', 'subjectAltName=DNS:localhost', '-keyout', self.cert_key,
                        '-out', self.cert], check=True, stderr=subprocess.DEVNULL)
        os.chmod(self.cert_key, 0o644)
        self.socket_of_console = True

    def args(self, *more):
        args = super().args('--web-url', self.origin, *more)
        if not self.socket_of_console:
            return args
        return [sys.executable, '-c', ACTIVATE, self.backend, 'web', *args]

    def start_all(self, *vms):
        """The user VMs, the servers."""
        self.new_daemon()
        self.daemon.names = list(vms)
        self.daemon.identity = {'identity': 'first-seen', 'proved': False}
        for vm in vms:
            self.daemon.ports[vm] = '0x3f8-0x3ff,ps2,vga'
        machines = [UserVm(self, vm) for vm in vms]
        self.things += machines
        self.start(chardev=False)
        self.start_gateway()
        return machines

    def start_gateway(self):
        # They are perhaps in a home directory, which nobody reads.
        subprocess.run(['cp', '-r', GATEWAY, self.path('web')], check=True)
        subprocess.run(['chmod', '-R', 'a+rX', self.path('web')], check=True)
        self.gateway = subprocess.Popen(
            [sys.executable, '-c', ACTIVATE, str(self.web_port), 'vsb-web.socket',
             *(NOBODY if not os.geteuid() else ()),
             '/usr/bin/python3', '-B', self.path('web/vsb-web'), '--cert', self.cert, '--key', self.cert_key,
             '--backend', self.backend, '--page', self.path('web/page')],
            stderr=open(self.gateway_log, 'ab'), stdin=subprocess.DEVNULL)

        def listens():
            try:
                return self.request('GET', '/').status
            except OSError:
                return False
        wait_for('vsb-web answers', listens)

    def spki(self):
        """As Chromium wants it: the certificate that it is to take."""
        key = subprocess.run(['openssl', 'x509', '-in', self.cert, '-noout', '-pubkey'], check=True,
                             stdout=subprocess.PIPE).stdout
        der = subprocess.run(['openssl', 'pkey', '-pubin', '-outform', 'der'], input=key, check=True,
                             stdout=subprocess.PIPE).stdout
        return base64.b64encode(hashlib.sha256(der).digest()).decode()

    def link(self, vm='vm1', key='id'):
        """What 'ssh VM@HOST web' prints."""
        c = self.client('web', vm=vm, key=key)
        c.ended(0)
        link = c.out.decode().strip()
        check(re.fullmatch(re.escape('%s/%s/#' % (self.origin, vm)) + '[0-9a-f]{32}', link),
              'this is no link: %r' % link)
        return link

    def close(self, keep):
        problem = self.stop_gateway() if self.gateway else None
        super().close(keep)
        check(not problem, problem)

    def stop_gateway(self):
        """Return: what is wrong, or None."""
        self.gateway.terminate()
        try:
            status = self.gateway.wait(world.PATIENCE)
            return 'vsb-web ended with %d' % status if status else None
        except subprocess.TimeoutExpired:
            self.gateway.kill()
            self.gateway.wait()
            return 'vsb-web does not stop'
