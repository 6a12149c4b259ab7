#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""
What a client does to vsb-console must stay its own trouble. Meanwhile and afterwards
another tenant's console echoes, others log in, memory and log are bounded, and the
server obeys SIGTERM.

    abuse.py [--server PATH] [--list] [--keep] [-p NAME]...
"""
import ctypes
import glob
import logging
import os
import re
import socket
import struct
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
# pylint: disable=wrong-import-position
import paramiko
from paramiko.common import cMSG_CHANNEL_OPEN, cMSG_CHANNEL_REQUEST, cMSG_GLOBAL_REQUEST

from programs import Python
from world import ESC, Chardev, check, main, tests_of, wait_for

logging.getLogger('paramiko').setLevel(logging.CRITICAL)
ASYNCSSH = Python('asyncssh')
TCP_USER_TIMEOUT = 18
MEMORY = 64 << 20       # bytes more than before, all processes of the server together
LOG = 64 << 10          # bytes for one kind of abuse


class Echo(Chardev):
    """A user VM that sends back what it gets."""

    def serve(self):
        try:
            self.peer, _ = self.listener.accept()
            while data := self.peer.recv(4096):
                self.peer.sendall(data)
        except OSError:
            pass


class Others:
    """Another tenant, vm2, at his console since before the abuse began."""

    def __init__(self, w):
        self.w = w
        w.allow('vm2', 'other')
        w.new_daemon().names.append('vm2')
        w.things.append(Echo(w.path('run/console/vm2.sock')))
        if not w.server:
            w.start()
        self.console = w.client('raw', vm='vm2', key='other')
        w.expect_log("'vm2': attached")
        self.count = 0
        self.log = len(w.log())
        self.memory = memory(w)

    def echo(self):
        self.count += 1
        word = b'<echo %d>' % self.count
        self.console.type(word)
        self.console.expect(word)

    def login(self):
        self.w.client('help', vm='vm2', key='other').ended(0)

    def undisturbed(self):
        """As it was before the abuse; ends the server."""
        self.echo()
        self.login()
        grown = memory(self.w) - self.memory
        check(grown < MEMORY, '%d MiB of memory more' % (grown >> 20))
        check(len(self.w.log()) - self.log < LOG, 'the log has grown by %d bytes' %
              (len(self.w.log()) - self.log))
        stop(self.w)


def family(pid):
    """PID and the processes below it."""
    pids, parents = [pid], {}
    for path in glob.glob('/proc/[0-9]*/stat'):
        try:
            with open(path, encoding='latin-1') as f:
                text = f.read()
        except OSError:
            continue
        parents.setdefault(int(text.rsplit(')', 1)[1].split()[1]), []).append(
            int(path.split('/')[2]))
    for p in pids:
        pids += parents.get(p, [])
    return pids


def memory(w):
    total = 0
    for pid in family(w.server.pid):
        try:
            with open('/proc/%d/status' % pid, encoding='latin-1') as f:
                m = re.search(r'RssAnon:\s+(\d+)', f.read())
        except OSError:
            continue
        total += int(m.group(1)) << 10 if m else 0
    return total


def stop(w):
    w.server.terminate()
    try:
        status = w.server.wait(60)
    except subprocess.TimeoutExpired:
        w.server.kill()
        w.server.wait()
        w.server = None
        check(False, 'SIGTERM is not obeyed')
    w.server = None
    check(status == 0, 'the server stopped with status %d' % status)


class Quiet:
    """A socket that its owner can have read nothing more."""

    def __init__(self, port):
        self.socket = socket.create_connection(('127.0.0.1', port))
        self.reading = threading.Event()
        self.reading.set()

    def recv(self, n):
        self.reading.wait()
        return self.socket.recv(n)

    def __getattr__(self, name):
        return getattr(self.socket, name)


def transport(w, vm='vm1', key='id', sock=None, login=True, **kw):
    """A connection of paramiko's, for packets made by hand."""
    t = paramiko.Transport(sock or ('127.0.0.1', w.port), **kw)
    t.start_client(timeout=60)
    if login:
        t.auth_publickey(vm, paramiko.Ed25519Key.from_private_key_file(w.path(key)))
    return t


def message(kind, *fields):
    m = paramiko.Message()
    m.add_byte(kind if isinstance(kind, bytes) else bytes([kind]))
    for f in fields:
        if isinstance(f, bool):
            m.add_boolean(f)
        elif isinstance(f, int):
            m.add_int(f)
        else:
            m.add_string(f)
    return m


def flood(t, make, number, seconds=15):
    """Send MAKE(i) NUMBER times, for SECONDS at most, or until nobody takes them."""
    sent = [0]

    def run():
        try:
            end = time.monotonic() + seconds
            while sent[0] < number and time.monotonic() < end:
                t._send_message(make(sent[0]))      # pylint: disable=protected-access
                sent[0] += 1
        except (OSError, EOFError, paramiko.SSHException):
            pass
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds + 5)
    return sent[0]


# Sizes

def sizes(w, **how):
    others = Others(w)
    w.daemon.identity = {'identity': 'first-seen', 'proved': False}
    vnc = Chardev(w.path('run/console/vm1.vnc'))
    w.things.append(vnc)
    clients = [ASYNCSSH.start(w, command, **how) for command in ('help', 'status')]
    shell = ASYNCSSH.start(w, **how)
    forward = ASYNCSSH.start(w, forward='vm1:5900', **how)
    for c in clients:
        wait_for('end of a command', lambda c=c: c.process.poll() is not None)
    for _ in range(3):
        others.echo()
        others.login()
    works = how.get('packet', 64) >= 64
    for c in clients:
        check(c.process.returncode == 0 or not works, 'ended with %d: %r' %
              (c.process.returncode, bytes(c.err)))
    shell.close()
    forward.close()
    others.undisturbed()


def test_packet_0(w):
    """A channel whose packets may have no byte."""
    sizes(w, packet=0)


def test_packet_1(w):
    """One byte."""
    sizes(w, packet=1)


def test_packet_10(w):
    """Ten: what libssh keeps for itself."""
    sizes(w, packet=10)


def test_packet_11(w):
    """Eleven: one more than that."""
    sizes(w, packet=11)


def test_packet_64(w):
    """64 bytes: slow, but it works."""
    sizes(w, packet=64)


def test_packet_huge(w):
    """2^32 - 1."""
    sizes(w, packet=2**32 - 1)


def test_window_1(w):
    """A window of one byte."""
    sizes(w, window=1)


def test_window_10(w):
    """A window of ten."""
    sizes(w, window=10)


# Before login

def kex_offer(w):
    """The server's KEXINIT: lists of names."""
    with socket.create_connection(('127.0.0.1', w.port)) as s, s.makefile('rb') as f:
        f.readline()
        s.sendall(b'SSH-2.0-x\r\n')
        length, pad = struct.unpack('>IB', f.read(5))
        data = f.read(length - 1)[:length - 1 - pad][17:]
    lists = []
    for _ in range(8):
        n = struct.unpack('>I', data[:4])[0]
        lists.append(data[4:4 + n].decode().split(','))
        data = data[4 + n:]
    return lists


def test_algorithms(w):
    """Nothing that costs a stranger nothing and us much; nothing that ssh-audit fails."""
    w.start()
    kex = kex_offer(w)[0]
    check('curve25519-sha256' in kex, kex)
    check(not [k for k in kex if 'diffie-hellman' in k or 'sha1' in k], kex)
    r = subprocess.run(['ssh-audit', '-n', '-p', str(w.port), '127.0.0.1'], check=False,
                       stdout=subprocess.PIPE, text=True)
    failures = [line for line in r.stdout.splitlines() if '[fail]' in line]
    check('curve25519-sha256' in r.stdout and not failures, '\n'.join(failures) or r.stdout)


def test_handshakes(w):
    """Garbage that wants an answer computed, again and again."""
    others = Others(w)
    end = time.monotonic() + 10

    def run():
        names = [b'diffie-hellman-group18-sha512,curve25519-sha256', b'ssh-ed25519'] + \
            [b'aes256-ctr'] * 2 + [b'hmac-sha2-256'] * 2 + [b'none'] * 2 + [b''] * 2
        init = b'\x14' + bytes(16) + b''.join(struct.pack('>I', len(n)) + n for n in names) + \
            bytes(5)
        dh = b'\x1e' + struct.pack('>I', 32) + bytes([9]) * 32
        while time.monotonic() < end:
            try:
                with socket.create_connection(('127.0.0.1', w.port)) as s:
                    s.settimeout(5)
                    s.sendall(b'SSH-2.0-x\r\n' + packet(init) + packet(dh))
                    while s.recv(65536):
                        pass
            except OSError:
                pass
    threads = [threading.Thread(target=run, daemon=True) for _ in range(8)]
    for t in threads:
        t.start()
    while time.monotonic() < end:
        others.echo()
        others.login()
    for t in threads:
        t.join()
    others.undisturbed()


def packet(payload):
    """A packet in the clear."""
    pad = 8 - (len(payload) + 5) % 8
    pad += 8 if pad < 4 else 0
    return struct.pack('>IB', len(payload) + pad + 1, pad) + payload + bytes(pad)


def strangers(w, rate, far):
    """RATE silent connections a second from one address, ten logins from another."""
    others = Others(w)
    over = threading.Event()
    begin, count = time.monotonic(), [0]

    def run():
        held = []
        while not over.wait(max(0, begin + count[0] / rate - time.monotonic())):
            count[0] += 1
            try:
                held.append(socket.create_connection(('127.0.0.1', w.port), 5,
                                                     source_address=('127.0.0.2', 0)))
            except OSError:
                pass
            if len(held) > 800:
                held.pop(0).close()
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    time.sleep(2)
    if far:
        relay = Relay(w.port)
    good = 0
    for _ in range(10):
        options = ['-o', 'Port=%d' % relay.port, '-o', 'HostKeyAlias=[127.0.0.1]:%d' % w.port] \
            if far else []
        c = w.client('help', vm='vm2', key='other', options=options)
        wait_for('end of ssh', lambda: c.process.poll() is not None)
        good += c.process.returncode == 0
        others.echo()
    seconds = time.monotonic() - begin
    over.set()
    thread.join()
    print('# %d silent connections in %.0f s, %.0f a second; %d of 10 logins' %
          (count[0], seconds, count[0] / seconds, good), flush=True)
    check(good == 10, '%d of 10 logins' % good)
    others.undisturbed()


class Relay:
    """25 ms each way between a client and the server: a peer that is far away."""

    def __init__(self, port):
        self.target = port
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            near, _ = self.listener.accept()
            try:
                far = socket.create_connection(('127.0.0.1', self.target))
            except OSError:
                near.close()
                continue
            for a, b in ((near, far), (far, near)):
                threading.Thread(target=self.copy, args=(a, b), daemon=True).start()

    def copy(self, a, b):
        try:
            while data := a.recv(65536):
                time.sleep(0.025)
                b.sendall(data)
        except OSError:
            pass
        for s in (a, b):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def test_silent_50_far(w):
    """50 a second from one address, logins from another, far away."""
    strangers(w, 50, True)


def test_silent_100_far(w):
    """100 a second."""
    strangers(w, 100, True)


def test_silent_500(w):
    """500 a second, logins from near."""
    strangers(w, 500, False)


def test_versions(w):
    """Greetings: garbage, too long, a byte a second, none; a list of 100,000 names."""
    others = Others(w)
    held = []
    names = b','.join(b'k%d' % i for i in range(100000))
    for data in (b'\0' * 1000, b'SSH-1.5-old\r\n', b'SSH-2.0-' + b'x' * 100000 + b'\r\n',
                 b'x\r\n' * 100000, b'GET / HTTP/1.0\r\n\r\n', b'SSH-2.0-\xff\n',
                 b'SSH-2.0-x\r\n' + b'\xff\xff\xff\xff' + b'x' * 100000,
                 b'SSH-2.0-x\r\n' + packet(b'\x14' + bytes(16) + struct.pack('>I', len(names)) +
                                           names + bytes(41)),
                 b'SSH-2.0-x\r\n' + packet(b'\x14' + bytes(16) + b'\xff' * 40),
                 b'SSH-2.0-x\r\n' + packet(b'\x32' + b'x' * 40),
                 b'SSH-2.0-x\r\n' + packet(b''),
                 b'SSH-2.0-x\r\n\0\0'):
        s = socket.create_connection(('127.0.0.1', w.port))
        try:
            s.sendall(data)
        except OSError:
            pass
        held.append(s)
        others.echo()
    slow = socket.create_connection(('127.0.0.1', w.port))
    for byte in b'SSH-':
        slow.sendall(bytes([byte]))
        time.sleep(1)
        others.echo()
    others.login()
    for s in held:
        s.close()
    others.undisturbed()


def test_none_unread(w):
    """Requests to log in with nothing, whose refusals are not read."""
    others = Others(w)
    sock = Quiet(w.port)
    t = transport(w, sock=sock, login=False)
    t._send_message(message(5, 'ssh-userauth'))     # pylint: disable=protected-access
    sock.reading.clear()
    flood(t, lambda i: message(50, 'vm%d' % i, 'ssh-connection', 'none'), 300000)
    others.undisturbed()
    sock.reading.set()


def test_methods(w):
    """Every way to log in that is not ours: refused, with a line in the log."""
    others = Others(w)
    for words, login in (
            ('password', lambda t: t.auth_password('vm1', 'secret')),
            ('keyboard-interactive', lambda t: t.auth_interactive('vm1', lambda *a: [])),
            ('none', lambda t: t.auth_none('vm1'))):
        t = transport(w, login=False)
        try:
            login(t)
            check(False, 'let in with ' + words)
        except paramiko.SSHException:
            pass
        t.close()
        others.echo()
        if words != 'none':
            wait_for(words + ' in the log', lambda w1=words: w1 in w.log()[others.log:])
    check('secret' not in w.log(), 'a password in the log')
    others.undisturbed()


def test_nul_name(w):
    """A name with a NUL in it: refused at once, with a line in the log."""
    others = Others(w)
    t = transport(w, login=False)
    t.auth_timeout = 30
    try:
        t.auth_publickey('vm1\0x', paramiko.Ed25519Key.from_private_key_file(w.path('id')))
        check(False, 'let in')
    except (paramiko.SSHException, EOFError):
        pass
    t.close()
    # another process writes it than the one that the client hears
    wait_for('a word in the log', lambda: 'refused' in w.log()[others.log:] or
             'ended' in w.log()[others.log:])
    others.undisturbed()


# After login

def test_global_unread(w):
    """Global requests whose replies are not read."""
    others = Others(w)
    sock = Quiet(w.port)
    t = transport(w, sock=sock)
    sock.reading.clear()
    flood(t, lambda i: message(cMSG_GLOBAL_REQUEST, 'x%d@example' % i, True), 300000)
    others.undisturbed()
    sock.reading.set()


def test_open_flood(w):
    """10,000 channels."""
    others = Others(w)
    t = transport(w)
    flood(t, lambda i: message(cMSG_CHANNEL_OPEN, 'session', 1000 + i, 65536, 32768), 10000)
    others.undisturbed()


def test_open_kinds(w):
    """Channels of kinds that there are not, x11, names of 100 kB, by the thousand."""
    others = Others(w)
    t = transport(w)
    kinds = ('x11', 'auth-agent@openssh.com', 'forwarded-tcpip', 'tun@openssh.com', '',
             'direct-streamlocal@openssh.com', 'k' * 30000, '../../x', 'a\0b')
    flood(t, lambda i: message(cMSG_CHANNEL_OPEN, kinds[i % len(kinds)], 1000 + i, 65536, 32768),
          3000, 10)
    others.undisturbed()


def test_request_flood(w):
    """Terminals and environments on one channel, 20,000 times each."""
    others = Others(w)
    t = transport(w)
    c = t.open_session()
    number = c.remote_chanid
    flood(t, lambda i: message(cMSG_CHANNEL_REQUEST, number, 'pty-req', True, 'x' * 100, 80, 24,
                               0, 0, '') if i % 2 else
          message(cMSG_CHANNEL_REQUEST, number, 'env', True, 'N%d' % i, 'v' * 100), 40000, 10)
    others.undisturbed()


def test_forward_flood(w):
    """Refused forwards without end: the log says so in a few lines."""
    others = Others(w)
    t = transport(w)
    flood(t, lambda i: message(cMSG_CHANNEL_OPEN, 'direct-tcpip', 1000 + i, 65536, 32768,
                               'host%d' % i, 22, '127.0.0.1', 1), 100000, 10)
    check('refused' in w.log()[others.log:], 'not a word in the log')
    others.undisturbed()


def test_same_key_64(w):
    """One tenant with as many connections as he gets: another still logs in."""
    others = Others(w)
    held = []
    for _ in range(72):
        try:
            held.append(transport(w))
        except (OSError, EOFError, paramiko.SSHException):
            pass
    check(held, 'not one')
    for _ in range(3):
        others.echo()
        others.login()
    check(re.search(r"vm1.*(refused|most|limit)|(refused|most|limit).*vm1", w.log()[others.log:]),
          'the log does not name vm1: ' + w.log()[-600:])
    for t in held:
        t.close()
    others.undisturbed()


class Bundle(Quiet):
    """What is sent is held back, and then sent in one piece."""
    held = None

    def __init__(self, port):
        super().__init__(port)
        self.order = threading.Lock()       # paramiko's own thread sends, too

    def send(self, data):
        with self.order:
            if self.held is None:
                return self.socket.send(data)
            self.held += data
            return len(data)

    def release(self):
        with self.order:
            self.socket.sendall(self.held)
            self.held = None


def test_channel_reuse(w):
    """A channel ends while much is on its way to it, and the next one begins at once."""
    others = Others(w)
    sock = Bundle(w.port)
    t = transport(w, sock=sock)
    c = t.open_session()
    number = c.remote_chanid
    c.exec_command('watch')
    over = threading.Event()

    def run():
        try:
            while not over.is_set():
                w.chardev.peer.send(b'x' * 65536)
        except OSError:
            pass
    threading.Thread(target=run, daemon=True).start()
    channels = []
    for i in range(300):
        # paramiko ends when it hears of a channel that it does not know
        channels.append(paramiko.Channel(1000 + i))
        channels[-1]._set_transport(t)                  # pylint: disable=protected-access
        channels[-1]._set_window(2**20, 32768)          # pylint: disable=protected-access
        t._channels.put(1000 + i, channels[-1])         # pylint: disable=protected-access
        t.channels_seen[1000 + i] = True
        sock.held = bytearray()
        for m in (message(97, number), message(cMSG_CHANNEL_OPEN, 'session', 1000 + i, 2**20, 32768),
                  message(cMSG_CHANNEL_REQUEST, number + 1, 'exec', False, 'watch')):
            t._send_message(m)      # pylint: disable=protected-access
        number += 1
        sock.release()
        time.sleep(0.01)
        check(t.is_active(), 'the connection ended at %d: %s' % (i, w.log()[-300:]))
    others.echo()
    over.set()
    t.close()
    others.undisturbed()


def test_session_stdio(w):
    """The process of a connection cannot write to the log."""
    w.start()
    c = w.client(tty=True)
    c.expect(b'for help]')
    sessions = [pid for pid in family(w.server.pid)[2:]]
    check(sessions, 'no session')
    for pid in sessions:
        seen = [os.readlink('/proc/%d/fd/%d' % (pid, fd)) for fd in range(3)]
        check(seen == ['/dev/null'] * 3, seen)


def test_half_open(w):
    """Clients that end in the middle of a packet, or close one side only."""
    others = Others(w)
    for i in range(10):
        sock = Quiet(w.port)
        t = transport(w, sock=sock)
        if i % 2:
            t.open_session()
            sock.socket.sendall(b'\1\2\3')
        if i % 3:
            sock.socket.shutdown(socket.SHUT_WR)
        else:
            sock.socket.close()
    others.undisturbed()


def test_raw_packets(w):
    """Packets after the login that are none: channels that there are not, garbage."""
    others = Others(w)
    for kind in (93, 94, 95, 96, 97, 98, 99, 91, 92, 60, 61, 20, 21, 30, 31, 1, 2, 3, 4, 5, 6, 50,
                 80, 81, 82, 200, 255):
        for tail in (b'', b'\xff' * 3, struct.pack('>II', 77, 2**32 - 1), b'\xff' * 300):
            t = transport(w)
            m = paramiko.Message()
            m.add_bytes(bytes([kind]) + tail)
            flood(t, lambda i, m=m: m, 2, 2)
            t.close()
        others.echo()
    others.undisturbed()


# The server's surroundings

def descriptor(pid, fd):
    """A copy of another process's descriptor, as pidfd_getfd(2) gives it."""
    libc = ctypes.CDLL(None, use_errno=True)
    pidfd = os.pidfd_open(pid)
    copy = libc.syscall(438, pidfd, fd, 0)
    os.close(pidfd)
    return copy


def test_vanished(w):
    """The kernel is told how long a peer may not acknowledge: two minutes at most."""
    Others(w)
    seen = []
    for pid in family(w.server.pid):
        for name in os.listdir('/proc/%d/fd' % pid):
            try:
                if not os.readlink('/proc/%d/fd/%s' % (pid, name)).startswith('socket:'):
                    continue
            except OSError:
                continue
            copy = descriptor(pid, int(name))
            if copy < 0:
                continue
            with socket.socket(fileno=copy) as s:
                try:
                    s.getpeername()
                    if s.family in (socket.AF_INET, socket.AF_INET6):
                        seen.append(s.getsockopt(socket.IPPROTO_TCP, TCP_USER_TIMEOUT))
                except OSError:
                    pass
    check(seen and all(0 < ms <= 120000 for ms in seen), 'TCP_USER_TIMEOUT: %s' % seen)


def test_break(w):
    """RFC 4335's break, from ssh (~B) and with a reply: sent for who writes, else refused."""
    sent = {'execute': 'send-break', 'arguments': {'uservm': 'vm1'}}

    def breaks():
        return w.daemon.requests.count(sent)

    def answered(channel, name):
        """Send a request NAME that wants a reply. Return: whether that is a success."""
        # pylint: disable=protected-access
        answers, mine, theirs = [], channel.transport, channel.transport._channel_handler_table
        mine._channel_handler_table = {
            **theirs, 99: lambda c, m: answers.append(True), 100: lambda c, m: answers.append(False)}
        mine._send_message(
            message(cMSG_CHANNEL_REQUEST, channel.remote_chanid, name, True, 500))
        wait_for('a reply to ' + name[:50], lambda: answers)
        mine._channel_handler_table = theirs
        return answers[0]
    w.start()
    c = w.client(tty=True)
    c.expect(b'for help]')
    c.type(b'\r~B')
    c.expect(b'break sent]')
    check(breaks() == 1, w.daemon.requests)
    # one who only watches
    d = w.client(tty=True)
    d.expect(b'console busy')
    d.type(b'\r~B')
    d.expect(b'no break sent')
    check(breaks() == 1, w.daemon.requests)
    d.type(ESC + b'.')
    c.type(ESC + b'.')
    for client in (c, d):
        client.ended(0)
    # a program, and one that cannot write; names that are no break's
    t = transport(w)
    for command, name, wanted in (('raw', 'break', True), ('watch', 'break', False),
                                  ('raw', 'break channel_request for channel (', False),
                                  ('raw', 'x' * 5000, False), ('raw', '', False)):
        channel = t.open_session()
        channel.exec_command(command)
        had = breaks()
        check(answered(channel, name) == wanted, 'the reply to %r of %s' % (name, command))
        wait_for('the break', lambda h=had, y=wanted: breaks() == h + y)
        gone = w.log().count('detached')
        channel.close()
        wait_for('the end of it', lambda g=gone: w.log().count('detached') > g)
    t.close()


def test_control_master(w):
    """Several sessions in one connection, each as any other, also after the first."""
    w.start()
    path = w.path('master')
    m = w.client(options=['-M', '-S', path, '-N'])
    wait_for('the master', lambda: os.path.exists(path))
    # nothing else: it must not fall back to a connection of its own
    share = ['-S', path, '-o', 'ProxyCommand=false']
    a = w.client(tty=True, options=share)
    a.expect(b'for help]')
    b = w.client(tty=True, options=share)
    b.expect(b'console busy')
    w.client('help', options=share).ended(0)
    w.chardev.send(b'to both')
    a.expect(b'to both')
    b.expect(b'to both')
    a.type(ESC + b'.')
    a.ended(0)
    b.type(ESC + b'a')
    b.expect(b'you write')
    b.type(b'two')
    w.chardev.expect(b'two')
    b.type(ESC + b'.')
    b.ended(0)
    c = w.client('status', options=share)
    c.ended(0)
    check(b'nobody' in c.out, bytes(c.out))
    check(m.process.poll() is None, 'the master ended')


def test_paste(w):
    """300 kB pasted while the user VM reads nothing: a disconnect is still heard."""
    w.start()
    c = w.client(tty=True)
    c.expect(b'for help]')
    w.chardev.reading.clear()
    c.type(b'x' * 300000)
    c.type(ESC + b'.')
    c.ended(0)
    w.chardev.reading.set()


def test_no_daemon(w):
    """vsbypassd is away when a session begins: the session says so, and output flows."""
    w.start(daemon=False)
    c = w.client(tty=True)
    c.expect(b'vsbypassd')


def test_queries(w):
    """The replay of a backlog asks the terminal nothing, which would answer the user VM."""
    queries = (b'\x1b[6n', b'\x1b[5n', b'\x1b[c', b'\x1b[0c', b'\x1b[>c', b'\x1b[=c', b'\x1bZ',
               b'\x1b[?6n', b'\x1b[18t', b'\x1b[21t', b'\x1b]10;?\x07', b'\x1b]11;?\x1b\\',
               b'\x1b]52;c;?\x07', b'\x1bP$qm\x1b\\', b'\x1bP+q544e\x1b\\', b'\x1b[?2026$p', b'\x05',
               b'\x1b[x', b'\x1b[?u')
    w.start()
    w.chardev.send(b'first' + b'mid'.join(queries) + b'last')
    d = w.client('watch')
    w.expect_log('only watching')
    w.chardev.send(b'END\r\n')
    d.expect(b'END')
    d.close()
    c = w.client(tty=True)
    c.expect(b'END')
    out = bytes(c.out)
    check(not [q for q in queries if q in out], 'replayed: %r' %
          [q for q in queries if q in out])


if __name__ == '__main__':
    sys.exit(main(__doc__, '/clients/abuse', tests_of(globals())))
