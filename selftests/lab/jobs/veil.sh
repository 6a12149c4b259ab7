# SPDX-License-Identifier: GPL-2.0
# A user VM behind a veil: a stock kernel boots to its login over the bypassed console, and a
# secret that is made in it is nowhere in what the cloud VM has. Control: without the veil the
# same search finds it.
#
# Lines "@result KEY VALUE" are for the table of make demo.

result() { echo "@result $*"; }

BYTES=$((160 << 20))

# cloud_search TEXT: lines with it in all memory of the cloud VM, as a module in its kernel could
# find them: that of its QEMU here
cloud_search() { (. /lab/l1-cmd.sh; memory_of "$(cat $L1/pid)") | grep -c "$1"; }

# boots ATTACH: user VM vm1, attached so, up to a shell
boots() {
	check "bypass is set up" bypass_on "$1" || return
	check "user VM is started" l2_start vm1 "$SECRET2" "" \
		'L2_APPEND="swiotlb=2048" L2_ARGS=$(l2_monitor)' || return
	check "SSH reaches the console" ssh_console || return
	check "login prompt over SSH" con_wait 600 "vm1 login:" || { logs; return 1; }
	check "login with the secret works" con_login "$SECRET2"
}

# searched RUN: a secret is made in the user VM, of two halves, so that only there it is whole;
# how often it is found is in $cloud, $dump and $process. What the cloud VM is told comes last.
searched() {
	local half1 half2
	half1=$(head -c 8 /dev/urandom | od -An -tx1 | tr -dc 0-9a-f)
	half2=$(head -c 8 /dev/urandom | od -An -tx1 | tr -dc 0-9a-f)
	check "$1: a process has a secret" con_run "S=$half1; S=\${S}$half2 sleep 1000000 & true"
	cloud=$(cloud_search "$half1$half2")
	l1 "l2_search vm1 $BYTES $half1$half2" >/run/search
	dump=$(sed -n 's/^dump //p' /run/search)
	process=$(sed -n 's/^process //p' /run/search)
	note "$1: lines with the secret: cloud VM $cloud, dump $dump, QEMU $process"
	result "$1-memory" "$cloud $dump $process"
}

# ends: the user VM, and the bypass
ends() {
	con_close
	check "user VM ends" l1 l2_kill vm1
	check "bypass is taken away" bypass_off
}

# of_veil MEMBER: a number of vm1's veil
of_veil() { vsbctl veil --json vm1 | tr -d '\n ' | sed -n "s/.*\"$1\":\([0-9]*\).*/\1/p"; }

stage "cloud VM boots"
check "the cloud VM is up" l1_need || exit 0

stage "control: user VM without a veil"
boots vm1 || exit 0
check "control: its kernel has no encryption" con_answers "dmesg | grep -c AMD.SEV" "^0"
searched control
check "control: the secret is in the cloud VM" test "${cloud:-0}" -gt 0
check "control: it is in the dump" test "${dump:-0}" -gt 0
check "control: it is in the guest hypervisor's QEMU" test "${process:-0}" -gt 0
ends

stage "behind a veil: user VM boots"
boots vm1=veil=200 || exit 0
check "its kernel says so" con_answers "dmesg | grep Memory.Encryption" "AMD SEV"
searched veil
check "the secret is not in the cloud VM" test "$cloud" = 0
check "it is not in the dump" test "$dump" = 0
check "it is not in the guest hypervisor's QEMU" test "$process" = 0
check "vsbctl veil shows it" vsbctl veil vm1
vsbctl veil vm1 | sed "s/^/# /"
con_run "dmesg -r | grep '^<[0-4]>'" | klog_of l2
ends
l1 dmesg | klog_of l1
