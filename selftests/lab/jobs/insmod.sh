# SPDX-License-Identifier: GPL-2.0
# On a host where it cannot work the module is not loaded, and says why in one
# line of the kernel log.
bypass_off

vendor=kvm_intel
[ -d /sys/module/kvm_amd ] && vendor=kvm_amd

# refused WHAT ERROR TEXT: insmod fails so, with one line that holds TEXT
refused() {
	local before out lines
	before=$(dmesg | wc -l)
	if out=$(insmod /lab/kvm-vsbypass.ko 2>&1); then
		not_ok "$1: insmod fails"
		rmmod kvm-vsbypass
		return
	fi
	# busybox tries twice: finit_module(2), then init_module(2)
	lines=$(dmesg | tail -n +$((before + 1)) | grep 'kvm_vsbypass: ' | sed 's/^.*kvm_/kvm_/' |
		sort -u | wc -l)
	if ! echo "$out" | grep -q "$2"; then
		not_ok "$1: insmod fails with '$2'"
		echo "# it said: $out"
	elif [ "$lines" != 1 ] || ! dmesg | tail -n +$((before + 1)) | grep -q "$3"; then
		not_ok "$1: one line says '$3'"
		dmesg | tail -n +$((before + 1)) | sed 's/^/# /'
	else
		ok "$1: insmod fails and says why"
	fi
}

# The first load of all warns that the module is of out of tree: not ours.
insmod /lab/kvm-vsbypass.ko && rmmod kvm-vsbypass

check "unload $vendor" rmmod $vendor
refused "no vendor module of KVM" "No such device" "neither kvm-intel nor kvm-amd is loaded"
check "load $vendor without nesting" insmod /lab/modules/$vendor.ko nested=0
refused "no nested virtualization" "not supported" "nested virtualization is off"
check "unload $vendor again" rmmod $vendor
check "load $vendor with nesting" insmod /lab/modules/$vendor.ko $VSB_KVM_OPTIONS
# as in l0-init, for the jobs behind this one
chgrp kvm /dev/kvm
chmod 660 /dev/kvm
# Newer kernels do not let it be turned off any more (7.3).
if echo 0 2>/dev/null >/proc/sys/kernel/ftrace_enabled; then
	refused "ftrace is off" "busy" "ftrace is off"
	echo 1 >/proc/sys/kernel/ftrace_enabled
else
	check "ftrace cannot be turned off" grep -qx 1 /proc/sys/kernel/ftrace_enabled
fi
check "insmod where it can work" insmod /lab/kvm-vsbypass.ko
check "rmmod" rmmod kvm-vsbypass
