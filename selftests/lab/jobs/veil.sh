# SPDX-License-Identifier: GPL-2.0
# A user VM behind a veil, with two vCPUs and a disk of the guest hypervisor: a stock kernel boots
# to its login over the bypassed console, and a secret that is made in it is nowhere in what the
# cloud VM has. It is reset; it may not take more than it was given; it is left alone. Control:
# without the veil, by then on a KVM that had one, the same search finds the secret.
#
# Lines "@result KEY VALUE" are for the table of make demo.

result() { echo "@result $*"; }

BYTES=$((160 << 20))
DISK="-drive file=/run/disk,if=none,id=d,format=raw -device virtio-blk-pci,drive=d,iommu_platform=on,disable-legacy=on"

# starts: user VM vm1. SEV has a kernel set 64 MiB aside for devices unless it is told otherwise.
starts() {
	check "user VM is started" l2_start vm1 "$SECRET2" "" \
		"L2_SMP=2 L2_APPEND='swiotlb=2048 vsb.disk reboot=k' L2_ARGS=\"\$(l2_monitor) $DISK\"" || return
	check "SSH reaches the console" ssh_console
}

# boots ATTACH: it is attached so, and up to a shell
boots() {
	check "bypass is set up" bypass_on "$1" || return
	starts || return
	now
	began=$now
	logs_in || return
	now
	note "$1: login after $((now - began)) s"
}

logs_in() {
	check "login prompt over SSH" con_wait 600 "vm1 login:" || { logs; return 1; }
	check "login with the secret works" con_login "$SECRET2"
}

# searched RUN: a secret is made in the user VM, of two halves, so that only there it is whole;
# how often it is found is in $cloud (all memory of the cloud VM, where a module in its kernel could
# find it: that of its QEMU here), $dump and $process. What the cloud VM is told comes last.
searched() {
	half1=$(head -c 8 /dev/urandom | od -An -tx1 | tr -dc 0-9a-f)
	half2=$(head -c 8 /dev/urandom | od -An -tx1 | tr -dc 0-9a-f)
	check "$1: a process has a secret" con_run "S=$half1; S=\${S}$half2 sleep 1000000 & true"
	cloud=$(/lab/guests/find-bytes "$(l1_pid)" "$half1$half2")
	l1 "l2_search vm1 $BYTES $half1$half2" >/run/search
	dump=$(sed -n 's/^dump //p' /run/search)
	process=$(sed -n 's/^process //p' /run/search)
	note "$1: the secret is in the cloud VM $cloud, in a dump $dump, in its QEMU $process"
	cloud=${cloud%% *} dump=${dump%% *} process=${process%% *}
	result "$1-memory" "$cloud $dump $process"
}

# held RUN: a program has a secret in registers, and asks its hypervisor now and then; how often the
# administrator sees it there is in $seen. Nobody changes it.
held() {
	local half1 half2
	half1=$(head -c 4 /dev/urandom | od -An -tx1 | tr -dc 0-9a-f)
	half2=$(head -c 4 /dev/urandom | od -An -tx1 | tr -dc 0-9a-f)
	con_send "bench-hold $half1 $half2 40 & bench-hold $half1 $half2 40; wait \$!; echo @hel''d-all\\r"
	sleep 4
	seen=$(l1 "l2_registers $half1$half2")
	note "$1: $seen"
	check "$1: the program ends" con_wait 300 "^@held-all"
	check "$1: its registers are what they were" test "$(grep -ac "^@held [1-9][0-9]* 0.\\?$" $CON/log)" = "$2"
	seen=${seen#registers }
	seen=${seen%% in*}
	result "$1-registers" "$seen"
}

# disk_same: is the disk here and there the same?
disk_same() {
	local sum
	sum=$(l1 "md5sum /run/disk")
	con_answers "sync; echo 3 >/proc/sys/vm/drop_caches; md5sum /dev/vda" "^${sum%% *}"
}

# core_taken: how often a process' secret is in a core, into /run/cores
core_taken() {
	vsbctl dump vm1 /run/vm1.core >/run/dump.out 2>&1 || { cat /run/dump.out; return 1; }
	sed 's/^/# /' /run/dump.out
	grep -ac "$half1$half2" /run/vm1.core >/run/cores
	rm /run/vm1.core
}
owner() { $SSH -T vm1@127.0.0.1 "$@" >/run/owner 2>&1; }
sees_sleep() { vsbctl watch vm1 ps >/run/ps 2>&1; sed 's/^/# /' /run/ps | head -n 5; grep -q " sleep\$" /run/ps; }
sees_not() { ! sees_sleep && grep "its owner has not revealed it" /run/ps; }

# meddles WHAT TIMES: the administrator's kernel changes a vCPU before it enters it; $done is how often,
# $lasted how often the user VM has run with that
meddles() {
	l1 "admin_meddles $1 $2" >/run/meddled
	done=$(sed -n 's/^done //p' /run/meddled)
	lasted=$(sed -n 's/^lasted //p' /run/meddled)
	note "$1: changed $done times, the user VM has run with that $lasted times"
}

# busy: both of its vCPUs are in a program that looks whether its registers are what they were
busy() { con_send "bench-hold 1 2 $1 & bench-hold 3 4 $1; wait \$!; echo @hel''d-all\\r"; sleep 2; }

# stopped WHAT NAME: that change is seen, it has not run with it, and starts anew
stopped() {
	busy 100
	meddles "$1" 1
	check "$1: he has changed it" test "$done" = 1
	check "$1: the user VM has not run with that" test "$lasted" = 0
	check "$1: the kernel log says what" wait_for 60 sh -c \
		"dmesg | tail -n 5 | grep \"user VM 'vm1' is stopped: its guest hypervisor has changed $2;\""
	logs_in
}

unlike_before() { ! con_wait 60 "^@held-all" || [ "$(grep -ac "^@held [1-9][0-9]* 0.\?$" $CON/log)" != 8 ]; }

resets() { vsbctl veil vm1 | sed -n 's/.*resets: *//p'; }

# for a dump
L1_MB=800
stage "cloud VM boots"
check "the cloud VM is up" l1_need || exit 0
check "there is a disk" l1 "head -c 4194304 /dev/urandom >/run/disk"

stage "behind a veil: user VM boots"
boots vm1=veil=200 || exit 0
check "its kernel says so" con_answers "dmesg | grep Memory.Encryption" "AMD SEV"
check "it has both vCPUs" con_answers nproc "^2"
check "one can be taken off and on" con_answers \
	"cd /sys/devices/system/cpu/cpu1; echo 0 >online; echo 1 >online; nproc" "^2"
check "it reads its disk" disk_same
con_run "head -c 1048576 /dev/urandom >/dev/vda" >/dev/null
check "and writes it" disk_same
searched veil
check "the secret is not in the cloud VM" test "$cloud" = 0
check "it is not in the dump" test "$dump" = 0
check "it is not in the guest hypervisor's QEMU" test "$process" = 0
stage "behind a veil: the host looks"
check "a dump is made, without it" core_taken
check "the secret is not there" test "$(cat /run/cores)" = 0
check "it says what is left out" grep "its owner has not revealed it" /run/dump.out
check "no process is to be seen" sees_not
check "the owner reveals it" owner reveal
check "vsbctl says so" sh -c "vsbctl veil vm1 | grep 'its owner has revealed it'"
check "a dump is made, with it" core_taken
check "the secret is there" test "$(cat /run/cores)" -gt 0
check "its processes are to be seen" sees_sleep
check "the owner conceals it" owner conceal
check "a dump is made, without it" core_taken
check "the secret is not there any more" test "$(cat /run/cores)" = 0
check "no process is to be seen any more" sees_not
check "the user VM has gone on" con_answers "echo on-\$((40+2))" "^on-42"

held veil 2
check "a secret in registers is not to be seen" test "$seen" = 0
check "vsbctl shows the veil" vsbctl veil vm1
vsbctl veil vm1 | sed 's/^/# /'
con_run "dmesg -r | grep '^<[0-4]>'" | klog_of l2
stop_daemon vsbypassd
start_daemon vsbypassd vsbypassd
check "another vsbypassd takes over" wait_for 60 vsbypassd_ready
con_close
check "SSH reaches the console again" ssh_console
check "the user VM has gone on" con_shell "$SECRET2"

stage "behind a veil: it reboots"
con_send "reboot -f\r"
logs_in
check "its kernel says so" con_answers "dmesg | grep Memory.Encryption" "AMD SEV"
check "its memory was dropped" test "$(resets)" = 1
check "the administrator resets it" l1 "admin system_reset"
logs_in
check "its memory was dropped again" test "$(resets)" = 2

stage "behind a veil: its vCPUs are changed"
busy 60
meddles registers 20
check "general registers, segments, MSRs, FPU: he has changed them" test "$done" = 20
check "a program has what it had" con_wait 300 "^@held-all"
check "in each round" test "$(grep -ac "^@held [1-9][0-9]* 0.\\?$" $CON/log)" = 4
check "the user VM has gone on" con_answers "echo on-\$((40+2))" "^on-42"
stopped rip "its instruction pointer"
check "the console has said so" grep -a "has changed its" $CON/log
stopped wp "its CR0"
stopped smep "its CR4"
stopped nx "its EFER"
stopped exception "an exception"
stopped int80 "an interrupt"
stopped start "where a vCPU starts"
check "vsbctl says how often" sh -c "vsbctl veil vm1 | grep 'stopped: *7 times'"
check "each time its memory was dropped" test "$(resets)" = 9

stage "the veil goes while the user VM runs"
con_close
check "bypass is taken away" bypass_off
check "user VM ends" l1 l2_kill vm1

stage "the veil is too small"
check "bypass is set up" bypass_on vm1=veil=40
starts
check "the kernel log says so" wait_for 300 sh -c "dmesg | grep \"user VM 'vm1' is stopped: its veil may have 40 MiB\""
check "it has no more than that" sh -c "vsbctl veil vm1 | grep 'the most: 40 MiB'"
con_close
check "user VM ends" l1 l2_kill vm1
check "bypass is taken away" bypass_off

stage "control: user VM without a veil"
boots vm1 || exit 0
check "control: its kernel has no encryption" con_answers "dmesg | grep -c AMD.SEV" "^0"
check "control: vsbctl says so" sh -c "vsbctl veil vm1 | grep 'veil: none'"
check "control: the disk works" disk_same
searched control
check "control: the secret is in the cloud VM" test "${cloud:-0}" -gt 0
check "control: it is in the dump" test "${dump:-0}" -gt 0
check "control: it is in the guest hypervisor's QEMU" test "${process:-0}" -gt 0
held control 2
check "control: a secret in registers is seen" test "${seen:-0}" -gt 0
for change in wp smep; do
	busy 20
	meddles $change 20
	check "control: $change: the user VM has run with that" test "$lasted" -gt 0
	check "control: $change: and goes on" con_wait 300 "^@held-all"
done
busy 20
meddles registers 1
check "control: registers: he has changed them" test "$done" = 1
check "control: the user VM is no longer what it was" unlike_before
con_close
check "user VM ends" l1 l2_kill vm1
check "bypass is taken away" bypass_off
l1 dmesg | klog_of l1
