#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""
vsb-console, the whole program, with the unmodified OpenSSH client.

Each test starts its own server on a free port of the loopback device, with a
UNIX socket in the place of the proxy's character device and another in the
place of vsbypassd. Prints TAP.

    unit-console [--server PATH] [--list] [--keep] [-p NAME]...
"""
import hashlib
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
# pylint: disable=wrong-import-position
from world import (ESC, PATIENCE, Chardev, RFB_HELLO, RFB_KEY_A, RFB_START, check,
                   main, receive, tests_of, wait_for)

ALL_BYTES = bytes(range(256)) * 64      # 16 KiB


# Who gets in

def test_wrong_key(w):
    """A key that is not listed: refused, and the person is told why."""
    w.start()
    said = w.client(key='other').ended(255, 'this host has no user VM of that name, or the key')
    check("'vm1' refuses the key SHA256:" in said, said)
    w.expect_log("as 'vm1' from 127.0.0.1")
    w.expect_log('wrong key: it is not listed')


def test_unknown_vm(w):
    """An unknown user VM looks to a stranger exactly like a wrong key."""
    w.start()
    a = w.client(vm='vm9').ended(255)
    b = w.client(vm='vm1', key='other').ended(255)
    w.expect_log('unknown user VM: there is no key file')
    strip = lambda text: re.sub(r"vm9|vm1|SHA256:\S+", 'X', text)
    check(strip(a) == strip(b), 'different answers:\n%s\n%s' % (a, b))


def test_two_keys(w):
    """The second key of a client is accepted although the first was refused."""
    w.start()
    c = w.client('help', key='other', options=['-i', w.path('id')])
    c.ended(0)
    check(b'Commands' in c.out, bytes(c.out))


def test_bad_names(w):
    """Names that are no names never touch a path."""
    w.start()
    for name in ('../vm1', '.', '/etc/passwd', 'vm1/../vm1', 'x' * 200):
        w.client(vm=name).ended(255, 'Permission denied (publickey)')
    w.expect_log('name is malformed')


def test_no_password(w):
    """Nothing but public keys is offered."""
    w.start()
    said = w.client(options=['-o', 'PubkeyAuthentication=no', '-o', 'BatchMode=no',
                             '-o', 'NumberOfPasswordPrompts=1']).ended(255)
    check('Permission denied (publickey).' in said, said)


def test_key_file_permissions(w):
    """A key file that others could have written is refused and logged."""
    w.start()
    os.chmod(w.path('keys/vm1'), 0o666)
    w.client().ended(255, 'refuses the key')
    w.expect_log('group or others can write it')
    os.chmod(w.path('keys/vm1'), 0o644)
    w.client('help').ended(0)


def test_reload(w):
    """SIGHUP: a key that is not listed any more loses the console at once; others stay."""
    w.allow('vm1', 'id', 'other')
    w.start()
    a = w.client(tty=True)
    a.expect(b'for help]')
    b = w.client(key='other', tty=True)
    b.expect(b'console busy')
    w.allow('vm1', 'other')
    a.type(b'one')
    w.chardev.expect(b'one')
    w.server.send_signal(signal.SIGHUP)
    a.ended(1, 'your key is not listed for this console any more')
    w.expect_log('has to go: wrong key')
    b.expect(b'nobody writes now')
    b.type(ESC + b'a')
    b.expect(b'you write')
    b.type(b'two')
    w.chardev.expect(b'onetwo')
    w.client().ended(255, 'refuses the key')


def master(w, **kw):
    """A connection for several sessions. Return: the client, and options of those."""
    path = w.path('master')
    m = w.client(options=['-M', '-S', path, '-N'], **kw)
    wait_for('the master', lambda: os.path.exists(path))
    # nothing else: it must not fall back to a connection of its own
    return m, ['-S', path, '-o', 'ProxyCommand=false']


def test_keys_reload_connection(w):
    """A connection whose key is not listed any more begins no other session either."""
    w.allow('vm1', 'id', 'other')
    w.start()
    m, share = master(w)
    a = w.client(tty=True, options=share)
    a.expect(b'for help]')
    w.allow('vm1', 'other')
    w.server.send_signal(signal.SIGHUP)
    a.ended(1, 'your key is not listed for this console any more')
    b = w.client('raw', options=share)
    b.type(b'typed')
    wait_for('end of the second session', lambda: b.process.poll() is not None)
    wait_for('end of the connection', lambda: m.process.poll() is not None)
    check('raw' not in w.log() and not w.chardev.got, w.log())


def test_log_bounded(w):
    """What somebody does without end has so many lines in the log; others have theirs."""
    w.start()
    c = w.client(tty=True)
    c.expect(b'for help]')
    c.type((ESC + b'b') * 1000)
    c.type(b'end')
    w.chardev.expect(b'end')
    c.type(ESC + b'.')
    c.ended(0)
    lines = w.log().count("'vm1': ")
    check(100 < lines < 300, '%d lines' % lines)
    w.allow('vm2', 'other')
    w.client('help', vm='vm2', key='other').ended(0)
    w.expect_log("as 'vm2'")


def test_ready(w):
    """The service manager is told when it serves, reloads and ends."""
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(w.path('notify'))
    os.chmod(w.path('notify'), 0o777)
    manager.settimeout(PATIENCE)
    env = w.env
    w.env = lambda: dict(env(), NOTIFY_SOCKET=w.path('notify'))
    w.start()
    check(manager.recv(100) == b'READY=1', 'no READY=1')
    w.server.send_signal(signal.SIGHUP)
    check(manager.recv(100) == b'RELOADING=1', 'no RELOADING=1')
    check(manager.recv(100) == b'READY=1', 'no READY=1 after the reload')
    w.server.terminate()
    check(manager.recv(100) == b'STOPPING=1', 'no STOPPING=1')
    check(w.server.wait(PATIENCE) == 0, 'exit status')
    w.server = None


def test_no_forwarding(w):
    """No port forwarding but to VNC, no other subsystem, no command of the system."""
    w.start()
    said = w.client(options=['-W', '127.0.0.1:%d' % w.port]).ended(255)
    check('forwarding' in said or 'administratively' in said or 'open failed' in said, said)
    w.client('sftp', options=['-s']).ended(1, "only the subsystem 'vnc' is served")
    w.client('sh -c id').ended(127, 'no such command')
    w.client('help', options=['-N', '-R', '0:127.0.0.1:1', '-o', 'ExitOnForwardFailure=yes']
             ).ended(255)


# The console

def test_attach(w):
    """Backlog from before anybody was there, both directions, the help line."""
    w.start()
    w.chardev.send(b'booting\r\nlogin: ')
    time.sleep(0.3)
    c = w.client(tty=True)
    c.expect(b'[vsb-console: vm1; Ctrl-E c ? for help]\r\nbooting\r\nlogin: ')
    c.type(b'root\r')
    w.chardev.expect(b'root\r')
    w.chardev.send(b'Password: ')
    c.expect(b'Password: ')
    c.type(ESC + b'?')
    c.expect(b'take over writing by force')
    c.type(ESC + b'x')
    c.expect(b'no such command')
    c.type(ESC + b'.')
    c.ended(0)
    check(bytes(w.chardev.got) == b'root\r', 'the user VM got %r' % bytes(w.chardev.got))
    w.expect_log("'vm1': detached")
    check('root' not in w.log() and 'Password' not in w.log(), 'console data in the log')


def test_replay(w):
    """The last lines, of 64 KiB at most, in order; and the modes, set back at the end."""
    w.start()
    lines = [b'%06d The quick brown fox' % i for i in range(4000)]
    w.chardev.send(b'\r\n'.join(lines) + b'\r\n\x1b[?2004h\x1b[6n')
    d = w.client('watch')
    w.expect_log('only watching')
    w.chardev.send(b'END')
    d.expect(b'END')
    d.close()
    c = w.client(tty=True)
    c.expect(b'END')
    got = re.findall(rb'\d{6} The quick brown fox', bytes(c.out))
    check(1000 < len(got) < 2700 and got == lines[-len(got):], 'replayed: %d lines' % len(got))
    check(b'\x1b[6n' not in c.out, 'a query was replayed')
    c.expect(b'\x1b[?2004h')
    c.type(ESC + b'.')
    c.ended(0)
    check(b'\x1b[?2004l' in c.out, 'bracketed paste is left on')


MENU = b'\x1b[?1049h\x1b[2J\x1b[5;5Hmenu\x1b[6;5Hentry'


def test_full_screen(w):
    """A line of ours does not destroy a screen that the user VM draws, nor an escape sequence."""
    w.start()
    a = w.client(tty=True)                  # says nothing of its size
    b = w.screen(24, 80)
    b.expect(b'console busy')
    w.chardev.send(MENU)
    a.expect(b'entry')
    b.expect(b'entry')
    b.type(ESC + b'f')
    b.expect(b'you write')
    shown = bytes(b.out).split(b'entry')[1]
    check(re.fullmatch(rb'(\x1b7\x1b\[\?6l\x1b\(B\x0f\x1b\[24;1H\x1b\[0;7m[^\x1b\r\n]{1,79}'
                       rb'\x1b\[0m\x1b\[K\x1b8)+', shown), 'in the menu: %r' % shown)
    check(bytes(a.out).endswith(b'entry'), 'in a screen of no known size: %r' % a.out[-200:])
    w.chardev.send(b'\x1b[?1049l' + b'\r\n' * 24)
    a.expect(b'has taken over')
    w.chardev.send(b'\x1b[3')
    b.type(ESC + b's')
    b.expect(b'\x1b[3')
    w.chardev.send(b'1mred')
    b.expect(b'\x1b[31mred')
    b.expect(b'you watch')
    for line in bytes(a.out).split(b'\n') + bytes(b.out).split(b'\n'):
        check(len(re.sub(rb'\x1b[^A-Za-z78]*[A-Za-z78]', b'', line)) <= 81, 'a long line: %r' % line)
    b.type(ESC + b'.')
    b.ended(0)


def test_second_client(w):
    """The second watches, takes over, gives up; who is attached is shown."""
    w.start()
    a = w.client(tty=True)
    a.expect(b'for help]')
    b = w.client(tty=True)
    b.expect(b'console busy')
    a.type(b'one')
    w.chardev.expect(b'one')
    b.type(b'NO')
    b.expect(b'you watch: what you type goes nowhere')
    w.chardev.send(b'to both')
    a.expect(b'to both')
    b.expect(b'to both')
    b.type(ESC + b'f')
    b.expect(b'you write')
    a.expect(b'has taken over writing')
    b.type(b'two')
    w.chardev.expect(b'two')
    a.type(b'NO')
    a.expect(b'goes nowhere')
    b.type(ESC + b'w')
    b.expect(b'watches SHA256:')
    b.type(ESC + b's')
    a.expect(b'nobody writes now')
    a.type(ESC + b'a')
    a.expect(b'you write')
    a.type(b'three')
    w.chardev.expect(b'onetwothree')
    check(b'NO' not in w.chardev.got, 'a watcher wrote: %r' % bytes(w.chardev.got))


def test_escape_split(w):
    """The sequence in single packets; Ctrl-E itself."""
    w.start()
    c = w.client()
    c.expect(b'for help]')
    for byte in (b'a', b'\x05', b'x', b'\x05', b'c', b'\x05', b'b', b'\x05', b'c', b'w', b'z'):
        c.type(byte)
        time.sleep(0.1)
    c.expect(b'writes  SHA256')
    w.chardev.expect(b'a\x05x\x05bz')


def test_break(w):
    """A break goes to vsbypassd; what came of it is told."""
    w.start(daemon=False)
    c = w.client(tty=True)
    c.expect(b'for help]')
    c.type(ESC + b'l1')
    c.expect(b'is it running?')
    d = w.new_daemon()
    c.type(ESC + b'b')
    c.expect(b': break sent]')
    check({'execute': 'send-break', 'arguments': {'uservm': 'vm1'}} in d.requests, d.requests)
    d.error = 'the proxy has no serial line'
    c.type(ESC + b'b')
    c.expect(b'no break sent: vsbypassd: the proxy has no serial line')
    w.client('break').ended(1, 'console busy')
    c.close()
    w.expect_log("'vm1': detached")
    w.client('break').ended(1, 'the proxy has no serial line')
    d.error = None
    w.client('break').ended(0)
    check(not w.chardev.got, 'the user VM got %r' % bytes(w.chardev.got))


def test_com_names(w):
    """NAME.comN is the console of that COM port, also of the first one; others are refused."""
    d = w.new_daemon()
    d.ports['vm1'] = '0x2f8-0x2ff'
    w.start()
    # when it has heard which ports there are
    wait_for('a refusal', lambda: w.client('status', vm='vm1.com1').process.wait(PATIENCE) == 1)
    c = w.client(vm='vm1.com2', tty=True)
    c.expect(b'vm1.com2; Ctrl-E c ? for help')
    c.type(b'two')
    w.chardev.expect(b'two')
    c.type(ESC + b'b')
    c.expect(b': break sent]')
    w.client('break', vm='vm1.com2').ended(1, 'console busy')
    w.client('raw').ended(1, 'console busy')
    for command in ('raw', 'watch', 'status', 'break', None):
        w.client(*([command] if command else []), vm='vm1.com1').ended(
            1, "'vm1' claims no such COM port; its consoles: vm1 (COM2)")
    # It has others now: nobody stays where his name does not lead any more.
    d.generation = 1
    d.ports['vm1'] = '0x3f8-0x3ff,0x2f8-0x2ff'
    com2 = w.new_chardev('vm1.com2')
    c.ended(1, 'its COM ports are others now')
    com2.connected()
    c = w.client(vm='vm1.com2', tty=True)
    c.expect(b'for help')
    c.type(b'new')
    com2.expect(b'new')
    check(b'new' not in w.chardev.got, bytes(w.chardev.got))
    # Nor does one who waits for a port that there will not be.
    w.allow('vm2', 'id')
    e = w.client(vm='vm2.com3', tty=True)
    e.expect(b'waiting for it')
    d.ports['vm2'] = '0x3f8-0x3ff'
    d.names.append('vm2')
    w.new_chardev('vm2').connected()
    e.ended(1, "'vm2' claims no such COM port; its consoles: vm2 (COM1)")


def test_state(w):
    """A user VM that is not bound yet: attached, told, told again when it is."""
    d = w.new_daemon()
    d.state = 'waiting'
    w.start()
    c = w.client(tty=True)
    c.expect(b'not bound yet')
    s = w.client('status')
    s.ended(0)
    check(b'vm1: not bound yet' in s.out and b'proxy: connected' in s.out and
          b'writes  SHA256' in s.out, bytes(s.out))
    d.state = 'bound'
    c.expect(b'bound: its serial port is served')
    w.allow('vm2', 'id')
    c2 = w.client(vm='vm2', tty=True)
    c2.expect(b'no proxy has been here yet')
    c2.expect(b'serves no user VM of this name')
    c2.type(b'x')
    c2.expect(b'what you type is dropped')
    d.names.append('vm2')
    vm2 = w.new_chardev('vm2')
    c2.expect(b'the proxy is here')
    vm2.send(b'hello two')
    c2.expect(b'hello two')
    check(b'hello two' not in c.out, 'output of vm2 at vm1')


def test_identity(w):
    """A user VM that has to prove who it is: told, held back, let go as soon as it has."""
    d = w.new_daemon()
    d.identity = {'identity': 'required', 'proved': False}
    w.start()
    c = w.client(tty=True)
    c.expect(b'identity: not proved; nothing passes')
    c.type(b'secret')
    c.expect(b'what you type is dropped')
    s = w.client('status')
    s.ended(0)
    check(b'identity: not proved' in s.out, bytes(s.out))
    s = w.client('watch')
    w.expect_log('only watching')
    # what comes of an unproved one is 0; the first other byte says that it is proved now
    w.chardev.send(bytes(100))
    s.expect(bytes(100))
    d.identity['proved'] = True
    w.chardev.send(b'Passphrase: ')
    c.expect(b'Passphrase: ')
    c.expect(b'identity: proved, as required')
    c.type(b'word')
    w.chardev.expect(b'word')
    check(b'secret' not in w.chardev.got, bytes(w.chardev.got))
    d.identity['proved'] = False
    c.expect(b'identity: not proved; nothing passes')
    d.identity = {'identity': 'first-seen', 'proved': False}
    c.expect(b'identity: first seen; nothing proves')


def test_proxy_restart(w):
    """The proxy dies and comes back; the client stays attached."""
    w.start()
    c = w.client(tty=True)
    w.chardev.send(b'before')
    c.expect(b'before')
    w.chardev.close()
    c.expect(b'the proxy is away')
    c.type(b'lost')
    c.expect(b'what you type is dropped')
    again = w.new_chardev()
    c.expect(b'the proxy is back')
    again.send(b'after')
    c.expect(b'after')
    c.type(b'typed')
    again.expect(b'typed')
    check(bytes(again.got) == b'typed', bytes(again.got))


def test_another_uservm(w):
    """What one user VM wrote is not replayed to the clients of the next."""
    w.start()
    c = w.client(tty=True)
    w.chardev.send(b'secret of the first')
    c.expect(b'secret of the first')
    w.daemon.generation = 1
    w.chardev.close()
    c.expect(b'the proxy is away')
    again = w.new_chardev()
    again.send(b'hello from the second')
    c.expect(b'from here on it is another user VM')
    c.expect(b'hello from the second')
    c2 = w.client(tty=True)
    c2.expect(b'hello from the second')
    check(b'secret' not in c2.out, bytes(c2.out))


# Keyboard and mouse

def test_sysrq(w):
    """Ctrl-E c k X goes to vsbypassd as keys; what came of it is told."""
    w.start()
    c = w.client(tty=True)
    c.expect(b'for help]')
    c.type(ESC + b'kH')
    c.expect(b': SysRq sent]')
    check({'execute': 'send-key', 'arguments': {'uservm': 'vm1', 'keys': 'alt-sysrq-h'}}
          in w.daemon.requests, w.daemon.requests)
    w.daemon.error = 'the user VM does not read its keyboard'
    c.type(ESC + b'k0')
    c.expect(b'no SysRq sent: vsbypassd: the user VM does not read its keyboard')
    c.type(ESC + b'k;')
    c.expect(b'no such command')
    b = w.client(tty=True)
    b.expect(b'console busy')
    b.type(ESC + b'kb')
    b.expect(b'you watch: no SysRq sent')
    check(not w.chardev.got, 'the user VM got %r' % bytes(w.chardev.got))


FIRST_SEEN = {'identity': 'first-seen', 'proved': False}


def test_vnc_forward(w):
    """ssh -L to the VNC server of a QEMU: what is typed there is in its keyboard."""
    w.new_daemon().identity = FIRST_SEEN
    w.start('--login-grace', '2')
    qemu = w.new_vnc()
    _, port = w.forward('vm1:5900')
    time.sleep(4)       # a session that only waits may do so
    for i in range(2):
        with socket.create_connection(('127.0.0.1', port)) as s:
            check(receive(s, 12) == RFB_HELLO, 'no greeting')
            s.sendall(RFB_START + RFB_KEY_A)
            check(receive(s, 2 + 4 + 24 + 4) == b'\x01\x01' + bytes(4) +
                  b'\x02\x80\x01\xe0' + b' \x18\0\x01\0\xff\0\xff\0\xff\x10\x08\0\0\0\0' +
                  b'\0\0\0\x04QEMU', 'no screen')
            codes = qemu.codes(3)
            check(codes == [0x1c, 0xf0, 0x1c], codes)
    wait_for('end in the log', lambda: w.log().count("'vm1': VNC ended") >= 2)
    w.client('help').ended(0)


def test_vnc_subsystem(w):
    """The subsystem vnc: the same bytes at standard input and output."""
    w.new_daemon().identity = FIRST_SEEN
    w.start()
    w.allow('vm2', 'id')
    w.daemon.names.append('vm2')
    qemu = w.new_vnc()
    c = w.client('vnc', options=['-s'])
    c.expect(RFB_HELLO)
    c.type(RFB_START + RFB_KEY_A)
    c.expect(b'QEMU')
    check(qemu.codes(3) == [0x1c, 0xf0, 0x1c], 'another key')
    c.process.stdin.close()
    c.ended(0)
    w.client('vnc', vm='vm2', options=['-s']).ended(1, "attached with 'ps2' among its ports")
    w.client('VNC', options=['-s']).ended(1, "only the subsystem 'vnc' is served")
    c = w.client('vnc', options=['-s'])
    c.expect(RFB_HELLO)
    qemu.close()
    c.ended(0)


def test_vnc_beside_console(w):
    """The console and VNC in one connection; they end together."""
    w.new_daemon().identity = FIRST_SEEN
    w.start()
    w.new_vnc()
    c, port = w.forward('vm1:5900', options=(), tty=True)
    c.expect(b'for help]')
    with socket.create_connection(('127.0.0.1', port)) as s:
        check(receive(s, 12) == RFB_HELLO, 'no greeting')
        c.type(b'typed')
        w.chardev.expect(b'typed')
        w.chardev.send(b'shown')
        c.expect(b'shown')
        c.type(ESC + b'.')
        check(receive(s, 1) == b'', 'VNC goes on')
    c.ended(0)


def test_vnc_targets(w):
    """Nothing is forwarded but a user VM's own VNC server."""
    w.new_daemon().identity = FIRST_SEEN
    w.start()
    w.new_vnc()
    for target in ('vm2:5900', '127.0.0.1:5900', 'vm1:5901', 'localhost:22', '[::1]:5900',
                   'vm1:%d' % w.port, '../vm1:5900', 'a\nb:5900', 'VM1:5900', 'x' * 300 + ':5900'):
        said = w.client(options=['-W', target]).ended(255)
        check('prohibited' in said or 'Bad' in said, said)
    w.expect_log("refused: vm2 port 5900: only vm1 port 5900 is forwarded")
    w.client(options=['-W', 'vm1:5900'], key='other').ended(255, 'refuses the key')
    for target in ('vm1:5900', 'localhost:5900'):
        w.client(options=['-W', target]).expect(RFB_HELLO)


def test_vnc_refused(w):
    """Nobody is there, or not proved, or it is not known: not a byte."""
    d = w.new_daemon()
    w.start()
    w.new_vnc()
    for state, identity, words in (
            ('waiting', FIRST_SEEN, 'not bound yet'),
            ('bound', {}, 'vsbypassd does not say who it is'),
            ('bound', {'identity': 'required', 'proved': False}, 'identity: not proved')):
        d.state, d.identity = state, identity
        c = w.client('vnc', options=['-s'])
        c.ended(1, words)
        check(not c.out, bytes(c.out))
        c = w.client(options=['-W', 'vm1:5900'])
        wait_for('end of ssh', lambda: c.process.poll() is not None)
        check(not c.out, bytes(c.out))
    w.expect_log("'vm1': VNC refused: SHA256:")
    d.identity = {'identity': 'required', 'proved': True}
    w.client('vnc', options=['-s']).expect(RFB_HELLO)
    d.close()
    w.things.remove(d)
    w.client('vnc', options=['-s']).ended(1, 'is it running?')


def test_vnc_ends(w):
    """A proof that is lost, another user VM of the name: the connection ends by itself."""
    for change in ({'identity': {'identity': 'required', 'proved': False}}, {'generation': 1},
                   {'state': 'waiting'}, {'names': []}):
        d = w.new_daemon()
        d.state, d.generation, d.names = 'bound', 0, ['vm1']
        d.identity = {'identity': 'required', 'proved': True}
        if not w.server:
            w.start()
            w.new_vnc()
        c = w.client('vnc', options=['-s'])
        f = w.client(options=['-W', 'vm1:5900'])
        c.expect(RFB_HELLO)
        f.expect(RFB_HELLO)
        for name, value in change.items():
            setattr(d, name, value)
        c.ended(1)
        wait_for('end of ssh -W', lambda: f.process.poll() is not None)


def test_vnc_limits(w):
    """Four connections of one session; one that ends makes room."""
    w.new_daemon().identity = FIRST_SEEN
    w.start()
    w.new_vnc()
    _, port = w.forward('vm1:5900')
    wait_for('the probe ended', lambda: w.log().count('VNC ended') or
             w.log().count('VNC refused'))
    four = []
    for _ in range(4):
        four.append(socket.create_connection(('127.0.0.1', port)))
        check(receive(four[-1], 12) == RFB_HELLO, 'no greeting')
    with socket.create_connection(('127.0.0.1', port)) as s:
        check(receive(s, 12) == b'', 'a fifth one')
    w.expect_log('it has 4 VNC connections, the most there may be')
    four[0].close()

    def again():
        with socket.create_connection(('127.0.0.1', port)) as s:
            return receive(s, 12) == RFB_HELLO
    wait_for('room for another', again)
    w.client('help').ended(0)


def test_vnc_big(w):
    """Megabytes both ways at once; who does not read holds the other up, nobody else."""
    w.new_daemon().identity = FIRST_SEEN
    w.start()
    down = random.Random(8).randbytes(24 << 20)
    up = random.Random(9).randbytes(20 << 20)
    vnc = Chardev(w.path('run/console/vm1.vnc'))
    w.things.append(vnc)
    vnc.reading.clear()
    c = w.client(options=['-W', 'vm1:5900', '-o', 'RekeyLimit=4M'])
    c.drain.clear()
    c.type(b'first')
    vnc.send_slowly(down)
    sent = []

    def send():
        view = memoryview(up)
        while view:
            n = c.process.stdin.write(view[:65536])
            sent.append(n)
            view = view[n:]
    threading.Thread(target=send, daemon=True).start()
    last = (-1, -1)
    while last != (vnc.sent, sum(sent)):        # until all that lies between is full
        last = (vnc.sent, sum(sent))
        time.sleep(2)
    check(last[0] < len(down) and last[1] < len(up), 'nothing was held up: %d %d' % last)
    w.client('help').ended(0)

    def asleep():
        for _ in range(20):
            if open('/proc/%d/stat' % w.server.pid).read().split()[2] != 'S':
                return False
            time.sleep(0.01)
        return True
    wait_for('the server sleeps', asleep)
    c.drain.set()
    vnc.reading.set()
    wait_for('all from ssh', lambda: len(c.out) >= len(down))
    wait_for('all at the server', lambda: len(vnc.got) >= len(up) + 5)
    check(bytes(c.out) == down, 'output differs')
    check(bytes(vnc.got) == b'first' + up, 'input differs')


# 8 bits, nothing lost

def test_raw(w):
    """16 KiB of all byte values each way at once, byte for byte."""
    w.start()
    w.chardev.send(b'not replayed in raw mode')
    time.sleep(0.3)
    c = w.client('raw')
    w.expect_log(', raw')
    c.type(ALL_BYTES)
    c.process.stdin.close()         # end of input is not the end of the session
    w.chardev.send(ALL_BYTES)
    wait_for('16 KiB in the user VM', lambda: len(w.chardev.got) >= len(ALL_BYTES))
    wait_for('16 KiB from ssh', lambda: len(c.out) >= len(ALL_BYTES))
    w.chardev.send(b'tail')
    wait_for('the tail', lambda: len(c.out) >= len(ALL_BYTES) + 4)
    check(bytes(c.out) == ALL_BYTES + b'tail', 'output differs')
    check(bytes(w.chardev.got) == ALL_BYTES, 'input differs')
    check(c.process.poll() is None, 'ssh ended')
    w.client('raw').ended(1, 'console busy')


def test_raw_big(w):
    """Megabytes both ways at once, with a new key exchange on the way."""
    w.start()
    down = random.Random(2).randbytes(4 << 20)
    up = random.Random(3).randbytes(3 << 20)
    c = w.client('raw', options=['-o', 'RekeyLimit=1M'])
    w.expect_log(', raw')
    threading.Thread(target=c.process.stdin.write, args=(up,), daemon=True).start()
    w.chardev.send_slowly(down)
    wait_for('all in the user VM', lambda: len(w.chardev.got) >= len(up))
    wait_for('all from ssh', lambda: len(c.out) >= len(down))
    check(hashlib.sha256(c.out).digest() == hashlib.sha256(down).digest(), 'output differs')
    check(hashlib.sha256(w.chardev.got).digest() == hashlib.sha256(up).digest(), 'input differs')


def test_raw_needs_proxy(w):
    """raw is exact or fails: without a proxy, when it goes, when taken over."""
    w.start(chardev=False)
    w.client('raw').ended(1, 'no proxy is here')
    w.chardev = w.new_chardev()
    w.chardev.connected()
    time.sleep(0.2)
    c = w.client('raw')
    w.expect_log(', raw')
    w.chardev.close()
    c.ended(1, 'the proxy went away')
    w.chardev = w.new_chardev()
    w.chardev.connected()
    time.sleep(0.2)
    c = w.client('raw')
    wait_for('attached', lambda: w.log().count(', raw') == 2)
    b = w.client(tty=True)
    b.expect(b'console busy')
    b.type(ESC + b'f')
    c.ended(1, 'has taken over writing')


def test_writer_stalled(w):
    """A writer that reads nothing slows the user VM down and loses nothing."""
    w.start()
    data = random.Random(4).randbytes(16 << 20)
    c = w.client('raw')
    w.expect_log(', raw')
    c.drain.clear()
    w.chardev.send_slowly(data)
    last = -1
    while last != w.chardev.sent:       # until all that lies between is full
        last = w.chardev.sent
        time.sleep(2)
    check(last < len(data), 'nothing held the user VM up')
    # Nobody else is disturbed.
    w.client('help').ended(0)
    c.drain.set()
    wait_for('all from ssh', lambda: len(c.out) >= len(data))
    check(hashlib.sha256(c.out).digest() == hashlib.sha256(data).digest(), 'output differs')


def test_writer_stalled_for_long(w):
    """After --stall-time the user VM does not wait any more."""
    w.start('--stall-time', '3')
    data = bytes(16 << 20)
    c = w.client(tty=False)
    c.expect(b'for help]')
    c.drain.clear()
    w.chardev.send_slowly(data)
    wait_for('the user VM goes on', lambda: w.chardev.sent == len(data))
    w.expect_log('writing is taken away')
    c.drain.set()
    c.expect(b'writing was taken away')
    c.expect(b'bytes were skipped')
    w.chardev.send(b'still here')
    c.expect(b'still here')


def test_watcher_stalled(w):
    """A watcher that reads nothing disturbs nobody, and is told what it missed."""
    w.start()
    data = random.Random(5).randbytes(16 << 20)
    a = w.client('raw')
    w.expect_log(', raw')
    b = w.client()
    b.expect(b'console busy')
    b.drain.clear()
    w.chardev.send_slowly(data)
    wait_for('all at the writer', lambda: len(a.out) >= len(data))
    check(bytes(a.out) == data, 'output differs')
    b.drain.set()
    # he may have been told before, and have fallen behind again
    wait_for('the last word', lambda: b'bytes were skipped' in b.out[-200:] and
             b.out.endswith(b']\r\n'))
    w.chardev.send(b'still here')
    b.expect(b'still here')


def test_uservm_stalled(w):
    """A user VM that takes no input slows the client down; nothing is lost."""
    w.start()
    data = random.Random(6).randbytes(6 << 20)
    c = w.client('raw')
    w.expect_log(', raw')
    w.chardev.reading.clear()
    threading.Thread(target=c.process.stdin.write, args=(data,), daemon=True).start()
    time.sleep(3)
    w.chardev.send(b'output flows')
    c.expect(b'output flows')
    check(len(w.chardev.got) < len(data), 'it took all')
    w.chardev.reading.set()
    wait_for('all in the user VM', lambda: len(w.chardev.got) >= len(data))
    check(hashlib.sha256(w.chardev.got).digest() == hashlib.sha256(data).digest(), 'input differs')


def test_client_killed(w):
    """kill -9 of a client, ten times: the console is free again, nobody else notices."""
    w.start()
    watcher = None
    for i in range(10):
        c = w.client(tty=True)
        c.expect(b'for help]')
        c.type(b'round %d;' % i)
        w.chardev.expect(b'round %d;' % i)
        if watcher is None:
            watcher = w.client('watch')
            w.expect_log('only watching')
        c.process.kill()
        wait_for('detached', lambda: w.log().count("'vm1': detached") == i + 1)
    w.chardev.send(b'alive')
    watcher.expect(b'alive')
    check(bytes(w.chardev.got) == b''.join(b'round %d;' % i for i in range(10)),
          'the user VM got %r' % bytes(w.chardev.got))


# The server itself

def refuses_to_start(w, *args, words, status=1):
    p = subprocess.run(w.args(*args), stderr=subprocess.PIPE, env=w.env(), timeout=PATIENCE)
    said = p.stderr.decode('latin-1')
    check(p.returncode == status, 'status %d: %s' % (p.returncode, said))
    for word in words:
        check(word in said, '%r is not in: %s' % (word, said))
    check('Sanitizer' not in said and 'runtime error' not in said, said)


def test_log_unread(w):
    """Nobody reads the log: nobody has to wait; whoever reads again is told."""
    out, into = os.pipe()
    fill = os.open('/proc/self/fd/%d' % into, os.O_WRONLY | os.O_NONBLOCK)
    full, stopped, done = threading.Event(), threading.Event(), threading.Event()

    def read():
        """To the file where the others look for it; with a stop."""
        with open(w.log_path, 'ab', buffering=0) as log:
            while True:
                if full.is_set():
                    stopped.set()
                    done.wait()
                data = os.read(out, 4096)
                if not data or full.is_set() and not done.is_set():
                    continue
                log.write(data)
    threading.Thread(target=read, daemon=True).start()
    w.start(stderr=into)
    full.set()
    os.write(fill, b'\n')       # it may wait for a byte
    stopped.wait()
    for size in (4096, 1):
        try:
            while True:
                os.write(fill, b'\n' * size)
        except BlockingIOError:
            pass
    for _ in range(3):
        w.client('help').ended(0)
        w.client(key='other').ended(255)
    done.set()

    def told():
        w.client('help').ended(0)
        return 'before this one were dropped: nobody took them' in w.log()
    wait_for('the number of lines that were dropped', told)


def test_port_in_use(w):
    """The message names the port, the cause and the remedy."""
    s = socket.socket()
    s.bind(('127.0.0.1', 0))
    s.listen(1)
    port = str(s.getsockname()[1])
    refuses_to_start(w, '--port', port, words=['port ' + port, 'in use', '--port'])


def test_host_key(w):
    """Made once, 0600, kept; refused when others could have read it."""
    w.start()
    path = w.path('host_key')
    check(os.stat(path).st_mode & 0o777 == 0o600, oct(os.stat(path).st_mode))
    before = open(path).read()
    os.chmod(path, 0o644)
    refuses_to_start(w, words=['host key refused', path, 'chmod 600'])
    os.chmod(path, 0o600)
    check(open(path).read() == before, 'the key was replaced')
    refuses_to_start(w, '--host-key', w.path('id.pub'), words=['host key refused'])


def test_command_line(w):
    """Bad options: a message and status 2."""
    for args, word in ((['--port', '70000'], '70000'), (['--port', 'x'], 'x'),
                       (['--bind', 'localhost'], 'numeric'), (['--nosuch'], 'nosuch'),
                       (['extra'], 'extra'), (['--login-grace', '0'], 'login-grace')):
        refuses_to_start(w, *args, words=[word], status=1 if word == 'numeric' else 2)
    if os.geteuid() == 0:
        refuses_to_start(w, '--user', 'no-such-user', words=['no-such-user', 'useradd'])
        refuses_to_start(w, '--user', 'root', words=['is root'])
    p = subprocess.run([w.program, '--help'], stdout=subprocess.PIPE, env=w.env())
    check(p.returncode == 0 and b'--host-key' in p.stdout, p.stdout)


def test_sandbox(w):
    """The running server: user, groups, no new privileges, filter, limits."""
    w.start()
    status = dict(line.split(':', 1) for line in
                  open('/proc/%d/status' % w.server.pid).read().splitlines())
    check(status['NoNewPrivs'].strip() == '1', status['NoNewPrivs'])
    check(status['Seccomp'].strip() == '2', status['Seccomp'])
    check(status['Threads'].strip() == '1', status['Threads'])
    if os.geteuid() == 0:
        check('0' not in status['Uid'].split() and '0' not in status['Gid'].split(),
              status['Uid'] + status['Gid'])
        check(not status['Groups'].strip(), status['Groups'])
        check(int(status['CapEff'], 16) == 0 and int(status['CapPrm'], 16) == 0, 'capabilities')
    limits = open('/proc/%d/limits' % w.server.pid).read()
    check(re.search(r'Max core file size\s+0\s', limits), limits)
    check(re.search(r'Max processes\s+0\s', limits), limits)


def test_session_environment(w):
    """Of the server's environment a session has what says how OpenSSL works, nothing else."""
    names = w.env()
    w.env = lambda: {**names, 'OPENSSL_ia32cap': ':~0x80000', 'OF_THE_SERVER': '1'}
    w.start()
    w.client(tty=True).expect(b'for help]')
    _, (session,) = w.processes()
    with open('/proc/%d/environ' % session, 'rb') as f:
        seen = set(f.read().rstrip(b'\0').split(b'\0')) - {b'ASAN_OPTIONS=detect_leaks=0'}
    check(b'OPENSSL_ia32cap=:~0x80000' in seen, seen)
    check(all(v.startswith(b'OPENSSL_') for v in seen), seen)


def test_garbage(w):
    """Garbage on the port, also after a good beginning, harms nobody."""
    w.start()
    c = w.client(tty=True)
    c.expect(b'for help]')
    rng = random.Random(7)
    for i in range(60):
        s = socket.create_connection(('127.0.0.1', w.port))
        try:
            if i % 3:
                s.sendall(b'SSH-2.0-OpenSSH_9.2p1\r\n')
            if i % 3 == 2:
                s.recv(4096)
                n = rng.randrange(1, 4000)
                s.sendall(n.to_bytes(4, 'big') + b'\x04\x14' + rng.randbytes(n))
            s.sendall(rng.randbytes(rng.randrange(1, 20000)))
        except OSError:
            pass
        s.close()
    c.type(b'still alive')
    w.chardev.expect(b'still alive')


def test_strangers(w):
    """At most 16 of a source that have not logged in; they cannot lock the owners out."""
    w.start('--login-grace', '3600')
    open_ones = [socket.create_connection(('127.0.0.1', w.port)) for _ in range(16)]
    for s in open_ones:
        s.settimeout(PATIENCE)
        check(s.recv(4).startswith(b'SSH-'), 'no greeting')
    w.client('help').ended(0)
    w.expect_log('16 have not logged in, for each new one another is dropped')

    def gone(s):
        s.setblocking(False)
        try:
            while True:
                if not s.recv(4096):
                    return True
        except BlockingIOError:
            return False
    wait_for('one to be dropped', lambda: sum(gone(s) for s in open_ones) == 1)


def test_login_grace(w):
    """Who does not log in is disconnected."""
    w.start('--login-grace', '2')
    s = socket.create_connection(('127.0.0.1', w.port))
    s.settimeout(PATIENCE)
    while s.recv(4096):
        pass
    w.expect_log('not logged in within 2 s')


def test_many_clients(w):
    """Eight at one console, the ninth is told."""
    w.start()
    first = w.client()
    first.expect(b'for help]')
    others = [w.client('watch') for _ in range(7)]
    wait_for('seven watchers', lambda: w.log().count('only watching') == 7)
    w.client().ended(1, 'console busy: it has 8 clients')
    w.chardev.send(b'to all')
    for c in [first] + others:
        c.expect(b'to all')


if __name__ == '__main__':
    sys.exit(main(__doc__, '/console/server', tests_of(globals())))
