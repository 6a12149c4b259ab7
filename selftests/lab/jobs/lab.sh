# SPDX-License-Identifier: GPL-2.0
# The lab itself: does the host have what everything else needs?
case $HOST in
amd) m=kvm_amd ;;
intel) m=kvm_intel ;;
esac
check "/dev/kvm is there" test -c /dev/kvm
check "$m has nested virtualization" grep -q '[1Y]' /sys/module/$m/parameters/nested
check "the module is on board" test -s /lab/kvm-vsbypass.ko
check "the kernel log tells of trouble to those who look" grep -q '[^0]' /proc/sys/kernel/watchdog
