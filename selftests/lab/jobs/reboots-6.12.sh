# SPDX-License-Identifier: GPL-2.0
# guests-linux-6.12 with many reboots.
. /lab/linux-guest.sh
for cpus in ${CPUS:-1 4}; do linux_guest 6.12 $cpus 20; done
l1 dmesg | klog_of l1
