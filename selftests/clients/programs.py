# SPDX-License-Identifier: GPL-2.0
"""
The SSH clients, each as a program of its own: how it is told what all are told, to log
in with a key that is a file, to a host whose key is known.

What one of them has no way to say (a size of keys exchanged anew, say) it leaves out.
"""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'console'))
# pylint: disable=wrong-import-position
from world import Client, in_terminal


def run(*argv, **kw):
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, **kw)


class OpenSSH:
    """ssh"""
    name = 'openssh'

    def start(self, w, command=None, vm='vm1', key='id', tty=False, rekey=None, keepalive=None,
              forward=None, subsystem=False, options=()):
        options = [*options, '-tt' if tty else '-T']
        if rekey:
            options += ['-o', 'RekeyLimit=%d' % rekey]
        if keepalive:
            options += ['-o', 'ServerAliveInterval=%d' % keepalive, '-o', 'ServerAliveCountMax=2']
        if forward:
            options += ['-W', forward]
        if subsystem:
            options += ['-s']
        return Client(w, w.ssh(vm, key, options) + ([command] if command else []))


class Plink:
    """PuTTY's"""
    name = 'plink'

    def start(self, w, command=None, vm='vm1', key='id', tty=False, rekey=None, keepalive=None,
              forward=None, subsystem=False):
        ppk = w.path(key + '.ppk')
        if not os.path.exists(ppk):
            run('puttygen', w.path(key), '-o', ppk)
        fingerprint = subprocess.run(['ssh-keygen', '-lf', w.path('host_key.pub')], check=True,
                                     stdout=subprocess.PIPE, text=True).stdout.split()[1]
        # what has no option is a line of a session's file
        os.makedirs(w.path('home/.putty/sessions'), exist_ok=True)
        with open(w.path('home/.putty/sessions/s'), 'w', encoding='ascii') as f:
            f.write('Protocol=ssh\nPingIntervalSecs=%d\nRekeyBytes=%s\n' %
                    (keepalive or 0, rekey or '1G'))
        argv = ['plink', '-load', 's', '-batch', '-noagent', '-P', str(w.port), '-i', ppk,
                '-hostkey', fingerprint, '-t' if tty else '-T', '-l', vm]
        if forward:
            argv += ['-nc', forward]
        if subsystem:
            argv += ['-s']
        return Client(w, argv + ['127.0.0.1'] + ([command] if command else []),
                      env={**os.environ, 'HOME': w.path('home')})


class Dbclient:
    """dropbear's"""
    name = 'dbclient'

    def start(self, w, command=None, vm='vm1', key='id', tty=False, rekey=None, keepalive=None,
              forward=None, subsystem=False):
        own = w.path(key + '.dropbear')
        if not os.path.exists(own):
            run('dropbearconvert', 'openssh', 'dropbear', w.path(key), own,
                stderr=subprocess.DEVNULL)
        os.makedirs(w.path('home/.ssh'), exist_ok=True)
        with open(w.path('host_key.pub'), encoding='ascii') as pub, \
             open(w.path('home/.ssh/known_hosts'), 'w', encoding='ascii') as f:
            f.write('127.0.0.1 %s %s\n' % tuple(pub.read().split()[:2]))
        argv = ['dbclient', '-p', str(w.port), '-i', own, '-l', vm, '-t' if tty else '-T']
        if keepalive:
            argv += ['-K', str(keepalive)]
        if forward:
            argv += ['-B', forward]
        if subsystem:
            argv += ['-s']
        argv += ['127.0.0.1'] + ([command] if command else [])
        if tty:
            # it reads the modes of a terminal that must be there
            argv = in_terminal(24, 80, argv)
        return Client(w, argv, env={**os.environ, 'HOME': w.path('home')})


class Python:
    """A library of Python's; NAME-client.py beside this file makes a program of it."""

    def __init__(self, name):
        self.name = name

    def start(self, w, command=None, vm='vm1', key='id', tty=False, rekey=None, keepalive=None,
              forward=None, subsystem=False, window=None, packet=None):
        argv = ['/usr/bin/python3', os.path.join(HERE, self.name + '-client.py'), str(w.port), vm,
                w.path(key), w.path('host_key.pub')]
        for word, value in (('rekey', rekey), ('keepalive', keepalive), ('forward', forward),
                            ('window', window), ('packet', packet)):
            if value is not None:
                argv += ['--' + word, str(value)]
        argv += ['--tty'] if tty else []
        argv += ['--subsystem'] if subsystem else []
        return Client(w, argv + ([command] if command else []))


PROGRAMS = (OpenSSH(), Plink(), Dbclient(), Python('paramiko'), Python('asyncssh'))
