# SPDX-License-Identifier: GPL-2.0
"""What the job l3 needs beside: firmware for a VM of a user VM, and for its control a
module that takes such a VM for a user VM."""

import glob
import os
import re

import cache
import guests
import host
import kernels

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
ROM = os.path.join(HERE, "l3-rom.S")

JUDGE = re.compile(r"^(bool vsb_inner_judge\([^{;]*\)\n{\n)", re.M)


def _make_rom(path):
    host.run(["gcc", "-m32", "-ffreestanding", "-nostdlib", "-static", "-no-pie",
              "-Wl,-Ttext=0,--oformat=binary,--build-id=none,--no-warn-rwx-segments",
              ROM, "-o", path])


def _control(folder):
    """The module as it is, but that nobody is judged to be a VM of a user VM."""
    host.run([os.path.join(ROOT, "selftests/mirror"), os.path.join(ROOT, "kvm-vsbypass"), folder])
    path, = glob.glob(folder + "/**/inner.c", recursive=True)
    with open(path, encoding="utf-8") as f:
        text, found = JUDGE.subn(r"\1\tif (vcpu)\n\t\treturn false;\n", f.read())
    if found != 1:
        raise cache.Error(f"vsb_inner_judge() is not found in {path}")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    host.run(["env", "-u", "MAKEFLAGS", "make", "-s", "-C",
              kernels.build_folder(kernels.NATIVE), "M=" + folder,
              "CONFIG_KVM_VSBYPASS=m", "modules"])
    return os.path.join(folder, "kvm-vsbypass.ko")


def files(build):
    """{place in L0: path}"""
    with open(ROM, encoding="utf-8") as f:
        rom = cache.file("l3-rom", cache.key(f.read()), _make_rom)
    return {guests.FOLDER + "l3.rom": rom,
            "lab/no-inner.ko": _control(os.path.join(os.path.abspath(build), "no-inner"))}
