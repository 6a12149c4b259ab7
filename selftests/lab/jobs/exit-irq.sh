# SPDX-License-Identifier: GPL-2.0
# Interrupts by exits that user VMs have not made, in every state of a user VM of a few
# instructions. The program loads and unloads the module itself.
if [ -x /lab/tests/exit_test ]; then
	bypass_off
	# Ten thousand exits take Bochs an hour.
	[ "$HOST" != intel ] || VSB_EXITS=${VSB_EXITS:-1000}
	[ -z "$VSB_EXITS" ] || export VSB_EXITS
	/lab/tests/exit_test /lab/kvm-vsbypass.ko
else
	not_ok "exit_test is built"
fi
