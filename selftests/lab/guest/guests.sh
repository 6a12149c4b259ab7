# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=busybox
#
# A user VM that nobody here wrote, twice: without the bypass, on the console that the cloud
# VM offers, and with it, over SSH. Both get the same keys. What a terminal would show at
# each step goes out in lines "@screen GUEST RUN STEP BYTES" (base64, all since the start),
# which screens.py compares.

# guest NAME STEPS ARGUMENT...: for QEMU; STEPS is a function
guest() {
	local name=$1 steps=$2
	shift 2
	check "the cloud VM is up" l1_need || return
	guest_run "$name" control "$steps" "$@"
	guest_run "$name" bypass "$steps" "$@"
}

guest_run() {
	local name=$1 run=$2 steps=$3 wait=on
	shift 3
	stage "$name, $run"
	GUEST=$name RUN=$run
	if [ "$run" = control ]; then
		check "$name, $run: no bypass is loaded" bypass_off || return
	else
		check "$name, $run: is set up" bypass_on || return
		# nothing of our own in what is compared
		check "$name, $run: SSH reaches the console, raw" ssh_console raw || return
		wait=off
	fi
	check "$name, $run: the tap is set" l1 tap_on
	now
	GUEST_BEGIN=$now
	if check "$name, $run: is started" l1 "L2_WAIT=$wait l2_qemu vm1 $*"; then
		# QEMU waits for this one, so nothing is lost
		[ "$run" != control ] || conventional_console
		"$steps"
		now
		note "$name, $run: $((now - GUEST_BEGIN)) s"
	fi
	guest_tapped
	con_close
	[ "$run" != control ] || l1 relay_stop
	check "$name, $run: it ends" l2_end vm1
	wait_for 100 unbound
}
unbound() { [ "$RUN" = control ] || ! vsbctl status | grep -q '^ *vm1 *bound'; }

# What the administrator of the cloud VM has seen of it: all, or nothing of its own.
guest_tapped() {
	l1 tap_lines 0x3f >/run/tapped
	note "$GUEST, $RUN: $(cat /run/tapped) accesses in the cloud VM"
	if [ "$RUN" = control ]; then
		check "$GUEST, $RUN: the tap sees its accesses" test "$(cat /run/tapped)" -gt 0
	else
		check "$GUEST, $RUN: the tap sees none but what the module has shown" tap_explained 0x3f
	fi
}

# step NAME SECONDS PATTERN [KEYS]: once the console has said that, and no more comes, its
# screen is compared; then the keys are sent
step() {
	check "$GUEST, $RUN: $1" con_wait "$2" "$3" || return
	wait_for 100 guest_quiet
	echo
	echo "@screen $GUEST $RUN $1 $(base64 <$CON/log | tr -d '\n')"
	[ -z "$4" ] || guest_types "$4"
}

# Without the bypass a byte takes milliseconds, and who looks for a disk in between seconds.
guest_quiet() { con_quiet && con_quiet && con_quiet; }

# A BIOS has room for 15 keys and forgets the others: who has them from there (GUEST_BIOS)
# gets one after the other.
guest_types() {
	local n=0 keys=/run/keys
	[ -n "$GUEST_BIOS" ] || { con_send "$1"; return; }
	printf "%b" "$1" >$keys
	while [ $n -lt "$(wc -c <$keys)" ]; do
		dd if=$keys bs=1 skip=$n count=1 2>/dev/null >$CON/in
		sleep 0.5
		n=$((n + 1))
	done
}

UP='\0033[A' DOWN='\0033[B' ESC='\0033'
