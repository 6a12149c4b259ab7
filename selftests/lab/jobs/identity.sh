# SPDX-License-Identifier: GPL-2.0
# Who is who, with user VMs of a few instructions (L1 and L2 are functions of one
# program). The program loads and unloads the module itself.
if [ -x /lab/tests/identity_test ]; then
	bypass_off
	# They wait for the ends of proofs, which on Bochs takes minutes; a clock has no vendor.
	[ "$HOST" != intel ] || export VSB_OMIT=identity-renewed
	/lab/tests/identity_test /lab/kvm-vsbypass.ko
else
	not_ok "identity_test is built"
fi
