#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""
vsb-web's handler of requests with what no browser sends: requests of the page, spoiled, and a
vsb-console that answers what it likes. Nothing may be raised that is not the end of a connection, and
each answer is HTTP with the headers that all have.

    mutate.py [--web PATH]		FUZZ_S=10 FUZZ_SEED=
"""
import collections
import logging
import os
import random
import re
import secrets
import signal
import socket
import sys
import tempfile
import threading
import time
import traceback
import types
from importlib.machinery import SourceFileLoader

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.path.join(os.path.dirname(os.path.dirname(HERE)), 'qemu-proxy/vsb-web/vsb-web')
SECONDS = float(os.environ.get('FUZZ_S', 10))
SEED = int(os.environ.get('FUZZ_SEED') or secrets.randbelow(1 << 31))
CODES = (101, 200, 204, 301, 304, 400, 403, 404, 405, 408, 411, 413, 414, 431, 500, 501, 505)
SECRET = '0123456789abcdef' * 4
COOKIE = f'Cookie: a=b; __Host-vsb-vm1={SECRET}\r\n'
OURS = 'Host: h:6080\r\nOrigin: https://h:6080\r\n'
UPGRADE = ('Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'
           'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: binary\r\n')


def frame(opcode, data, mask=b'\1\2\3\4'):
    body = bytes(c ^ mask[i % 4] for i, c in enumerate(data))
    return bytes((0x80 | opcode, 0x80 | len(data))) + mask + body


REQUESTS = [
    'GET /vm1/ HTTP/1.1\r\nHost: h:6080\r\n\r\n',
    'GET /-/page/page.js HTTP/1.1\r\nHost: h:6080\r\n\r\nGET /-/novnc/core/rfb.js HTTP/1.1\r\n\r\n',
    f'GET /vm1/check HTTP/1.1\r\n{OURS}{COOKIE}\r\n',
    f'POST /vm1/login HTTP/1.1\r\n{OURS}Content-Length: 64\r\n\r\n{SECRET}',
    f'POST /vm1/logout HTTP/1.1\r\n{OURS}{COOKIE}Content-Length: 0\r\n\r\n',
    'HEAD /vm1/ HTTP/1.1\r\n\r\n', 'PUT / HTTP/1.0\r\n\r\n',
]
REQUESTS = [r.encode() for r in REQUESTS] + [
    f'GET /vm1/{what} HTTP/1.1\r\n{OURS}{COOKIE}{UPGRADE}\r\n'.encode() + frame(2, b'root\r') + frame(9, b'x') +
    frame(8, b'\x03\xe8') for what in ('console?columns=80&rows=24', 'vnc', 'console')]
PIECES = [b'\r\n', b'\0', b'..', b'/', b'%2e%2e', b'%00', b'\xff', b' ', b':', b'HTTP/1.1', b'Content-Length: 9999999999\r\n',
          b'Content-Length: -1\r\n', b'Transfer-Encoding: chunked\r\n', b'Host: h:6080\r\n', b'Origin: https://x\r\n',
          b'columns=9999', b'vm2', b'?', b'#', b'x' * 20000, b'X: y\r\n' * 300]
ANSWERS = [b'ok\n', b'ok ' + SECRET.encode() + b'\n', b'no why\n', b'no\n', b'', b'ok', b'\n', b'x' * 3000, b'no \xff\xc3(\n',
           b'ok\nlogin: \x1b[2J', b'ok a\rSet-Cookie: x=y\n']


def spoil(rng, data):
    data = bytearray(data)
    for _ in range(rng.choice((0, 1, 1, 2, 5))):
        at = rng.randrange(len(data) + 1)
        kind = rng.randrange(6)
        if kind == 0:
            data[at:at] = rng.choice(PIECES)
        elif kind == 1:
            del data[at:at + rng.randrange(1, 20)]
        elif kind == 2:
            data[at:at + 1] = bytes((rng.randrange(256),))
        elif kind == 3:
            del data[at:]
        elif kind == 4:
            other = rng.choice(REQUESTS)
            data[at:] = other[rng.randrange(len(other)):]
        else:
            data += data[:at]
    return bytes(data)


class Backend:
    """vsb-console's socket."""

    def __init__(self, path, rng):
        self.rng, self.asked = rng, 0
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(16)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            s, _ = self.listener.accept()
            with s:
                line = b''
                while not line.endswith(b'\n') and (more := s.recv(1000)):
                    line += more
                self.asked += 1
                # a line of words: nothing that a browser sends becomes another one
                assert re.fullmatch(rb'\w+( [!-~]+){3,5}\n', line), line
                try:
                    s.sendall(self.rng.choice(ANSWERS))
                except OSError:
                    pass


def judge(answer):
    """Return: what is wrong with what a browser gets, or None."""
    if not answer:
        return None
    head, _, _ = answer.partition(b'\r\n\r\n')
    lines = head.split(b'\r\n')
    first = re.fullmatch(rb'HTTP/1\.[01] (\d{3}) [ -~]*', lines[0])
    if not first or int(first[1]) not in CODES:
        return f'it begins with {lines[0][:80]!r}'
    if bad := [line for line in lines[1:] if not re.fullmatch(rb'[A-Za-z-]+: [ -~]*', line)]:
        return f'a header is {bad[0][:80]!r}'
    names = [line.split(b':')[0].lower() for line in lines[1:]]
    if int(first[1]) != 101 and (names.count(b'content-security-policy') != 1 or names.count(b'set-cookie') > 1):
        return f'its headers are {names}'
    return None


def one(web, server, data):
    """Return: what is wrong."""
    listener = socket.create_server(('127.0.0.1', 0))
    near = socket.create_connection(listener.getsockname())
    far, address = listener.accept()
    listener.close()
    answer = bytearray()

    def read():
        try:
            while more := near.recv(65536):
                answer.extend(more)
        except OSError:
            pass
    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    near.sendall(data)
    near.shutdown(socket.SHUT_WR)
    problem = None
    try:
        web.Handler(far, address, server)
    except (web.Handler.CClose, OSError):
        pass
    except Exception:       # pylint: disable=broad-except
        problem = traceback.format_exc()
    signal.alarm(0)
    try:
        far.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    far.close()
    reader.join()
    near.close()
    return problem or judge(bytes(answer))


def run():
    rng = random.Random(SEED)
    web = SourceFileLoader('vsb_web', PROGRAM).load_module()
    logging.disable(logging.CRITICAL)
    figures = collections.Counter()
    with tempfile.TemporaryDirectory(prefix='vsb-web-') as tmp:
        for name in ('index.html', 'page.js'):
            with open(os.path.join(tmp, name), 'w', encoding='ascii') as f:
                f.write(name)
        web.FOLDERS.update(page=tmp, novnc=tmp)
        os.chdir(tmp)
        backend = Backend(os.path.join(tmp, 'backend'), random.Random(SEED))
        server = types.SimpleNamespace(
            backend=backend.listener.getsockname(), slots=types.SimpleNamespace(known=lambda: None), file_only=True,
            only_upgrade=False, verbose=False, daemon=True, record=None, run_once=False, handler_id=1, traffic=False,
            web_auth=False, host_token=False, token_plugin=None, auth_plugin=None, logger=logging.getLogger('x'),
            no_parent=False, heartbeat=0, terminating=False, unix_target=None, web=tmp)
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            data = spoil(rng, rng.choice(REQUESTS))
            figures['requests'] += 1
            if problem := one(web, server, data):
                return figures, f'{data[:2000]!r}\n{problem}'
        figures['questions'] = backend.asked
    return figures, None


def main():
    if '--web' in sys.argv:
        globals()['PROGRAM'] = sys.argv[sys.argv.index('--web') + 1]
    print(f'TAP version 13\n1..1\n# seed {SEED}', flush=True)
    figures, problem = run()
    print('# mutate: ' + ', '.join(f'{n} {what}' for what, n in figures.items()))
    for line in (problem or '').splitlines():
        print('# ' + line)
    print(('not ok' if problem else 'ok') + ' 1 /web/mutate')
    return 1 if problem else 0


if __name__ == '__main__':
    sys.exit(main())
