# SPDX-License-Identifier: GPL-2.0
# L1 and L2 as functions of one program: port I/O of every shape.
# The program loads and unloads the module itself.
if [ -x /lab/tests/nested_test ]; then
	bypass_off
	# A round takes minutes on Bochs; job "reload" has twenty there, too.
	if [ "$HOST" = intel ] || [ -e /sys/kernel/debug/kmemleak ]; then
		export VSB_CYCLES=2
	fi
	export VSB_OMIT=uart_	# job "uart"
	/lab/tests/nested_test /lab/kvm-vsbypass.ko
else
	not_ok "nested_test is built"
fi
