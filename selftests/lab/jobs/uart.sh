# SPDX-License-Identifier: GPL-2.0
# A 16550 for user VMs of a few instructions: each register and interrupt rule, with
# the front on and off, and what only the front does. The program loads the module.
bypass_off
/lab/tests/nested_test /lab/kvm-vsbypass.ko uart_
