# SPDX-License-Identifier: GPL-2.0
# What it costs that interrupts are raised with nothing of ours in the cloud VM: CPU time of the
# cloud VM and of its host, how late the user VM's own timer is, and how long the first key
# behind a pause takes. The same user VM without the bypass (nested) and with it, in one boot.
# Figures, no limits: who compares them knows how busy the machine was.
#
# They are remarks: make check T=irq-cost-amd prints them.

PHASE_S=${PHASE_S:-30}

# busy FILE: ticks that CPUs were not idle, and all, in the first line of /proc/stat
busy() { awk 'NR == 1 { for (i = 2; i <= 9; i++) n += $i; print n - $5 - $6, n; exit }' "$@"; }
l1_busy() { l1 "head -n 1 /proc/stat" | busy; }
percent() { awk "BEGIN { printf \"%.1f\", 100 * ($1 - $2) / (($3 - $4) ? ($3 - $4) : 1) }"; }

# phase SETTING NAME COMMAND...: what is busy meanwhile
phase() {
	local setting=$1 name=$2 l1a l1b l0a l0b
	shift 2
	l1a=$(l1_busy)
	l0a=$(busy /proc/stat)
	"$@"
	l0b=$(busy /proc/stat)
	l1b=$(l1_busy)
	set -- $l1b $l1a $l0b $l0a
	note "$setting, $name: busy: cloud VM $(percent $1 $3 $2 $4) %, host $(percent $5 $7 $6 $8) %"
}
types() {
	local end
	end=$(($(cut -d. -f1 /proc/uptime) + PHASE_S))
	while [ "$(cut -d. -f1 /proc/uptime)" -lt $end ]; do
		con_send x
		usleep 300000
	done
}
outputs() {
	con_send "\\025while :; do echo abcdefghijklmnopqrstuvwxyz; done\\r"
	sleep "$PHASE_S"
	con_send "\\003"
}
now_ms() { awk '{ print int($1 * 1000) }' /proc/uptime; }
# echo_ms KEY: into $MS: until it has come back
echo_ms() {
	local at
	wc -c <$CON/log >$CON/seen
	at=$(now_ms)
	con_send "$1"
	until con_has "$1" || [ $(($(now_ms) - at)) -gt 30000 ]; do usleep 10000; done
	MS=$(($(now_ms) - at))
}
# The echo of one key, when nothing has been typed for longer than a HLT is kept.
first_keys() {
	local setting=$1 n list=""
	for n in 1 2 3 4 5 6 7 8; do
		sleep $((12 + n % 3))
		echo_ms "$n"
		list="$list $MS"
	done
	con_send "\\025"
	note "$setting: ms until the first key behind a pause has its echo:$list"
}
# Somebody types, and others in the cloud VM want its CPU.
contended_keys() {
	local setting=$1 list="" pid
	pid=$(l1 "sh -c 'while :; do :; done' >/dev/null 2>&1 & echo \$!")
	for _ in $(seq 40); do
		echo_ms x
		list="$list $MS"
		usleep 300000
	done
	l1 "kill $pid"
	con_send "\\025"
	note "$setting: ms until a key has its echo beside a loop in the cloud VM, sorted: $(echo $list | tr ' ' '\n' | sort -n | tr '\n' ' ')"
}

late() { note "$1: us that a timer was late, 50, 90, 99, 100 %: $(grep -a '@late' "$2" | tail -n 1 | tr -d '\r' | sed 's/^.*@late //')"; }

# measures SETTING: over the console that is there
measures() {
	stage "$1: attached and idle"
	sleep 15
	phase "$1" attached-idle sleep "$PHASE_S"
	stage "$1: typing"
	phase "$1" typing types
	con_send "\\025"
	stage "$1: output"
	phase "$1" output outputs
	con_run true >/dev/null
	stage "$1: timers"
	con_run "bench-ticks 300 50" >/run/late
	late "$1, idle" /run/late
	# the same while somebody types
	con_send "bench-ticks 300 50\\r"
	for _ in $(seq 30); do con_send x; usleep 400000; done
	con_wait 200 "@late .* .* .* [0-9]"
	late "$1, typing" $CON/log
	con_send "\\025"
	stage "$1: first key behind a pause"
	first_keys "$1"
	stage "$1: typing beside a loop in the cloud VM"
	contended_keys "$1"
}

# session SETTING COMMAND...: a user VM, over the console that COMMAND opens; then with nobody there
session() {
	local setting=$1
	shift
	stage "$setting: user VM boots"
	check "$setting: user VM is started" l2_start vm1 "$SECRET1" "" "L2_LOG=off;" || return
	check "$setting: its console is reached" "$@" || return
	check "$setting: login prompt" con_wait 1200 "vm1 login:" || return
	check "$setting: login" con_login "$SECRET1" || return
	measures "$setting"
	con_close
	sleep 15
	phase "$setting" idle sleep "$PHASE_S"
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
