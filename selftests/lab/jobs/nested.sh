# SPDX-License-Identifier: GPL-2.0
# L1 and L2 as functions of one program: port I/O of every shape.
if [ -x /lab/tests/nested_test ]; then
	bypass_off
	insmod /lab/kvm-vsbypass.ko && /lab/tests/nested_test
	rmmod kvm-vsbypass 2>/dev/null
	true
else
	not_ok "nested_test is built"
fi
