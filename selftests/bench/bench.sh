# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=busybox
#
# The same user VM in several settings; a job of the lab, for selftests/bench/bench.

. /lab/tests/common.sh

# measure SETTING PID COMMAND...: of the VM in process PID, over the console COMMAND
measure() {
	local setting=$1 pid=$2 out
	eval "out=\$OUT_$setting"
	shift 2
	stage "$setting: measured"
	check "$setting: is measured" /lab/tests/bench_line "$pid" "$out" "$IN" "$KEYS" "$@"
	result "$setting" </run/check.out
}

# A loop in the cloud VM beside the user VM, which is idle: with nobody attached, and with somebody
# (by COMMAND). What keeps a HLT behind the last key is over after 10 s.
[ "$HOST" = intel ] && LOOPS=1 || LOOPS=3
LOOP='n() { read -r t _ </proc/uptime; echo "$t"; }; a=$(n); awk "BEGIN { while (i < 2000000) i++ }"; echo "$a $(n)"'
beside() {
	local setting=$1 n
	shift
	stage "$setting: a loop in the cloud VM"
	: >/run/alone
	: >/run/attached
	for n in $(seq $LOOPS); do
		sleep 15
		l1 "$LOOP" >>/run/alone
		console "$@"
		sleep 15
		l1 "$LOOP" >>/run/attached
		con_close
	done
	for n in alone attached; do
		awk "{ s += \$2 - \$1 } END { print \"loop_${n}_s\", s / NR }" /run/$n | result "$setting"
	done
}

conventional() {
	stage "conventional: user VM boots"
	set -- $SSHD -W 127.0.0.1:7001 user@127.0.0.1
	check "conventional: user VM is started" sh -c "
		. /lab/l1-cmd.sh
		export L2_LOG=off L2_NICE=0
		l2_start vm1 '$HASH'" || return
	pid=$(cat /run/qemu-vm1.pid)
	shell conventional "$@" || return
	measure conventional "$pid" "$@"
	emulator "/proc/$pid/smaps" | result conventional
	kill "$pid"
	wait_for 60 sh -c "! kill -0 $pid"
}

nested() {
	stage "nested: user VM boots"
	chmod 755 $L1
	chmod 666 $L1/console.*
	set -- $SSHD -T user@127.0.0.1 "cat $L1/console.out & exec cat >$L1/console.in"
	check "nested: user VM is started" l1 "L2_LOG=off; l2_start vm1 '$HASH'" || return
	l1 relay
	shell nested "$@" || return
	measure nested "$(l1_pid)" "$@"
	l1 "cat /proc/\$(cat /run/qemu-vm1.pid)/smaps" >/run/smaps
	emulator /run/smaps | result nested
	check "nested: user VM ends" l1 "relay_stop; l2_kill vm1"
}

# behind SETTING: the bypass; vsbypass: with interrupts as the run has them, and no agent if that
# can be; exit, agent: with those
behind() {
	local setting=$1
	case $setting in
	vsbypass) [ "$IRQ" = agent ] || AGENT= ;;
	exit) IRQ=exit AGENT= ;;
	agent) IRQ=agent AGENT=1 ;;
	esac
	if [ ! -d $CG/vsb ]; then
		own_cgroup || return
	else
		check "$setting: attach" bypass_on || return
	fi
	stage "$setting: user VM boots"
	set -- $SSH -T vm1@127.0.0.1 raw
	check "$setting: user VM is started" l1 "L2_LOG=off; l2_start vm1 '$HASH'" || return
	shell "$setting" "$@" || return
	measure "$setting" "$(l1_pid)" "$@"
	[ "$setting" != vsbypass ] || beside "$setting" "$@"
	emulator "/proc/$(proxy)/smaps" | result "$setting"
	vsbctl status
	kib=$(kernel_kib)
	check "$setting: detach" vsbctl detach --reflect c1
	wait_for 60 sh -c '[ "$(pidof qemu-system-x86_64 | wc -w)" = 1 ]'
	echo "kernel_kib $((kib - $(kernel_kib)))" | result "$setting"
	check "$setting: user VM ends" l1 l2_kill vm1
}

# Comes first, and twice (see bench): nothing in here depends on what is outside.
if [ "$HOST" = intel ]; then
	stage "core: one nested exit"
	check "core: is measured" /lab/tests/bench_nested /lab/kvm-vsbypass.ko
	result core </run/check.out
	echo "@core-end"
fi

HASH=$(mkpasswd -m sha256 -S abcdefgh "$SECRET1")
mkdir -p /run/tap /run/vsb-monitor
check "OpenSSH's server runs" start_sshd || exit 0
for setting in $SETTINGS; do
	if [ "$setting" != conventional ] && ! l1_up 2>/dev/null; then
		stage "cloud VM boots"
		check "the cloud VM is up" l1_need || exit 0
	fi
	case $setting in
	conventional|nested) $setting ;;
	*) behind "$setting" ;;
	esac
done
