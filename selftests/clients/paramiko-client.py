#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""
paramiko, as a program: ssh's way of standard input, output and exit status.

    paramiko-client PORT USER KEY HOSTKEY [--tty] [--rekey BYTES] [--keepalive S]
                    [--window N] [--packet N] [--forward HOST:PORT] [--subsystem] [COMMAND]
"""
import argparse
import base64
import os
import sys
import threading

import paramiko


def arguments():
    p = argparse.ArgumentParser()
    p.add_argument('port', type=int)
    p.add_argument('user')
    p.add_argument('key')
    p.add_argument('host_key')
    p.add_argument('--tty', action='store_true')
    p.add_argument('--rekey', type=int)
    p.add_argument('--keepalive', type=int, default=0)
    p.add_argument('--window', type=int)
    p.add_argument('--packet', type=int)
    p.add_argument('--forward')
    p.add_argument('--subsystem', action='store_true')
    p.add_argument('command', nargs='?')
    return p.parse_intermixed_args()


def log_in(args):
    t = paramiko.Transport(('127.0.0.1', args.port))
    if args.rekey:
        t.packetizer.REKEY_BYTES = args.rekey
    with open(args.host_key, encoding='ascii') as f:
        blob = base64.b64decode(f.read().split()[1])
    t.start_client(timeout=60)
    if t.get_remote_server_key().asbytes() != blob:
        sys.exit('another host key')
    try:
        t.auth_publickey(args.user, paramiko.Ed25519Key.from_private_key_file(args.key))
    finally:
        # a refusal's text comes in a banner
        sys.stderr.write((t.get_banner() or b'').decode('utf-8', 'replace'))
        sys.stderr.flush()
    t.set_keepalive(args.keepalive)
    return t


def open_channel(t, args):
    if args.forward:
        host, port = args.forward.rsplit(':', 1)
        return t.open_channel('direct-tcpip', (host, int(port)), ('127.0.0.1', 1),
                              window_size=args.window, max_packet_size=args.packet)
    c = t.open_session(window_size=args.window, max_packet_size=args.packet)
    if args.tty:
        c.get_pty()
    if args.subsystem:
        c.invoke_subsystem(args.command)
    elif args.command:
        c.exec_command(args.command)
    else:
        c.invoke_shell()
    return c


def copy_in(c):
    while data := os.read(0, 65536):
        c.sendall(data)
    c.shutdown_write()


def copy_out(receive, fd):
    while data := receive(65536):
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view):]


def main():
    args = arguments()
    try:
        t = log_in(args)
        c = open_channel(t, args)
    except (paramiko.SSHException, EOFError, OSError) as e:
        print('paramiko:', e, file=sys.stderr)
        return 255
    threading.Thread(target=copy_in, args=(c,), daemon=True).start()
    err = threading.Thread(target=copy_out, args=(c.recv_stderr, 2), daemon=True)
    err.start()
    copy_out(c.recv, 1)
    err.join()
    status = 0 if args.forward else c.recv_exit_status()
    t.close()
    return status if status >= 0 else 255


if __name__ == '__main__':
    # the thread that reads standard input may still wait there
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
