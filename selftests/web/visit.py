#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""
visit.py LINK CERT: opens a link as a browser does, and says what came, for a vsb-web that runs
somewhere else; its network is where this runs.
"""
import sys
from urllib.parse import urlsplit

sys.dont_write_bytecode = True
# pylint: disable=wrong-import-position
from page import Page, cookie, frame


class Visit(Page):
    def __init__(self, link, cert):
        at = urlsplit(link)
        self.origin, self.web_host, self.web_port, self.cert = 'https://' + at.netloc, at.hostname, at.port, cert


visit = Visit(*sys.argv[1:])
name = urlsplit(sys.argv[1]).path.strip('/')
for path in ('/%s/' % name, '/-/page/page.js', '/-/page/xterm.js', '/-/page/xterm.css', '/-/novnc/core/rfb.js'):
    print(visit.request('GET', path).status, path)
for _ in range(2):
    answer = visit.log_in(sys.argv[1])
    print(answer.status, 'login', answer.text)
    if answer.secret:
        secret = cookie(name, answer.secret)
print(visit.request('GET', '/%s/check' % name, Cookie=secret).status, 'check')
console = visit.upgrade('/%s/console?columns=80&rows=24' % name, secret).socket
print(frame(console)[1].decode())
