#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""
The web page as others try to have it: old and used links, cookies of another user VM and of
nobody, other sites, too much of everything. No browser would do most of that, and none is here.
"""
import socket
import ssl
import sys
import time

sys.dont_write_bytecode = True
# pylint: disable=wrong-import-position
from webworld import Web
from page import close_reason, cookie, frame
from world import Failure, check, main, receive, tests_of, wait_for


def failing(action):
    try:
        action().close()
    except OSError:
        return True
    return False


def test_unlisted_at_once(w):
    """Without SIGHUP: nothing begins any more."""
    w.start_all('vm1')
    secret = w.log_in(w.link()).secret
    w.allow('vm1', 'other')
    s = w.upgrade('/vm1/console', cookie('vm1', secret)).socket
    code, reason = close_reason(s)
    check(code == 4403 and 'not listed' in reason, 'it ends with %r %r' % (code, reason))


def test_refused(w):
    w.allow('vm2', 'id')
    w.start_all('vm1', 'vm2')
    link = w.link()
    token = link.split('#')[1]

    def refused(answer, status, words):
        check(answer.status == status and words in answer.text and not answer.getheader('Set-Cookie'),
              'wanted: %d, %r; seen: %d, %r' % (status, words, answer.status, answer.text))

    # the link: of another user VM, wrong, at the wrong place, of another site, too long
    refused(w.log_in(link.replace('/vm1/', '/vm2/')), 403, 'for another console')
    refused(w.log_in(w.origin + '/vm1/#' + '0' * 32), 403, 'not known')
    refused(w.log_in(w.origin + '/vm1/#'), 403, 'no link')
    refused(w.log_in(w.origin + '/vm1/#x y\n'), 403, 'no link')
    refused(w.request('POST', '/vm1/login', token), 403, 'another site')
    refused(w.request('POST', '/vm1/login', token, Origin='https://elsewhere'), 403, 'another site')
    refused(w.request('POST', '/vm1/login', 'a' * 129, Origin=w.origin), 413, 'too long')
    refused(w.request('POST', '/vm1/check', token, Origin=w.origin), 404, 'no such page')
    refused(w.request('GET', '/vm1/check'), 403, 'no session')
    # it is as good as before
    answer = w.log_in(link)
    check(answer.status == 204 and answer.secret, 'the link is refused: %s' % answer.text)
    refused(w.log_in(link), 403, 'used already')

    # the cookie
    good = cookie('vm1', answer.secret)
    check(w.request('GET', '/vm1/check', Cookie=good).status == 204, 'the cookie is refused')
    for what in ('console', 'vnc'):
        refused(w.upgrade('/vm1/' + what), 403, 'no session')
        refused(w.upgrade('/vm1/' + what, good, Origin='https://elsewhere'), 403, 'another site')
        refused(w.upgrade('/vm1/' + what, good, Origin=None), 403, 'another site')
        refused(w.upgrade('/vm2/' + what, good), 403, 'no session')
        for vm, secret, words in (('vm2', answer.secret, 'another console'), ('vm1', '0' * 64, 'no session'),
                                  ('vm1', token, 'no session')):
            code, reason = close_reason(w.upgrade('/%s/%s' % (vm, what), cookie(vm, secret)).socket)
            check(code == 4403 and words in reason, '%s of %s: %r %r' % (what, vm, code, reason))
    refused(w.upgrade('/vm1/console?columns=1000&rows=x', good), 403, 'two numbers')
    refused(w.upgrade('/vm1/else', good), 403, 'no such page')

    # files: those of the page, no others
    for path in ('/-/page/page.js', '/-/novnc/core/rfb.js', '/-/page/xterm.js', '/vm1/'):
        check(w.request('GET', path).status == 200, 'no ' + path)
    for path in ('/', '/-/', '/-/page/', '/-/page/vsb-web', '/-/page/../vsb-web', '/-/novnc/%2e%2e/x.js',
                 '/-/novnc/../../../etc/passwd', '//etc/passwd', '/-/novnc/core'):
        refused(w.request('GET', path), 404, 'no such page')
    refused(w.request('HEAD', '/vm1/'), 405, '')

    # it works all the same
    s = w.upgrade('/vm1/console', good).socket
    check(frame(s)[1].startswith(b'[vsb-console: vm1;'), 'no console')


def test_too_long(w):
    w.start_all('vm1')
    for answer in (w.request('GET', '/' + 'a' * 20000), w.request('GET', '/vm1/', X='a' * 20000)):
        check(answer.status == 431 and 'too long' in answer.text, 'seen: %d' % answer.status)
    check(w.request('GET', '/vm1/').status == 200, 'it does not serve others')
    # what the gateway would not say
    for line, words in ((b'a' * 512, b'asks too much'), (b'console vm1 ' + b'0' * 64 + b' ::1\n', b'not known here'),
                        (b'check vm1 0 ::1\nmore', b'asks too much'), (b'check \0 0 ::1\n', b'asks too much'),
                        (b'check ../x 0 ::1\n', b'no session'), (b'\n', b'not known here')):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(w.backend)
            s.sendall(line)
            got = receive(s, 1000)
            check(got.startswith(b'no ') and words in got and got.endswith(b'\n'), '%r: %r' % (line[:40], got))


def test_no_tls(w):
    w.start_all('vm1')
    with socket.create_connection(('127.0.0.1', w.web_port)) as s:
        s.sendall(b'GET /vm1/ HTTP/1.1\r\nHost: localhost\r\n\r\n')
        try:
            got = receive(s, 1)
        except ConnectionResetError:
            got = b''
        check(not got, 'it answers without TLS: %r' % got)
    for version in ('TLSv1', 'TLSv1_1'):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(w.cert)
        context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
        context.set_ciphers('ALL:@SECLEVEL=0')
        try:
            with socket.create_connection(('127.0.0.1', w.web_port)) as s:
                context.wrap_socket(s, server_hostname='localhost')
        except OSError:
            continue
        raise Failure('it takes ' + version)


def test_expired(w):
    w.start_all('vm1')
    used, unused = w.link(), w.link()
    begin = time.monotonic()
    check(w.log_in(used).status == 204, 'a new link is refused')
    while time.monotonic() - begin < 62:
        time.sleep(1)
    answer = w.log_in(unused)
    check(answer.status == 403 and 'older than a minute' in answer.text, 'seen: %d %s' % (answer.status, answer.text))


def test_many(w):
    """Who has no session costs one who has none of it."""
    machine, = w.start_all('vm1')
    good = cookie('vm1', w.log_in(w.link()).secret)
    s = w.upgrade('/vm1/console', good).socket
    check(frame(s)[1].startswith(b'[vsb-console: vm1;'), 'no console')
    idle = []
    refused = 0
    for _ in range(40):
        try:
            idle.append(w.connect())
        except OSError:
            refused += 1
    check(refused >= 20, 'of 40 connections without a session %d are refused' % refused)
    # "A" as a client sends it, with a mask of zeros
    s.sendall(b'\x82\x81\0\0\0\0a')
    got = b''
    while not got.endswith(b'A'):
        opcode, data = frame(s)
        check(opcode is not None, 'the session has ended')
        got += data
    for c in idle:
        c.close()
    wait_for('room again', lambda: not failing(w.connect))
    check(machine.process.poll() is None, 'QEMU has ended')


def test_no_page(w):
    """Without vsb-web there is no socket, and no link."""
    w.socket_of_console = False
    w.start()
    w.client('web').ended(1, 'there is no web page on this host')


def test_ssh_not_slower(w):
    """What floods the socket of the gateway costs nobody who comes by SSH."""
    w.start_all('vm1')
    held = []
    for _ in range(200):
        s = socket.socket(socket.AF_UNIX)
        s.setblocking(False)
        try:
            s.connect(w.backend)
            held.append(s)
        except OSError:
            s.close()
    w.expect_log('the web page: 16 have not logged in')
    c = w.client('status')
    c.ended(0)
    for s in held:
        s.close()


if __name__ == '__main__':
    sys.exit(main(__doc__, 'web-gateway', tests_of(globals()), make=Web))
