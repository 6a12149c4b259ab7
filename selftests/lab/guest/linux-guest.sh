# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=busybox
#
# A Linux of some release as a user VM, twice as in guests.sh: the time to its login, all
# its CPUs at the port at once while the kernel has something to say, and reboots.

. /lab/guests.sh

# at each CPU, bytes
EACH=2048
# two kernels and their user VMs
L1_MB=900

# linux_guest SERIES CPUS REBOOTS
linux_guest() {
	check "the cloud VM is up" l1_need || return
	linux_run "$1" "$2" "$3" control
	linux_run "$1" "$2" "$3" bypass
}

linux_run() {
	local series=$1 cpus=$2 reboots=$3 run=$4 kernel=/lab/guests/vmlinux-$1 n=0
	[ "$series" != "$GUEST_KERNEL" ] || kernel=/lab/vmlinux
	GUEST="Linux $series, CPUs: $cpus" RUN=$run
	stage "$GUEST, $RUN"
	if [ "$run" = control ]; then
		check "$GUEST, $RUN: no bypass is loaded" bypass_off || return
	else
		check "$GUEST, $RUN: bypass is set up" bypass_on || return
		check "$GUEST, $RUN: SSH reaches the console, raw" ssh_console raw || return
	fi
	check "$GUEST, $RUN: the tap is set" l1 tap_on
	begins
	if check "$GUEST, $RUN: is started" \
		l2_start vm1 "$SECRET1" "" "L2_SMP=$cpus; L2_KERNEL=$kernel;"; then
		[ "$run" != control ] || conventional_console
		: >/run/seconds
		logs_in start && all_write "$cpus" &&
			while [ $n -lt "$reboots" ] && con_send "reboot -f\r" && begins && logs_in reboot; do
				n=$((n + 1))
			done
		check "$GUEST, $RUN: reboots: $reboots" test $n = "$reboots"
		note "$GUEST, $RUN: seconds to the login of start and reboots:" $(cat /run/seconds)
	fi
	guest_tapped
	con_close
	[ "$run" != control ] || l1 relay_stop
	check "$GUEST, $RUN: it ends" l2_end vm1
	wait_for 100 unbound
}

exits() { cat /sys/kernel/debug/kvm/exits; }
begins() { now; BEGIN=$now; EXITS=$(exits); }

# logs_in WHAT: who has just been started does
logs_in() {
	check "$GUEST, $RUN: $1: login prompt" con_wait 1800 "vm1 login:" || return
	now
	echo $((now - BEGIN)) >>/run/seconds
	[ "$1" != start ] || note "$GUEST, $RUN: $(($(exits) - EXITS)) exits of L0 to the login prompt"
	check "$GUEST, $RUN: $1: login" con_login "$SECRET1"
}

# Each CPU writes a letter of its own, and the kernel another. Nobody waits for the end of
# the others' lines: letters are counted. No command has one of them.
LETTERS="A B C D"
all_write() {
	local c=0 letter
	check "$GUEST, $RUN: it has all CPUs" has_cpus "$1"
	con_run "for l in $LETTERS Z; do printf %${EACH}s | tr ' ' \$l >/tmp/\$l; done; cd /tmp; mv A 0; mv B 1; mv C 2; mv D 3; head -c 16 Z >z" >/dev/null
	FROM=$(cat $CON/seen)
	con_send "(for c in $(seq -s ' ' 0 $(($1 - 1))); do taskset \$((1 << c)) dd if=\$c of=/dev/ttyS0 bs=64 2>/dev/null & done; for i in 1 2 3 4 5 6 7 8; do echo \"<4>\$(cat z)\" >/dev/kmsg; done; wait)\r"
	wait_for 1800 all_came $((EACH * $1)) 128
	wait_for 100 con_quiet
	for letter in $LETTERS; do
		[ $c -lt "$1" ] || break
		check "$GUEST, $RUN: all that CPU $c has written comes" test "$(letters $letter)" = $EACH
		c=$((c + 1))
	done
	check "$GUEST, $RUN: and all that the kernel has" test "$(letters Z)" = 128
	note "$GUEST, $RUN: $(tail -c +$((FROM + 1)) $CON/log | tr -dc ABCDZ | tr -s ABCDZ | wc -c) times it was another's turn"
	wc -c <$CON/log >$CON/seen
}
has_cpus() { con_answers 'echo CPUS-$(grep -c ^processor /proc/cpuinfo)-' "CPUS-$1-"; }
letters() { tail -c +$((FROM + 1)) $CON/log | tr -dc "$1" | wc -c; }
all_came() { [ "$(letters ABCD)" -ge "$1" ] && [ "$(letters Z)" -ge "$2" ]; }
