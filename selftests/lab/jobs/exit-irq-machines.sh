# SPDX-License-Identifier: GPL-2.0
# Interrupts with nothing of ours in the cloud VM, whatever machine its QEMU makes of the user
# VM: where the interrupt controllers are, which chipset, what pages, how many CPUs; and however
# the user VM's Linux uses them.
. /lab/linux-guest.sh

KEYS="a b c d e f g h i j k l m n o p q r s t"
OUT_LINES=820	# of 5 bytes: 4 KiB

# machine NAME DIRECT CPUS QEMU'S-OPTIONS [KERNEL'S-OPTIONS [KERNEL]]: DIRECT: "grows" with each key, or
# "never": there is no vector that could be learned
machine() {
	M=$1
	stage "$M"
	check "$M: SSH reaches the console, raw" ssh_console raw || return
	check "$M: the tap is set" l1 tap_on
	begins
	check "$M: is started" l2_start vm1 "$SECRET2" "" "L2_SMP=$3; L2_ARGS='$4'; L2_APPEND='$5'; L2_KERNEL='$6';" &&
		check "$M: login prompt over SSH" comes_up &&
		check "$M: login" con_login "$SECRET2" &&
		works "$2" "$3"
	now
	note "$M: $((now - BEGIN)) s, exits: $(of_vm1 irq_exits), direct: $(of_vm1 irq_direct), halts kept: $(of_vm1 halts)"
	check "$M: the tap has no access but those that the module has shown" tap_explained 0x3f
	con_close
	check "$M: it ends" l2_end vm1
	check "$M: its proxy is free for the next one" wait_for 100 proxy_free
}
comes_up() { con_wait 600 "vm1 login:" || logs; }
proxy_free() { vsbctl status | grep '^ *vm1 *waiting'; }

works() {
	local direct
	check "$M: it has all CPUs" has_cpus "$2"
	direct=$(of_vm1 irq_direct)
	check "$M: each of 20 keys is echoed, none is lost" keys_come
	direct=$(($(of_vm1 irq_direct) - direct))
	if [ "$1" = never ]; then
		check "$M: no vector was injected by the host" test "$(of_vm1 irq_direct)" = 0
	elif [ "$IRQ" = auto ]; then
		check "$M: vectors are injected by the host" test $direct -gt 0
	fi
	check "$M: all bytes come out, in order" bytes_come
}

# one by one: each has an interrupt of its own
keys_come() {
	local key
	con_send 'k='
	con_wait 100 'k=' || return
	for key in $KEYS; do
		con_send "$key"
		con_wait 100 "$key" || return
	done
	con_send '; echo GOT-$k-\r'
	con_wait 100 "GOT-$(echo "$KEYS" | tr -d ' ')-"
}

# The kernel has its say elsewhere meanwhile: by the PIT alone, of a machine that is too slow for it,
# "CE: Reprogramming failure".
bytes_come() {
	con_run "dmesg -n 1; seq 1000 9999 | head -n $OUT_LINES >/tmp/t; echo @be''gin; cat /tmp/t; echo @e''nd" |
		tr -d '\r' | sed -n '/^@begin/,/^@end/p' | sed '1d;$d' >/run/came
	seq 1000 9999 | head -n $OUT_LINES >/run/sent
	cmp /run/sent /run/came || { diff /run/sent /run/came | head -n 10; false; }
}

# cloud_vm CPUS: one with so many, in place of the one that there is
cloud_vm() {
	stage "cloud VM, CPUs: $1"
	if l1_up 2>/dev/null; then
		l1 dmesg | klog_of l1
		check "bypass goes" bypass_off
		check "the cloud VM is stopped" l1_stop
	fi
	L1_SMP=$1
	check "the cloud VM is up, CPUs: $1" l1_boot && check "bypass is set up" bypass_on
}

cloud_vm 1 || exit 0
HUGE=/run/huge
check "huge pages are set apart for a user VM" l1 "mkdir $HUGE; mount -t hugetlbfs none $HUGE; echo 80 >/proc/sys/vm/nr_hugepages; grep HugePages_Free:.*80 /proc/meminfo"

machine "irqchip on" grows 1 "-machine pc,kernel-irqchip=on"
machine "irqchip split" grows 1 "-machine pc,kernel-irqchip=split"
# QEMU 7.2 stumbles over an MSR of "host" that wants KVM's local APIC
machine "irqchip off" grows 1 "-machine pc,kernel-irqchip=off -cpu host,kvm-asyncpf-int=off"
machine "q35" grows 1 "-machine q35"
machine "microvm" grows 1 "-machine microvm -bios /lab/guests/qboot.rom"
machine "huge pages" grows 1 "-machine pc -mem-path $HUGE -mem-prealloc"
machine "4 CPUs" grows 4 "-machine pc"
machine "noapic" never 1 "-machine pc" noapic
machine "nolapic" never 1 "-machine pc" nolapic
# as for Windows: interrupts end in a page that it shares with its hypervisor; Linux takes KVM's
# ways where it finds both
machine "hv-vapic" never 1 "-machine pc -cpu host,kvm=off,hv-relaxed,hv-vpindex,hv-vapic"
machine "threadirqs" grows 1 "-machine pc" threadirqs
machine "PREEMPT_RT" never 1 "-machine pc" "" /lab/guests/vmlinux-6.1-rt

cloud_vm 2 || exit 0
machine "2 CPUs below" grows 1 "-machine pc"
machine "4 CPUs, 2 below" grows 4 "-machine q35"
l1 dmesg | klog_of l1
