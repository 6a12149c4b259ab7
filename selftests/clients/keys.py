#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""
Keys and names at vsb-console: kinds of keys, what a signature says beside being right,
names that are none, large files.

    keys.py [--server PATH] [--list] [--keep] [-p NAME]...
"""
import base64
import hashlib
import logging
import os
import struct
import subprocess
import sys

sys.dont_write_bytecode = True
# pylint: disable=wrong-import-position
import paramiko
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

import programs
from world import check, main, tests_of, wait_for

assert programs
logging.getLogger('paramiko').setLevel(logging.CRITICAL)


class SecurityKey(paramiko.PKey):
    """A FIDO key without its hardware: it signs with any FLAGS (1: somebody touched it)."""

    def __init__(self, kind, flags):
        super().__init__()
        self.public_blob = None
        self.flags = flags
        m = paramiko.Message()
        if kind == 'ed25519':
            self.name = 'sk-ssh-ed25519@openssh.com'
            self.private = ed25519.Ed25519PrivateKey.generate()
            m.add_string(self.name)
            m.add_string(self.private.public_key().public_bytes(
                serialization.Encoding.Raw, serialization.PublicFormat.Raw))
        else:
            self.name = 'sk-ecdsa-sha2-nistp256@openssh.com'
            self.private = ec.generate_private_key(ec.SECP256R1())
            m.add_string(self.name)
            m.add_string('nistp256')
            m.add_string(self.private.public_key().public_bytes(
                serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint))
        m.add_string('ssh:')
        self.blob = m.asbytes()

    def get_name(self):
        return self.name

    def asbytes(self):
        return self.blob

    def can_sign(self):
        return True

    def line(self):
        return '%s %s comment\n' % (self.name, base64.b64encode(self.blob).decode())

    def sign_ssh_data(self, data, algorithm=None):
        signed = hashlib.sha256(b'ssh:').digest() + struct.pack('>BI', self.flags, 7) + \
            hashlib.sha256(data).digest()
        m = paramiko.Message()
        m.add_string(self.name)
        if self.name.startswith('sk-ssh'):
            m.add_string(self.private.sign(signed))
        else:
            inner = paramiko.Message()
            for number in decode_dss_signature(self.private.sign(
                    signed, ec.ECDSA(hashes.SHA256()))):
                inner.add_mpint(number)
            m.add_string(inner.asbytes())
        m.add_byte(bytes([self.flags]))
        m.add_int(7)
        return m


def write_keys(w, vm, text):
    with open(w.path('keys', vm), 'w', encoding='ascii') as f:
        f.write(text)
    os.chmod(w.path('keys', vm), 0o644)


class Old(paramiko.Transport):
    """A client that cannot be told which signatures the server takes."""
    server_extensions = property(lambda self: {}, lambda self, value: None)


def attempt(w, user, key, **kw):
    """Return: whether it was let in, and the text that it was told."""
    t = (Old if kw else paramiko.Transport)(('127.0.0.1', w.port), **kw)
    try:
        t.start_client(timeout=60)
        t.auth_timeout = 60
        t.auth_publickey(user, key)
    except (paramiko.SSHException, EOFError, OSError) as e:
        return False, (t.get_banner() or b'').decode() + str(e)
    finally:
        t.close()
    return True, ''


def refused(w, user, key, words, **kw):
    seen = len(w.log())
    ok, said = attempt(w, user, key, **kw)
    check(not ok, 'let in')
    for word in words:
        wait_for('%r in the log' % word, lambda w1=word: w1 in w.log()[seen:])
    return said


def security_key(w, kind):
    w.start()
    for flags in (0, 1, 4):
        key = SecurityKey(kind, flags)
        write_keys(w, 'vm1', key.line())
        said = refused(w, 'vm1', key, ['FIDO'])
        check('FIDO' in said, 'it was told %r' % said)
    w.allow('vm1', 'id')
    w.client('help').ended(0)


def test_fido_ed25519(w):
    """A signature that nobody touched the key for is refused; so is any of a FIDO key."""
    security_key(w, 'ed25519')


def test_fido_ecdsa(w):
    """The same with the other kind."""
    security_key(w, 'ecdsa')


def test_fido_line(w):
    """A FIDO key among others in the file hinders nobody."""
    w.start()
    with open(w.path('id.pub'), encoding='ascii') as f:
        write_keys(w, 'vm1', SecurityKey('ed25519', 1).line() + f.read())
    w.client('help').ended(0)


def keygen(w, name, *options):
    subprocess.run(['ssh-keygen', '-q', '-N', '', '-f', w.path(name), *options], check=True)
    w.allow('vm1', name)


def test_kinds(w):
    """RSA with SHA-2 and the curves are let in."""
    w.start()
    for name, options in (('rsa', ('-t', 'rsa', '-b', '2048')), ('p256', ('-t', 'ecdsa')),
                          ('p521', ('-t', 'ecdsa', '-b', '521'))):
        keygen(w, name, *options)
        w.client('help', key=name).ended(0)


def test_sha1(w):
    """An RSA key that signs with SHA-1 is refused, and the log says why."""
    w.start()
    keygen(w, 'rsa', '-t', 'rsa', '-b', '2048')
    key = paramiko.RSAKey.from_private_key_file(w.path('rsa'))
    refused(w, 'vm1', key, ['SHA-1'], disabled_algorithms={
        'pubkeys': ['rsa-sha2-512', 'rsa-sha2-256']})
    w.client('help', key='rsa').ended(0)


def test_certificate(w):
    """A certificate is refused, and told so; the plain key beside it is let in."""
    w.start()
    for name in ('ca', 'plain'):
        keygen(w, name, '-t', 'ed25519')
    subprocess.run(['ssh-keygen', '-q', '-s', w.path('ca'), '-I', 'x', '-n', 'vm1',
                    w.path('plain.pub')], check=True)
    key = paramiko.Ed25519Key.from_private_key_file(w.path('plain'))
    key.load_certificate(w.path('plain-cert.pub'))
    said = refused(w, 'vm1', key, ['certificate'])
    check('certificate' in said, 'it was told %r' % said)
    w.client('help', key='plain').ended(0)


def test_names(w):
    """What is no name, or another's: refused, in the log, no file opened for it."""
    w.start()
    key = paramiko.Ed25519Key.from_private_key_file(w.path('id'))
    write_keys(w, 'vm1.com2', open(w.path('id.pub'), encoding='ascii').read())
    for name in ('x' * 255, 'x' * 30000, 'vm\u00fc', '../keys/vm1', './vm1', 'vm1/',
                 '.', '..', '', ' vm1', 'vm1\n', '-vm1', 'VM1', 'vm1.com', 'vm1.com0', 'vm1.com22'):
        ok, _ = attempt(w, name, key)
        check(not ok, '%r was let in' % name)
    check('\n\n' not in w.log() and all(line.startswith('vsb-console: ')
                                        for line in w.log().splitlines()), w.log())
    check(len(w.log()) < 32768, 'a log of %d bytes' % len(w.log()))
    ok, said = attempt(w, 'vm1', key)
    check(ok, said)


def test_many_keys(w):
    """The last of 700 keys is found; a file of more than 64 KiB is refused with a reason."""
    w.start()
    with open(w.path('id.pub'), encoding='ascii') as f:
        own = f.read()

    def lines(n):
        blob = struct.pack('>I', 11) + b'ssh-ed25519' + struct.pack('>I', 32)
        return ''.join('ssh-ed25519 %s\n' % base64.b64encode(blob + os.urandom(32)).decode()
                       for _ in range(n))
    write_keys(w, 'vm1', lines(700) + own)
    w.client('help').ended(0)
    write_keys(w, 'vm1', own + lines(1000))
    w.client('help').ended(255)
    w.expect_log('it is larger than 64 KiB')


if __name__ == '__main__':
    sys.exit(main(__doc__, '/clients/keys', tests_of(globals())))
