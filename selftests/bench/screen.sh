# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=busybox
#
# What the screen of a user VM costs, Linux' console at 1024x768, in several settings; a job of the lab,
# for selftests/bench/screen.

. /lab/tests/common.sh

CARD="-device VGA,xres=1024,yres=768"
OPTIONS="L2_LOG=off; L2_APPEND=vsb.screen; L2_ARGS='$CARD"	# VNC server and quote follow
# the ways to the user VM's console and to its screen, over SSH in each setting
CONSOLE=/run/to-console
VIEWER=/run/to-screen
way() { printf '#!/bin/sh\n%s\n' "$2" >"$1" && chmod 755 "$1"; }

# said NAME COMMAND: what it says in the user VM behind NAME
said() {
	con_run "echo \"$1 \$($2)\"" | tr -d '\r' | sed -n "s/^$1 \([0-9. ]*\)\$/\1/p" | tail -n 1
}
# timed NAME COMMAND: seconds that it takes there
timed() {
	said "$1" "read -r a _ </proc/uptime; $2; read -r b _ </proc/uptime; echo \$a \$b" |
		awk -v name="$1" 'NF == 2 { print name, $2 - $1 }'
}

# viewer ACTION...: a VNC client. The cloud VM has one way out in the lab, so not beside the console.
viewer() {
	[ "$setting" != nested ] || l1 "relay_stop; relay 5901"
	/lab/tests/vnc_send $VIEWER "$@"
	local rc=$?
	[ "$setting" != nested ] || l1 "relay_stop; relay"
	return $rc
}

measure_screen() {
	stage "$setting: measured"
	console $CONSOLE
	check "$setting: Linux has a screen of 1024x768" con_answers "cat /sys/class/graphics/fb0/virtual_size" "1024,768"
	# no cursor that blinks; somebody has the terminal open, so that it shows what is typed
	con_run "printf '\\\\033[?25l\\\\033[2J' >/dev/tty1; sleep 1000000 </dev/tty1 & true" >/dev/null
	con_run "for c in 1 2; do dd if=/dev/zero bs=1M count=3 2>/dev/null | tr '\\\\0' \$c >/tmp/frame\$c; done" >/dev/null
	{
		timed lines_s "seq 1 $LINES >/dev/tty1"
		timed draws_s "for i in \$(seq $((DRAWS / 2))); do cat /tmp/frame1 >/dev/fb0; cat /tmp/frame2 >/dev/fb0; done"
		echo "lines $LINES"
		echo "draws $DRAWS"
	} | tee /run/figures | result "$setting"
	check "$setting: what it draws was measured" test "$(wc -l </run/figures)" = 4
	con_run "printf '\\\\033[2J' >/dev/tty1" >/dev/null
	con_close
	check "$setting: key to pixel" viewer "pause 5000" "latency 61 $KEYS"
	result "$setting" </run/check.out
	console $CONSOLE
	con_run "(while [ ! -e /tmp/stop ]; do cat /tmp/frame1 >/dev/fb0; cat /tmp/frame2 >/dev/fb0; done) & true" >/dev/null
	con_close
	check "$setting: screens at a viewer" viewer "pause 5000" "watch $WATCH"
	result "$setting" </run/check.out
}

boots() {
	stage "$setting: user VM boots"
	"$@" || return
	shell "$setting" $CONSOLE
}

conventional() {
	way $CONSOLE "exec $(echo $SSHD) -W 127.0.0.1:7001 user@127.0.0.1"
	way $VIEWER "exec $(echo $SSHD) -W 127.0.0.1:5901 user@127.0.0.1"
	boots check "$setting: user VM is started" sh -c "
		. /lab/l1-cmd.sh
		L2_NICE=0; $OPTIONS -vnc 127.0.0.1:1'
		l2_start vm1 '$HASH'" || return
	measure_screen
	pid=$(cat /run/qemu-vm1.pid)
	kill "$pid"
	wait_for 60 sh -c "! kill -0 $pid"
}

nested() {
	chmod 755 $L1
	chmod 666 $L1/console.*
	# no reader may stay behind, it would take what is for the next one
	way $CONSOLE "exec $(echo $SSHD) -T user@127.0.0.1 'cat $L1/console.out & p=\$!; cat >$L1/console.in; kill \$p'"
	cp $CONSOLE $VIEWER
	boots check "$setting: user VM is started" l1 "$OPTIONS -vnc 127.0.0.1:1'; l2_start vm1 '$HASH' && relay" || return
	measure_screen
	check "$setting: user VM ends" l1 "relay_stop; l2_kill vm1"
}

# memory: of the proxy, with a viewer
memory() {
	viewer "pause 2000" "picture /run/screen.ppm" "pause 20000" &
	viewer=$!
	sleep 15
	emulator "/proc/$(proxy)/smaps" | result "$setting"
	wait $viewer
}
# What is the kernel's is known when it is gone.
gone() {
	kib=$(kernel_kib)
	check "$setting: detach" vsbctl detach --reflect c1
	wait_for 60 sh -c '[ "$(pidof qemu-system-x86_64 | wc -w)" = 1 ]'
	echo "kernel_kib $((kib - $(kernel_kib)))" | result "$setting"
}

attached() {
	way $CONSOLE "exec $(echo $SSH) -T vm1@127.0.0.1 raw"
	way $VIEWER "exec $(echo $SSH) -s vm1@127.0.0.1 vnc"
	if [ -d $CG/vsb ]; then
		check "$setting: attach" bypass_on "$1"
	else
		own_cgroup "$1"
	fi
}

# a proxy with a keyboard alone, to compare its memory
keyboard() {
	stage "keyboard"
	attached vm1=0x3f8-0x3ff,ps2 || return
	memory
	gone
}

vsbypass() {
	attached vm1=0x3f8-0x3ff,ps2,vga || return
	boots check "$setting: user VM is started" l1 "$OPTIONS'; l2_start vm1 '$HASH'" || return
	measure_screen
	memory
	vsbctl status
	gone
	check "$setting: user VM ends" l1 l2_kill vm1
}

HASH=$(mkpasswd -m sha256 -S abcdefgh "$SECRET1")
mkdir -p /run/tap
check "OpenSSH's server runs" start_sshd || exit 0
for setting in conventional nested keyboard vsbypass; do
	if [ $setting != conventional ] && ! l1_up 2>/dev/null; then
		stage "cloud VM boots"
		check "the cloud VM is up" l1_need || exit 0
	fi
	$setting
done
