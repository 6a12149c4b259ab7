# SPDX-License-Identifier: GPL-2.0
"""The attackers of the job watch: one in the user VM has a module for its kernel, hide/hide.c; the
root of the cloud VM looks into the user VM's memory with the same program that the host has."""

import glob
import os
import shutil
import subprocess
import tempfile

import cache
import guests
import kernels

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "hide")


def module(series=kernels.NATIVE):
    """hide.ko for a kernel of the lab."""
    def make(tmp):
        with tempfile.TemporaryDirectory(prefix="vsb-hide-") as folder:
            for path in glob.glob(HERE + "/*"):
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
            shutil.copy(os.path.join(folder, "hide.ko"), tmp)

    sources = []
    for path in sorted(glob.glob(HERE + "/*")):
        with open(path, encoding="utf-8") as f:
            sources.append(f.read())
    return cache.file("hide" + series, cache.key(kernels.kernel(series).release, *sources), make)


def files(build):
    """{place in L0 and L1: path}"""
    # by another name: the job that looks for our programs in the cloud VM may share it
    return {guests.FOLDER + "introspect": os.path.join(build, "qemu-proxy/vsbctl/vsbctl")}


def files_of_user(series):
    """{place in the user VM: path}"""
    return {"lib/modules/hide.ko": module(series)}
