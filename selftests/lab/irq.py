# SPDX-License-Identifier: GPL-2.0
"""How interrupts come to the user VMs of a run (vsbctl attach --irq), and whether the cloud VM
has an agent. The default is that of vsbypassd."""

import os
import re

HERE = os.path.dirname(os.path.abspath(__file__))
HEADER = os.path.join(HERE, "../../qemu-proxy/common/irq-mode.h")


def default():
    with open(HEADER, encoding="ascii") as f:
        return re.search(r'^#define IRQ_MODE_DEFAULT\s+"(\w+)"', f.read(), re.M).group(1)


def config(given):
    """IRQ and AGENT for /lab/config, from those of the run (GIVEN) or the environment. With
    AGENT=1 there is an agent though the mode does not need one."""
    mode = given.get("IRQ") or os.environ.get("IRQ") or default()
    agent = mode == "agent" or given.get("AGENT", os.environ.get("AGENT"))
    return {"IRQ": mode, "AGENT": "1" if agent else ""}
