#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""
What SSH connections to vsb-console cost in memory, and how many fit into 256 MiB.

    connections.py [--server PATH] [-n CONNECTIONS]

The server is one as on a host, but for its folders; the clients are OpenSSH's, with a
terminal each, of up to 8 user VMs. Counted are all its processes, with /proc/PID/smaps_rollup:
USS is what a process has for itself, PSS that and its share of what others have, too. To both
the page tables are added (VmPTE); sockets' buffers and other memory of the kernel are not.
"""
import argparse
import os
import re
import sys

sys.dont_write_bytecode = True
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, 'selftests', 'console'))
# pylint: disable=wrong-import-position
from world import Failure, World, wait_for

MAX = 64                    # that vsb-console lets in
OF_USERVM = 8               # clients of one console
BUDGET = 256 << 10          # KiB
PIECE = b'0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd\r\n' * 512
OUTPUT = 1 << 20


def sizes(pid):
    """Return: (PSS, USS) in KiB."""
    with open('/proc/%d/smaps_rollup' % pid, encoding='ascii') as f:
        kib = {k: int(v) for k, v in re.findall(r'^(\w+):\s+(\d+) kB', f.read(), re.M)}
    with open('/proc/%d/status' % pid, encoding='ascii') as f:
        tables = int(re.search(r'VmPTE:\s+(\d+)', f.read()).group(1))
    return kib['Pss'] + tables, kib['Private_Clean'] + kib['Private_Dirty'] + tables


class Sum:
    """Of the server, the spawner and the sessions."""

    def __init__(self, w):
        spawner, self.sessions = w.processes()
        self.server, self.spawner = sizes(w.server.pid), sizes(spawner)
        each = [sizes(pid) for pid in self.sessions]
        self.all = tuple(sum(s[i] for s in each) for i in (0, 1))

    def total(self, which):
        return self.server[which] + self.spawner[which] + self.all[which]

    def show(self, title, before=None):
        n = len(self.sessions)
        print('%s: %d connections' % (title, n))
        for which, name in ((0, 'PSS'), (1, 'USS')):
            print('  %s KiB  server %6d  spawner %5d  sessions %7d  all %7d' % (
                name, self.server[which], self.spawner[which], self.all[which],
                self.total(which)), end='')
            if before:
                base = before.total(which)
                each = (self.total(which) - base) / n
                print('  a connection %5d  in 256 MiB: %d' % (each, (BUDGET - base) // each), end='')
            print()
        print(flush=True)


def measure(w, number):
    uservms = ['vm%d' % (i + 1) for i in range((number + OF_USERVM - 1) // OF_USERVM)]
    d = w.new_daemon()
    d.names = list(uservms)
    for vm in uservms:
        w.make_key(vm)
        w.allow(vm, vm)
    w.start(chardev=False)
    chardevs = [w.new_chardev(vm) for vm in uservms]
    for chardev in chardevs:
        chardev.connected()
    base = Sum(w)
    base.show('nobody')
    clients = []
    for i in range(number):
        vm = uservms[i // OF_USERVM]
        c = w.client(vm=vm, key=vm, tty=True)
        c.expect(b'for help]')
        clients.append(c)
    Sum(w).show('idle', base)
    for sent in range(0, OUTPUT, len(PIECE)):
        for chardev in chardevs:
            chardev.send(PIECE)
        for c in clients:
            wait_for('output', lambda c=c, s=sent: len(c.out) > s + len(PIECE))
    Sum(w).show('after 1 MiB of output each', base)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--server', default=os.path.join(
        ROOT, 'build/qemu-proxy/vsb-console/vsb-console'), help='the vsb-console to measure')
    parser.add_argument('-n', type=int, default=32, metavar='CONNECTIONS',
                        help='1 to %d; 32 if not given' % MAX)
    args = parser.parse_args()
    if not 1 <= args.n <= MAX:
        parser.error('-n: 1 to %d' % MAX)
    w = World('connections', args.server)
    try:
        measure(w, args.n)
    except Failure as e:
        print(e, w.log(), file=sys.stderr)
        return 1
    finally:
        w.close(False)
    return 0


if __name__ == '__main__':
    sys.exit(main())
