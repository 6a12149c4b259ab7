# SPDX-License-Identifier: GPL-2.0
# The Linux of Debian stable with four CPUs, beside the newer ones.
. /lab/linux-guest.sh
linux_guest 6.1 4 3
l1 dmesg | klog_of l1
