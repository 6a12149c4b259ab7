# SPDX-License-Identifier: GPL-2.0
"""The attackers of the jobs watch and veil. One in the user VM has a module for its kernel,
hide/hide.c; the root of the cloud VM looks into the user VM's memory with the same program that the
host has, and has a module for his kernel, meddle/main.c."""

import glob
import os
import shutil
import subprocess
import tempfile

import cache
import guests
import kernels

HERE = os.path.dirname(os.path.abspath(__file__))


def module(series=kernels.NATIVE, name="hide"):
    """NAME.ko for a kernel of the lab."""
    sources = sorted(glob.glob(os.path.join(HERE, name, "*")))

    def make(tmp):
        with tempfile.TemporaryDirectory(prefix="vsb-attack-") as folder:
            for path in sources:
                shutil.copy(path, folder)
            if series == kernels.NATIVE:
                r = subprocess.run(["make", "-s", "-C", kernels.build_folder(series), "M=" + folder, "modules"],
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                   errors="replace", check=False, env={**os.environ, "MAKEFLAGS": ""})
                status, out = r.returncode, r.stdout
            else:
                status, out = kernels.build(kernels.SYSTEMS[series], folder, "-s", "modules")
            if status:
                raise cache.Error(f"the attacker's module does not build for Linux {series}:\n{out[-3000:]}")
            shutil.copy(os.path.join(folder, name + ".ko"), tmp)

    texts = []
    for path in sources:
        with open(path, encoding="utf-8") as f:
            texts.append(f.read())
    return cache.file(name + series, cache.key(kernels.kernel(series).release, *texts), make)


def files(build):
    """{place in L0 and L1: path}"""
    # by another name: the job that looks for our programs in the cloud VM may share it
    return {guests.FOLDER + "introspect": os.path.join(build, "qemu-proxy/vsbctl/vsbctl")}


def files_of_user(series):
    """{place in the user VM: path}"""
    return {"lib/modules/hide.ko": module(series)}


def files_of_cloud():
    """{place in L0 and L1: path}, for a cloud VM with this machine's kernel"""
    return {guests.FOLDER + "meddle.ko": module(name="meddle")}
