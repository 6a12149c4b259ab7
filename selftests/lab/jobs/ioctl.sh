# SPDX-License-Identifier: GPL-2.0
# Every call of the module's ioctl interface and every error, on a real KVM.
# The program loads and unloads the module itself.
if [ -x /lab/tests/ioctl_test ]; then
	bypass_off
	# A thousand VMs take many minutes on Bochs, and are the same on both vendors.
	# So are twelve rounds of KVM reloaded while it is asked.
	# The debug kernel has as little time.
	if [ "$HOST" = intel ] || [ -e /sys/kernel/debug/kmemleak ]; then
		export VSB_OMIT=args_pool_full VSB_CYCLES=2
	fi
	export VSB_KVM_MODULES=/lab/modules
	/lab/tests/ioctl_test /lab/kvm-vsbypass.ko
	rc=$?
	# KVM was loaded anew, and there is no udev here that gives its device to the group.
	chgrp kvm /dev/kvm
	chmod 660 /dev/kvm
	[ "$rc" = 0 ]
else
	not_ok "ioctl_test is built"
fi
