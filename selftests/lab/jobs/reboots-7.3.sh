# SPDX-License-Identifier: GPL-2.0
# guests-linux-7.3 with many reboots.
. /lab/linux-guest.sh
for cpus in ${CPUS:-1 4}; do linux_guest 7.3 $cpus 20; done
l1 dmesg | klog_of l1
