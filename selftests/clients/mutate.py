#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""
A client of vsb-console that says what a client says, but spoiled: messages of a session, before and
after the login, with bytes, lengths and numbers changed, cut short, left out, sent twice and in
another order, and the bytes of the connection below them. Meanwhile another tenant's console echoes;
afterwards others log in, memory is bounded, no sanitizer has said a word, and SIGTERM is obeyed.

    mutate.py [--server PATH] [--list] [--keep]		FUZZ_S=30 FUZZ_SEED=

FUZZ_S: for so many seconds. The seed is said first: the same one spoils the same things.
"""
import collections
import logging
import os
import random
import secrets
import socket
import struct
import sys
import threading
import time

sys.dont_write_bytecode = True
# pylint: disable=wrong-import-position
import paramiko

from abuse import MEMORY, Others, memory, stop
from world import Chardev, World, check, main, tests_of, wait_for

logging.getLogger('paramiko').setLevel(logging.CRITICAL + 1)
SECONDS = float(os.environ.get('FUZZ_S', 30))
SEED = int(os.environ.get('FUZZ_SEED') or secrets.randbelow(1 << 31))
CLIENTS = 12         # most of them wait
PATIENCE_S = 2          # of a client with the server, which may wait for what it has left out
NUMBERS = (0, 1, 9, 10, 0x7f, 0xff, 0x7fff, 0x8000, 0xffff, 35000, 0x7fffffff, 0x80000000, 0xffffffff)


class Instrumented(World):
    """A server with the sanitizers; each of its processes keeps little of what it has freed."""

    def env(self):
        return {**super().env(), 'ASAN_OPTIONS': 'detect_leaks=0:quarantine_size_mb=1:abort_on_error=1',
                'UBSAN_OPTIONS': 'print_stacktrace=1'}


def spoil(rng, data):
    """DATA, of a message or a connection, with one change."""
    data = bytearray(data)
    at = rng.randrange(len(data)) if data else 0
    kind = rng.randrange(8)
    if kind == 0 and data:
        data[at] ^= 1 << rng.randrange(8)
    elif kind == 1 and data:
        data[at] = rng.randrange(256)
    elif kind == 2:
        del data[at:]
    elif kind == 3:
        data += rng.randbytes(rng.choice((1, 4, 100, 3000)))
    elif kind == 4 and len(data) > 4:
        # a length, or a number
        at = rng.randrange(len(data) - 4)
        data[at:at + 4] = struct.pack('>I', rng.choice(NUMBERS))
    elif kind == 5:
        data[at:at] = data[:rng.randrange(64)]
    elif kind == 6:
        del data[at:at + rng.randrange(1, 9)]
    elif data:
        # the message that it is
        data[0] = rng.choice((1, 2, 3, 4, 5, 6, 20, 21, 30, 31, 50, 51, 52, 60, 80, 81, 90, 91, 93, 94, 95,
                              96, 97, 98, 99, rng.randrange(256)))
    return bytes(data)


class Noisy:
    """A socket whose bytes are spoiled now and then."""

    def __init__(self, sock, rng, rate):
        self.socket, self.rng, self.rate = sock, rng, rate

    def send(self, data):
        if self.rng.random() < self.rate:
            changed = spoil(self.rng, data)
            self.socket.sendall(changed)
            return len(data)
        return self.socket.send(data)

    def __getattr__(self, name):
        return getattr(self.socket, name)


class Transport(paramiko.Transport):
    """paramiko's, whose messages are spoiled."""

    def __init__(self, sock, rng, rate, figures):
        self.rng, self.rate, self.figures, self.sent = rng, rate, figures, []
        super().__init__(sock)

    def _send_message(self, data):
        raw = data.asbytes()
        self.figures['messages'] += 1
        self.sent = self.sent[-20:] + [raw]
        if self.rng.random() >= self.rate:
            super()._send_message(data)
            return
        self.figures['spoiled'] += 1
        kind = self.rng.randrange(8)
        if kind == 0:
            return
        if kind == 1:
            self.put(raw)
        elif kind == 2:
            self.put(self.rng.choice(self.sent))
        for _ in range(self.rng.choice((1, 1, 1, 2, 4))):
            raw = spoil(self.rng, raw)
        self.put(raw)

    def put(self, raw):
        m = paramiko.Message()
        m.add_bytes(raw or b'\0')
        super()._send_message(m)


def talk(w, t, rng, key):
    """What a client does, one of them."""
    t.start_client(timeout=PATIENCE_S)
    t.auth_timeout = t.channel_timeout = t.banner_timeout = PATIENCE_S
    t.auth_publickey('vm1', key)
    t.figures['logins'] += 1
    for _ in range(rng.randrange(1, 4)):
        if rng.randrange(5) == 0:
            c = t.open_channel('direct-tcpip', ('vm1', 5900), ('127.0.0.1', 1), timeout=PATIENCE_S)
        else:
            c = t.open_session(timeout=PATIENCE_S)
        c.settimeout(PATIENCE_S)
        if rng.randrange(2):
            c.get_pty('xterm', rng.choice((0, 80, 5000)), rng.choice((0, 24, 5000)))
        what = rng.choice((None, 'raw', 'watch', 'status', 'help', 'break', 'web', 'x' * 3000, ''))
        if what is None:
            c.invoke_shell()
        else:
            c.exec_command(what)
        for _ in range(rng.randrange(6)):
            c.send(rng.choice((b'root\r', b'\x05c?', b'\x05cw', b'\x05cr', b'\x05ckx', b'x' * 5000, b'\x05')))
        if rng.randrange(2):
            c.resize_pty(rng.randrange(300), rng.randrange(100))
        if rng.randrange(3) == 0:
            t.global_request('keepalive@openssh.com', wait=False)
        if rng.randrange(3) == 0:
            t.renegotiate_keys()
        c.recv(1000)
        if rng.randrange(2):
            c.close()


def client(w, seed, figures):
    """One connection."""
    rng = random.Random(seed)
    key = paramiko.Ed25519Key.from_private_key_file(w.path('id'))
    # a host in a network of its own: it may begin as many as others
    source = f'127.{rng.randrange(1, 255)}.{rng.randrange(256)}.{rng.randrange(1, 255)}'
    sock = socket.create_connection(('127.0.0.1', w.port), PATIENCE_S, source_address=(source, 0))
    rate = rng.choice((0.02, 0.1, 0.3, 1))
    noise = rng.choice((0, 0, 0, 0.05))
    t = Transport(Noisy(sock, rng, noise), rng, rate, figures)
    # an answer that never comes, to what was left out
    patience = threading.Timer(2 * PATIENCE_S, t.close)
    patience.start()
    try:
        talk(w, t, rng, key)
        figures['ended well'] += 1
    except (paramiko.SSHException, OSError, EOFError, ValueError, IndexError, struct.error, KeyError, AttributeError):
        pass        # its own trouble
    finally:
        patience.cancel()
        t.close()
        sock.close()


def test_mutate(w):
    """Messages of a session, spoiled."""
    others = Others(w)
    w.things.append(Chardev(w.path('run/console/vm1.vnc')))
    print('# seed %d' % SEED, flush=True)
    figures = collections.Counter()
    end = time.monotonic() + SECONDS

    def run(number):
        n = 0
        while time.monotonic() < end:
            try:
                client(w, SEED + number * 1000003 + n, figures)
            except OSError:
                pass        # too many at once
            figures['connections'] += 1
            n += 1
    threads = [threading.Thread(target=run, args=(i,), daemon=True) for i in range(CLIENTS)]
    for t in threads:
        t.start()
    most = 0
    while any(t.is_alive() for t in threads):
        others.echo()
        most = max(most, memory(w) - others.memory)
        time.sleep(0.5)
    others.login()
    # Their processes are gone, and so is their memory.
    wait_for('the end of what is left', lambda: len(w.processes()[1]) <= 1)
    grown = memory(w) - others.memory
    print('# mutate: %s, at most %d MiB of memory more, %d MiB afterwards' %
          (', '.join('%d %s' % (figures[k], k) for k in
                     ('connections', 'messages', 'spoiled', 'logins', 'ended well')), most >> 20, grown >> 20),
          flush=True)
    check(grown < MEMORY, '%d MiB of memory more' % (grown >> 20))
    check(figures['logins'] and figures['spoiled'], figures)
    log = w.log()
    check('Sanitizer' not in log and 'runtime error' not in log, log[-5000:])
    stop(w)


if __name__ == '__main__':
    sys.exit(main(__doc__, '/clients/mutate', tests_of(globals()), make=Instrumented))
