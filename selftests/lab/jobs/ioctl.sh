# SPDX-License-Identifier: GPL-2.0
# Every call of the module's ioctl interface and every error, on a real KVM.
if [ -x /lab/tests/ioctl_test ]; then
	bypass_off
	insmod /lab/kvm-vsbypass.ko && /lab/tests/ioctl_test
	rmmod kvm-vsbypass
else
	not_ok "ioctl_test is built"
fi
