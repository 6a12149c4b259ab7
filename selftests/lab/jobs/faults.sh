# SPDX-License-Identifier: GPL-2.0
# The kernel has no memory, or a pointer is bad, at each place where that can be. Of the debug
# kernel. The program loads and unloads the module itself.
if [ -x /lab/tests/faults_test ]; then
	bypass_off
	/lab/tests/faults_test /lab/kvm-vsbypass.ko
else
	not_ok "faults_test is built"
fi
