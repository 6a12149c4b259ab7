# SPDX-License-Identifier: GPL-2.0
# Linux 6.12 as a user VM, with one CPU and with four.
. /lab/linux-guest.sh
for cpus in 1 4; do linux_guest 6.12 $cpus 3; done
l1 dmesg | klog_of l1
