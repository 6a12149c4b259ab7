# SPDX-License-Identifier: GPL-2.0
# The memory of user VMs of a few instructions, read from the host; page tables that lie.
# The program loads and unloads the module itself.
if [ -x /lab/tests/memory_test ]; then
	bypass_off
	/lab/tests/memory_test /lab/kvm-vsbypass.ko
else
	not_ok "memory_test is built"
fi
