# SPDX-License-Identifier: GPL-2.0
# Linux 7.3 as a user VM, with one CPU and with four.
. /lab/linux-guest.sh
for cpus in 1 4; do linux_guest 7.3 $cpus 3; done
l1 dmesg | klog_of l1
