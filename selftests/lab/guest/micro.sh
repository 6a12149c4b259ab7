# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=busybox
#
# Micro guests in the cloud VM (selftests/micro), and figures of a host with many user VMs.

# micro_start NAME MS LINES NUMBER...: a guest hypervisor for them
micro_start() {
	local name=$1
	shift
	l1 "setsid sh -c 'exec /lab/guests/micro $*' </dev/null >/run/micro-$name.log 2>&1 & echo \$! >/run/micro-$name.pid"
}
micro_end() { l1 "l2_gone() { ! kill -0 \$(cat /run/micro-$1.pid); }; kill \$(cat /run/micro-$1.pid); until l2_gone; do sleep 0.1; done" 2>/dev/null; }
# Not a byte and no access of theirs has come to their hypervisor, and it has not ended by itself.
micro_unseen() { l1 "cat /run/micro-$1.log; test ! -s /run/micro-$1.log && kill -0 \$(cat /run/micro-$1.pid)"; }

# talks NUMBER OUT IN: with the micro guest vmNUMBER, over SSH
talks() { /lab/tests/talk "$1" "$2" "$3" $SSH -T "vm$1@127.0.0.1" raw; }

uptime_cs() { tr -d . </proc/uptime | cut -d' ' -f1; }
# first_byte NUMBER: centiseconds from the start of a client to the first byte that it has
first_byte() {
	local begin pid tries=0
	begin=$(uptime_cs)
	: >/run/first
	$SSH -T "vm$1@127.0.0.1" watch </dev/null >/run/first 2>/dev/null &
	pid=$!
	until [ -s /run/first ]; do
		[ $((tries += 1)) -lt 3000 ] || break
		sleep 0.02
	done
	echo $(($(uptime_cs) - begin))
	kill "$pid"
	[ -s /run/first ]
}

# states: of each user VM, "NAME STATE" a line
states() {
	vsbctl status --json | tr -d ' \n' | grep -o '"name":"vm[0-9]*","state":"[a-z]*"' |
		sed 's/"name":"\(.*\)","state":"\(.*\)"/\1 \2/'
}
state_is() { states | grep -q "^$1 $2\$"; }
states_are() { [ "$(states | grep -c " $2\$")" = "$1" ]; }

# pss PID...: KiB of them
pss() { for p; do cat "/proc/$p/smaps_rollup" 2>/dev/null; done | awk '/^Pss:/ { n += $2 } END { print n + 0 }'; }
# proxies: PIDs of their QEMUs
proxies() {
	for p in $(pidof qemu-system-x86_64); do
		! grep -q vsbypass- "/proc/$p/cmdline" 2>/dev/null || echo "$p"
	done
}
meminfo() { awk -v what="$1:" '$1 == what { print $2 }' /proc/meminfo; }
descriptors() { ls "/proc/$1/fd" | wc -l; }
settle() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
	sleep 1
}
