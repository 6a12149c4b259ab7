# SPDX-License-Identifier: GPL-2.0
# A user VM that computes for ten minutes while somebody types at its console: nothing comes out
# otherwise, no key is lost, and its clock goes as its host's. The same user VM without the bypass
# (nested) first, in the same boot. How many interrupts its timer had, and how long its longest
# round was, are remarks: make check T=irq-load-amd prints them.

LOAD_S=${LOAD_S:-600}

uptime_s() { cut -d. -f1 /proc/uptime; }
# One key each 0.3 s, until the user VM has done, or will not.
keys() {
	local end
	end=$(($(uptime_s) + 3 * LOAD_S + 300))
	keys=0
	until con_has "@load " || [ "$(uptime_s)" -gt $end ]; do
		con_send "~"
		keys=$((keys + 1))
		usleep 300000
	done
}

# loaded SETTING: over the console that is there
loaded() {
	local setting=$1 begin
	stage "$setting: ${LOAD_S} s of load"
	con_send "bench-load $LOAD_S\\r"
	check "$setting: the load begins" con_wait 300 "^@loaded" || return
	begin=$(uptime_s)
	keys
	took=$(($(uptime_s) - begin))
	con_send "\\025"
	check "$setting: the load ends" con_answers "echo @over-\$((40+2))" "^@over-42"
	tr -d '\r' <$CON/log | grep -a "@load [0-9]" | tail -n 1 | sed 's/^.*@load //' >/run/load
	read -r rounds wrong own ticks longest </run/load
	note "$setting: $rounds rounds in $own s, $took s of its host's; $((ticks / own)) timer interrupts a second; longest round 0.01 s * $longest"
	check "$setting: all sums are the same" test "$wrong" = 0
	check "$setting: its clock goes as its host's" clock_is_right "$own" "$took"
	check "$setting: each key of $keys has its echo" test "$(tr -cd '~' <$CON/log | wc -c)" -ge $keys
}
# a hundredth, and what it takes to see its end
clock_is_right() {
	echo "its own clock: $1 s; that of its host: $2 s"
	[ $(($2 - $1)) -ge -$((1 + $1 / 100)) ] && [ $(($2 - $1)) -le $((10 + $1 / 100)) ]
}

# session SETTING COMMAND...: a user VM, over the console that COMMAND opens
session() {
	local setting=$1
	shift
	stage "$setting: user VM boots"
	check "$setting: user VM is started" l2_start vm1 "$SECRET1" "" "L2_LOG=off;" || return
	check "$setting: its console is reached" "$@" || return
	check "$setting: login prompt" con_wait 1200 "vm1 login:" || return
	check "$setting: login" con_login "$SECRET1" || return
	loaded "$setting"
	con_close
}

bypass_off
if l1_up 2>/dev/null; then l1 l2_kill vm1; fi
check "the cloud VM is up" l1_need || exit 0
session nested conventional_console || exit 0
check "nested: user VM ends" l1 "relay_stop; l2_kill vm1"

check "the bypass is set up" bypass_on || exit 0
session vsbypass ssh_console || exit 0
vsbctl status | sed 's/^/# /'
check "vsbypass: user VM ends" l2_end vm1
bypass_off
