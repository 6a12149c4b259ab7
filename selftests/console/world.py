# SPDX-License-Identifier: GPL-2.0
"""
What a vsb-console under test has around it, for tests of the whole program.

A World has a server on a free port of the loopback device, with a UNIX socket in
the place of the proxy's character device and another in the place of vsbypassd.
"""
import argparse
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

# seconds; a limit for what hangs, nothing is measured
PATIENCE = int(os.environ.get('PATIENCE', 180))
ESC = b'\x05c'


class Failure(Exception):
    pass


def check(condition, text):
    if not condition:
        raise Failure(text)


def wait_for(what, condition):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise Failure('waited %d s in vain for: %s' % (PATIENCE, what))


class Chardev:
    """The proxy's character device: a UNIX socket, one client."""

    def __init__(self, path):
        self.path = path
        self.got = bytearray()
        self.sent = 0
        self.peer = None
        self.reading = threading.Event()
        self.reading.set()
        if os.path.exists(path):
            os.unlink(path)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        os.chmod(path, 0o666)
        self.listener.listen(1)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        try:
            self.peer, _ = self.listener.accept()
            while True:
                self.reading.wait()
                data = self.peer.recv(4096)
                if not data:
                    break
                self.got += data
        except OSError:
            pass

    def connected(self):
        wait_for('vsb-console connects to ' + self.path, lambda: self.peer)

    def send(self, data):
        self.connected()
        self.peer.sendall(data)

    def send_slowly(self, data):
        """Send in a thread; self.sent tells how far it came."""
        def run():
            view = memoryview(data)
            try:
                while self.sent < len(data):
                    self.sent += self.peer.send(view[self.sent:self.sent + 65536])
            except OSError:
                pass        # it has closed
        self.connected()
        threading.Thread(target=run, daemon=True).start()

    def expect(self, data):
        wait_for('%r in the user VM (there is %r)' % (data[:60], bytes(self.got[-200:])),
                 lambda: data in self.got)

    def close(self):
        for s in (self.peer, self.listener):
            if s:
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
                s.close()
        if os.path.exists(self.path):
            os.unlink(self.path)


class Vnc:
    """A QEMU with the keyboard and the VNC server of a proxy; it runs nothing but HLT."""

    def __init__(self, w, vm='vm1'):
        w.things.append(self)
        self.path = w.path('run/console/%s.vnc' % vm)
        rom = w.path('halt.rom')
        with open(rom, 'wb') as f:
            f.write(b'\xf4' * 65536)
        self.process = subprocess.Popen(
            ['qemu-system-x86_64', '-machine', 'microvm,accel=tcg,acpi=off,x-option-roms=off,'
             'pit=off,pic=off,rtc=off,isa-serial=off', '-bios', rom, '-m', '64K', '-nodefaults',
             '-display', 'none', '-device', 'i8042', '-device', 'ramfb', '-vnc',
             'unix:' + self.path, '-monitor', 'unix:%s,server=on,wait=off' % w.path('monitor')],
            stdin=subprocess.DEVNULL)
        self.monitor_path = w.path('monitor')
        # It answers when all else is there.
        wait_for('monitor of QEMU', self.answers)
        os.chmod(self.path, 0o666)

    def answers(self):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(PATIENCE)
            try:
                s.connect(self.monitor_path)
                return s.recv(1)
            except OSError:
                return False

    def codes(self, n):
        """N bytes that the keyboard has for its reader."""
        with socket.socket(socket.AF_UNIX) as s, s.makefile('rw') as f:
            s.connect(self.monitor_path)
            got = []
            while len(got) < n:
                for command in ('i /b 0x64', 'i /b 0x60'):
                    f.write(command + '\n')
                    f.flush()
                    m = None
                    while not m:
                        m = re.search(r'portb\[0x00..\] = 0x(..)', f.readline())
                    value = int(m.group(1), 16)
                    if command.endswith('64') and not value & 1:
                        time.sleep(0.05)
                        break
                    if command.endswith('60'):
                        got.append(value)
            return got

    def close(self):
        self.process.kill()
        self.process.wait()


# A client of the Remote Framebuffer Protocol (RFC 6143): version, no authentication,
# shared; then "a" down and up.
RFB_HELLO = b'RFB 003.008\n'
RFB_START = RFB_HELLO + b'\x01\x01'
RFB_KEY_A = b'\x04\x01\0\0\0\0\0a' + b'\x04\0\0\0\0\0\0a'


class Daemon:
    """vsbypassd's control socket."""

    def __init__(self, path):
        self.requests = []
        self.names = ['vm1']
        self.state = 'bound'
        self.generation = 0
        self.identity = {}
        self.ports = {}         # of user VMs: as vsbctl attach takes them
        self.error = None
        self.path = path
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        os.chmod(path, 0o666)
        self.listener.listen(16)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            with peer, peer.makefile('rwb') as f:
                line = f.readline()
                if not line:
                    continue
                request = json.loads(line)
                self.requests.append(request)
                reply = {'return': {}}
                if request['execute'] == 'status':
                    vms = [{'name': name, 'state': self.state, 'proxy_pid': 1,
                            'generation': self.generation, **self.identity,
                            **({'ports': self.ports[name]} if name in self.ports else {})}
                           for name in self.names]
                    reply = {'return': {'clouds': [{'name': 'c', 'uservms': vms}]}}
                elif self.error:
                    reply = {'error': {'class': 'Failed', 'desc': self.error}}
                f.write(json.dumps(reply).encode() + b'\n')

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        os.unlink(self.path)


# A terminal of a size, in which a program runs; its bytes are those of stdin and stdout. The
# program ends with it, also when it is killed.
TERMINAL = """
import fcntl, os, pty, struct, sys, termios, threading
pid, fd = pty.fork()
if not pid:
    size = struct.pack('HHHH', int(sys.argv[1]), int(sys.argv[2]), 0, 0)
    fcntl.ioctl(0, termios.TIOCSWINSZ, size)
    os.execvp('setpriv', ['setpriv', '--pdeathsig', 'KILL', *sys.argv[3:]])
def copy(from_fd, to_fd):
    try:
        while data := os.read(from_fd, 65536):
            os.write(to_fd, data)
    except OSError:
        pass
threading.Thread(target=copy, args=(0, fd), daemon=True).start()
copy(fd, 1)
os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


def in_terminal(rows, columns, argv):
    return [sys.executable, '-c', TERMINAL, str(rows), str(columns), *argv]


class Client:
    """A process of an SSH client."""

    def __init__(self, world, args, env=None):
        self.out = bytearray()
        self.err = bytearray()
        self.eof = threading.Event()
        self.drain = threading.Event()
        self.drain.set()
        self.process = subprocess.Popen(args, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, bufsize=0, env=env)
        world.clients.append(self)
        threading.Thread(target=self.pump, args=(self.process.stdout, self.out, self.eof),
                         daemon=True).start()
        threading.Thread(target=self.pump, args=(self.process.stderr, self.err, None),
                         daemon=True).start()

    def pump(self, pipe, into, eof):
        while True:
            if eof:
                self.drain.wait()
            data = os.read(pipe.fileno(), 65536)
            if not data:
                break
            into += data
        if eof:
            eof.set()

    def type(self, data):
        self.process.stdin.write(data)

    def expect(self, data):
        def there():
            over = self.eof.is_set()
            check(data in self.out or not over, 'ssh ended without %r; it said %r, %r' %
                  (data[:60], bytes(self.out[-300:]), bytes(self.err[-300:])))
            return data in self.out
        wait_for('%r from ssh (there is %r, %r)' %
                 (data[:60], bytes(self.out[-300:]), bytes(self.err[-300:])), there)

    def ended(self, status, words=None):
        """Wait for the end. Return what ssh wrote to stderr."""
        wait_for('end of ssh (it said %r, %r)' % (bytes(self.out[-300:]), bytes(self.err[-300:])),
                 lambda: self.process.poll() is not None)
        wait_for('end of output', self.eof.is_set)
        time.sleep(0.05)
        check(self.process.returncode == status, 'ssh ended with %d, expected %d; it said: %s%s' %
              (self.process.returncode, status, self.out.decode('latin-1'),
               self.err.decode('latin-1')))
        if words:
            wait_for('%r in %r' % (words, self.err), lambda: words.encode() in self.err)
        return self.err.decode('latin-1')

    def close(self):
        self.drain.set()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
        self.process.wait()


def children(pid):
    with open('/proc/%d/task/%d/children' % (pid, pid), encoding='ascii') as f:
        return [int(p) for p in f.read().split()]


class World:
    """A folder with everything that a server needs, and the server."""

    def __init__(self, name, program):
        self.program = program
        self.dir = tempfile.mkdtemp(prefix='vsb-console-%s-' % name)
        os.chmod(self.dir, 0o755)
        self.run = self.path('run')
        self.keys = self.path('keys')
        for d in (self.run, self.path('run/console'), self.keys):
            os.mkdir(d, 0o755)
        self.make_key('id')
        self.make_key('other')
        self.allow('vm1', 'id')
        self.clients = []
        self.things = []
        self.server = None
        self.chardev = None
        self.daemon = None
        self.port = 0
        self.log_path = self.path('log')

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def make_key(self, name):
        subprocess.run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', name,
                        '-f', self.path(name)], check=True)

    def allow(self, vm, *keys):
        with open(os.path.join(self.keys, vm), 'w') as f:
            for key in keys:
                f.write(open(self.path(key + '.pub')).read())
        os.chmod(os.path.join(self.keys, vm), 0o644)

    def args(self, *more):
        return [self.program, '--port', '0', '--bind', '127.0.0.1', '--run-dir', self.run,
                '--keys', self.keys, '--host-key', self.path('host_key'),
                '--user', 'nobody', *more]

    def env(self):
        # The leak checker needs threads and ptrace, which the sandbox forbids.
        return dict(os.environ, ASAN_OPTIONS='detect_leaks=0')

    def start(self, *more, chardev=True, daemon=True, stderr=None):
        if chardev:
            self.chardev = self.new_chardev()
        if daemon:
            self.new_daemon()
        self.server = subprocess.Popen(self.args(*more),
                                       stderr=stderr or open(self.log_path, 'ab'),
                                       env=self.env())
        m = wait_for('"listening on port" in the log: ' + self.log(),
                     lambda: re.search(r'listening on port (\d+), host key (SHA256:\S+)',
                                       self.log()))
        self.port = int(m.group(1))
        pub = open(self.path('host_key.pub')).read().split()
        with open(self.path('known_hosts'), 'w') as f:
            f.write('[127.0.0.1]:%d %s %s\n' % (self.port, pub[0], pub[1]))
        if chardev:
            self.chardev.connected()
        return self

    def processes(self):
        """Those of the server: the spawner, and a list of the sessions."""
        spawner, = children(self.server.pid)
        return spawner, children(spawner)

    def new_chardev(self, vm='vm1'):
        self.things.append(Chardev(self.path('run/console/%s.sock' % vm)))
        return self.things[-1]

    def new_vnc(self, **kw):
        return Vnc(self, **kw)

    def forward(self, target, vm='vm1', options=('-N',), **kw):
        """ssh -L. Return the client and the port."""
        with socket.socket() as s:
            s.bind(('127.0.0.1', 0))
            port = s.getsockname()[1]
        c = self.client(vm=vm, options=['-L', '127.0.0.1:%d:%s' % (port, target),
                                        '-o', 'ExitOnForwardFailure=yes', *options], **kw)

        def ready():
            try:
                socket.create_connection(('127.0.0.1', port)).close()
            except OSError:
                return False
            return True
        wait_for('ssh -L listens', ready)
        return c, port

    def new_daemon(self):
        if not self.daemon:
            self.daemon = Daemon(self.path('run/control.sock'))
            self.things.append(self.daemon)
        return self.daemon

    def ssh(self, vm, key, options=()):
        return ['ssh', '-F', 'none', '-p', str(self.port), '-i', self.path(key),
                '-o', 'IdentitiesOnly=yes', '-o', 'IdentityAgent=none', '-o', 'BatchMode=yes',
                '-o', 'StrictHostKeyChecking=yes', '-o', 'GlobalKnownHostsFile=/dev/null',
                '-o', 'UserKnownHostsFile=' + self.path('known_hosts'),
                *options, '-l', vm, '127.0.0.1']

    def client(self, *command, vm='vm1', key='id', tty=False, options=()):
        """OpenSSH's ssh; without a terminal, unless tty is given."""
        return Client(self, self.ssh(vm, key, ['-tt' if tty else '-T', *options]) + list(command))

    def screen(self, rows, columns, vm='vm1', key='id'):
        """The same at a terminal of this size."""
        return Client(self, in_terminal(rows, columns, self.ssh(vm, key, ['-tt'])))

    def log(self):
        if not os.path.exists(self.log_path):
            return ''
        return open(self.log_path, encoding='latin-1').read()

    def expect_log(self, words):
        wait_for('%r in the log:\n%s' % (words, self.log()), lambda: words in self.log())

    def close(self, keep):
        problem = None
        for client in self.clients:
            client.close()
        if self.server:
            if self.server.poll() is not None:
                problem = 'the server ended by itself, status %d' % self.server.returncode
            else:
                self.server.terminate()
                try:
                    if self.server.wait(PATIENCE) != 0:
                        problem = 'the server stopped with status %d' % self.server.returncode
                except subprocess.TimeoutExpired:
                    problem = 'the server does not stop'
                    self.server.kill()
                    self.server.wait()
        for thing in self.things:
            try:
                thing.close()
            except OSError:
                pass
        log = self.log()
        if 'Sanitizer' in log or 'runtime error' in log or 'CRITICAL' in log:
            problem = 'a sanitizer or GLib complained'
        if problem:
            problem += '; its log:\n' + log
        if not keep:
            shutil.rmtree(self.dir)
        if problem:
            raise Failure(problem)


def receive(s, n):
    s.settimeout(PATIENCE)
    data = b''
    while len(data) < n:
        more = s.recv(n - len(data))
        if not more:
            break
        data += more
    return data


def tests_of(names):
    """{name: function} of the functions test_* among NAMES, a module's globals()."""
    return {name[5:].replace('_', '-'): f for name, f in list(names.items())
            if name.startswith('test_')}


def main(text, where, tests, make=World):
    """Run TESTS, {name: function(World)}, and print TAP; points are called WHERE/name. MAKE: of
    the world of a test."""
    parser = argparse.ArgumentParser(description=text,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--server', default='vsb-console', help='the vsb-console to test')
    parser.add_argument('--list', action='store_true', help='list the tests')
    parser.add_argument('--keep', action='store_true', help='keep the folders of the tests')
    parser.add_argument('--tap', action='store_true', help='TAP, as always')
    parser.add_argument('-p', dest='only', action='append', metavar='NAME',
                        help='run only this test')
    args = parser.parse_args()
    if args.list:
        print('\n'.join(tests))
        return 0
    for tool in ('ssh', 'ssh-keygen'):
        if not shutil.which(tool):
            print('1..0 # SKIP %s is missing: package openssh-client' % tool)
            return 0
    program = shutil.which(args.server) or args.server
    chosen = {n: f for n, f in tests.items()
              if not args.only or any(n.startswith(o.split('/')[-1]) for o in args.only)}
    print('TAP version 13\n1..%d' % len(chosen), flush=True)
    failed = 0
    for number, (name, test) in enumerate(chosen.items(), 1):
        problem = None
        w = make(name, program)
        try:
            test(w)
        except Failure as e:
            problem = str(e)
        except Exception:
            problem = traceback.format_exc()
        log = w.log()
        try:
            w.close(args.keep)
        except Failure as e:
            problem = '%s\n%s' % (problem, e) if problem else str(e)
        if problem:
            failed += 1
            problem += '\nlog of the server:\n' + log
            for line in problem.splitlines():
                print('# ' + line)
            print('# alone: %s --server %s -p %s' % (sys.argv[0], program, name))
        print('%s %d %s/%s' % ('not ok' if problem else 'ok', number, where, name),
              flush=True)
    return 1 if failed else 0
