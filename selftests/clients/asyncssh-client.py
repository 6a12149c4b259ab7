#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""
asyncssh, as a program: ssh's way of standard input, output and exit status.

    asyncssh-client PORT USER KEY HOSTKEY [--tty] [--rekey BYTES] [--keepalive S]
                    [--window N] [--packet N] [--forward HOST:PORT] [--subsystem] [COMMAND]
"""
import argparse
import asyncio
import os
import sys
import warnings

warnings.simplefilter('ignore')         # of ciphers that it knows and nobody uses
# pylint: disable=wrong-import-position
import asyncssh


def arguments():
    p = argparse.ArgumentParser()
    p.add_argument('port', type=int)
    p.add_argument('user')
    p.add_argument('key')
    p.add_argument('host_key')
    p.add_argument('--tty', action='store_true')
    p.add_argument('--rekey', type=int, default=0)
    p.add_argument('--keepalive', type=int, default=0)
    p.add_argument('--window', type=int, default=2 << 20)
    p.add_argument('--packet', type=int, default=32768)
    p.add_argument('--forward')
    p.add_argument('--subsystem', action='store_true')
    p.add_argument('command', nargs='?')
    return p.parse_intermixed_args()


class Banner(asyncssh.SSHClient):
    """A refusal's text comes in a banner."""

    def auth_banner_received(self, msg, lang):
        sys.stderr.write(msg)
        sys.stderr.flush()


def write_all(fd, data):
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view):]


async def copy_out(reader, fd):
    loop = asyncio.get_running_loop()
    while data := await reader.read(65536):
        await loop.run_in_executor(None, write_all, fd, data)


async def copy_in(writer):
    loop = asyncio.get_running_loop()
    try:
        while data := await loop.run_in_executor(None, os.read, 0, 65536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except (OSError, asyncssh.Error):
        pass


async def run(args):
    with open(args.host_key, encoding='ascii') as f:
        known = '[127.0.0.1]:%d %s' % (args.port, f.read())
    more = {'rekey_bytes': args.rekey} if args.rekey else {}
    async with asyncssh.connect('127.0.0.1', args.port, username=args.user, config=None,
                                client_keys=[args.key], agent_path=None,
                                known_hosts=asyncssh.import_known_hosts(known),
                                keepalive_interval=args.keepalive, client_factory=Banner,
                                **more) as conn:
        sizes = {'window': args.window, 'max_pktsize': args.packet, 'encoding': None}
        if args.forward:
            host, port = args.forward.rsplit(':', 1)
            reader, writer = await conn.open_connection(host, int(port), **sizes)
            asyncio.ensure_future(copy_in(writer))
            await copy_out(reader, 1)
            return 0
        p = await conn.create_process(None if args.subsystem else args.command,
                                      subsystem=args.command if args.subsystem else None,
                                      term_type='xterm' if args.tty else None, **sizes)
        asyncio.ensure_future(copy_in(p.stdin))
        await asyncio.gather(copy_out(p.stdout, 1), copy_out(p.stderr, 2))
        await p.wait()
        return 255 if p.exit_status is None else p.exit_status


def main():
    try:
        return asyncio.get_event_loop().run_until_complete(run(arguments()))
    except (asyncssh.Error, OSError) as e:
        print('asyncssh:', e, file=sys.stderr)
        return 255


if __name__ == '__main__':
    # the thread that reads standard input may still wait there
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
