# SPDX-License-Identifier: GPL-2.0
"""What a browser says to vsb-web, and what no browser would."""
import base64
import http.client
import os
import re
import socket
import ssl
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'console'))
# pylint: disable=wrong-import-position
from world import PATIENCE, receive


class Page:
    """A web page, as a browser has it. Of who inherits: origin, web_host, web_port, cert."""

    def connect(self):
        """A TLS connection that trusts our certificate and no other."""
        context = ssl.create_default_context(cafile=self.cert)
        raw = socket.create_connection(('127.0.0.1', self.web_port), PATIENCE)
        try:
            return context.wrap_socket(raw, server_hostname=self.web_host)
        except OSError:
            raw.close()
            raise

    def request(self, method, path, body=None, **headers):
        """Return: the answer, with .text."""
        s = self.connect()
        head = {'Host': self.origin[len('https://'):], **headers}
        if body is not None:
            head['Content-Length'] = str(len(body))
        s.sendall(('%s %s HTTP/1.1\r\n' % (method, path) +
                   ''.join('%s: %s\r\n' % (n.replace('_', '-'), v) for n, v in head.items() if v) +
                   '\r\n' + (body or '')).encode())
        answer = http.client.HTTPResponse(s, method=method)
        answer.begin()
        answer.text = answer.read().decode() if answer.status != 101 else ''
        answer.socket = s
        return answer

    def log_in(self, link):
        """As the page does. Return: the answer, with .secret of the cookie."""
        path, token = link[len(self.origin):].split('#')
        answer = self.request('POST', path + 'login', token, Origin=self.origin)
        m = re.match('__Host-vsb-%s=([0-9a-f]{64}); Path=/; Secure; HttpOnly; SameSite=Strict$' %
                     path.strip('/'), answer.getheader('Set-Cookie') or '')
        answer.secret = m and m.group(1)
        return answer

    def upgrade(self, path, cookie=None, **headers):
        """A WebSocket. Return: the answer, with .socket."""
        headers = {'Origin': self.origin, 'Cookie': cookie, **headers}
        return self.request('GET', path, Upgrade='websocket', Connection='Upgrade',
                            Sec_WebSocket_Version='13',
                            Sec_WebSocket_Key=base64.b64encode(b'0123456789abcdef').decode(), **headers)


def cookie(vm, secret):
    return '__Host-vsb-%s=%s' % (vm, secret)


def frame(s):
    """A frame of a WebSocket, of at most 64 KiB. Return: (opcode, bytes)."""
    head = receive(s, 2)
    if len(head) < 2:
        return None, b''
    length = head[1] & 127
    if length == 126:
        length = int.from_bytes(receive(s, 2), 'big')
    return head[0] & 15, receive(s, length)


def close_reason(s):
    """Return: code and reason of the frame with which it closes; what comes before is skipped."""
    while True:
        opcode, data = frame(s)
        if opcode is None:
            return None, ''
        if opcode == 8:
            return int.from_bytes(data[:2], 'big'), data[2:].decode()
