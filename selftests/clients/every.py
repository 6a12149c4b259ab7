#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""
What every SSH client can do at a console, with each of five: OpenSSH, PuTTY's plink,
dropbear's dbclient, paramiko, asyncssh.

    every.py [--server PATH] [--list] [--keep] [-p NAME]...
"""
import hashlib
import random
import sys
import threading
import time

sys.dont_write_bytecode = True
# pylint: disable=wrong-import-position
from programs import PROGRAMS
from world import ESC, RFB_HELLO, Chardev, check, main, wait_for

EVERY_BYTE = bytes(range(256))
FIRST_SEEN = {'identity': 'first-seen', 'proved': False}


def login(p, w):
    """A key that is listed: the console, both ways; a typed disconnect."""
    w.start()
    c = p.start(w, tty=True)
    c.expect(b'for help]')
    c.type(b'root\r')
    w.chardev.expect(b'root\r')
    w.chardev.send(b'Password: ')
    c.expect(b'Password: ')
    c.type(ESC + b'w')
    c.expect(b'writes  SHA256:')
    c.type(ESC + b'.')
    c.ended(0)
    check(bytes(w.chardev.got) == b'root\r', bytes(w.chardev.got))


def no_terminal(p, w):
    """Without a terminal asked for: the console all the same."""
    w.start()
    c = p.start(w)
    c.expect(b'for help]')
    c.type(b'ls\n')
    w.chardev.expect(b'ls\n')
    w.chardev.send(b'bin boot\r\n')
    c.expect(b'bin boot')
    c.type(ESC + b'.')
    c.ended(0)


def wrong_key(p, w):
    """A key that is not listed, a user VM that there is not: refused, and told why."""
    w.start()
    for vm, key in (('vm1', 'other'), ('nosuch', 'id')):
        c = p.start(w, vm=vm, key=key)
        wait_for('end of %s' % p.name, lambda: c.process.poll() is not None)
        check(c.process.returncode != 0, 'exit status 0')
        wait_for('the reason, there is %r' % bytes(c.err),
                 lambda: b"'%s' refuses the key SHA256:" % vm.encode() in c.err + c.out)
        w.expect_log("as '%s' from 127.0.0.1" % vm)


def commands(p, w):
    """status, help, watch, break; a command that there is not: its exit status, a text."""
    w.start()
    for command, words in (('status', b'proxy: connected'), ('help', b'Commands (')):
        c = p.start(w, command)
        c.ended(0)
        check(words in c.out, bytes(c.out))
    c = p.start(w, 'sh -c id')
    c.ended(127, 'no such command')
    check(not c.out, bytes(c.out))
    c = p.start(w, 'break')
    c.ended(0)
    check({'execute': 'send-break', 'arguments': {'uservm': 'vm1'}} in w.daemon.requests,
          w.daemon.requests)
    c = p.start(w, 'watch')
    w.expect_log('only watching')
    c.type(b'nothing')
    w.chardev.send(EVERY_BYTE)
    c.expect(EVERY_BYTE)
    check(not w.chardev.got, bytes(w.chardev.got))


def raw(p, w):
    """1 MiB of all byte values each way at once, with keys exchanged anew meanwhile."""
    w.start()
    down = EVERY_BYTE * 2048 + random.Random(2).randbytes(1 << 19)
    up = random.Random(3).randbytes(1 << 19) + EVERY_BYTE * 2048
    # asyncssh ends with a protocol error if keys are exchanged while libssh sends
    c = p.start(w, 'raw', rekey=None if p.name == 'asyncssh' else 300000)
    w.expect_log(', raw')

    def send():
        view = memoryview(up)
        while view:
            view = view[c.process.stdin.write(view[:65536]):]
    threading.Thread(target=send, daemon=True).start()
    w.chardev.send_slowly(down)
    wait_for('all in the user VM', lambda: len(w.chardev.got) >= len(up))
    wait_for('all from %s' % p.name, lambda: len(c.out) >= len(down))
    check(hashlib.sha256(c.out).digest() == hashlib.sha256(down).digest(), 'output differs')
    check(hashlib.sha256(w.chardev.got).digest() == hashlib.sha256(up).digest(), 'input differs')
    # the console stays in step afterwards, and the end of input is no end
    c.process.stdin.close()
    w.chardev.send(b'tail')
    wait_for('the tail', lambda: c.out.endswith(b'tail'))


def two(p, w):
    """One writes, one watches; the second takes over; each sees the output."""
    w.start()
    a = p.start(w, tty=True)
    a.expect(b'for help]')
    b = p.start(w, tty=True)
    b.expect(b'console busy')
    b.type(b'NO')
    b.expect(b'goes nowhere')
    w.chardev.send(b'to both')
    a.expect(b'to both')
    b.expect(b'to both')
    b.type(ESC + b'f')
    b.expect(b'you write')
    b.type(b'two')
    w.chardev.expect(b'two')
    a.close()
    wait_for('detached', lambda: w.log().count('detached') == 1)
    b.type(ESC + b'.')
    b.ended(0)
    check(bytes(w.chardev.got) == b'two', bytes(w.chardev.got))


def vnc(p, w):
    """A forwarded connection: to the VNC server of this user VM, to nothing else."""
    w.new_daemon().identity = FIRST_SEEN
    w.start()
    server = Chardev(w.path('run/console/vm1.vnc'))
    w.things.append(server)
    c = p.start(w, forward='vm2:5900')
    w.expect_log('refused: vm2 port 5900: only vm1 port 5900 is forwarded')
    wait_for('end of %s' % p.name, lambda: c.process.poll() is not None)
    check(not c.out, bytes(c.out))
    c = p.start(w, forward='vm1:5900')
    server.send(RFB_HELLO)
    c.expect(RFB_HELLO)
    c.type(RFB_HELLO)
    server.expect(RFB_HELLO)


def keepalive(p, w):
    """Its question whether the server is there is answered: it stays."""
    w.start()
    c = p.start(w, tty=True, keepalive=1)
    c.expect(b'for help]')
    time.sleep(5)
    c.type(b'still here')
    w.chardev.expect(b'still here')


def of(step, program):
    def test(w):
        step(program, w)
    return test


if __name__ == '__main__':
    sys.exit(main(__doc__, '/clients/every', {
        '%s-%s' % (p.name, step.__name__.replace('_', '-')): of(step, p)
        for p in PROGRAMS
        for step in (login, no_terminal, wrong_key, commands, raw, two, vnc, keepalive)}))
