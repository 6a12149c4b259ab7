# SPDX-License-Identifier: GPL-2.0
# The lab itself: does the host have what everything else needs?
check "/dev/kvm is there" test -c /dev/kvm
case $HOST in
amd) m=kvm_amd ;;
intel) m=kvm_intel ;;
esac
check "$m has nested virtualization" grep -q '[1Y]' /sys/module/$m/parameters/nested
uname -a
