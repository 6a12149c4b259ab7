# SPDX-License-Identifier: GPL-2.0
# vsbypassd is killed, or ended, and started again, while the user VM writes: the next one
# goes on with the same proxies, and no byte is lost or comes twice.

uservm_need "$SECRET2" || exit 0

ends() {	# SIGNAL
	local pid
	pid=$(cat /run/vsb/vsbypassd.pid)
	rm /run/vsb/vsbypassd.pid
	kill "-$1" "$pid"
	wait_for 60 sh -c "! kill -0 $pid" || ! vsbctl status
}
starts() {
	start_daemon vsbypassd vsbypassd
	wait_for 60 sh -c 'vsbctl status --json | grep -q "\"state\" *: *\"bound\""' && return
	logs
}
# The user VM writes L0-, L1-, and so on; here are those that came since $begin.
lines() { tail -c "+$((begin + 1))" $CON/log | grep -o 'L[0-9][0-9]*-'; }
more_than() { [ "$(lines | wc -l)" -gt "$1" ]; }
writes_on() { wait_for 300 more_than $(($(lines | wc -l) + 30)) || logs; }
all_lines() {
	lines >/run/lines
	i=0
	while [ $i -lt "$(wc -l </run/lines)" ]; do echo "L$i-"; i=$((i + 1)); done >/run/wanted
	cmp /run/wanted /run/lines && return
	tail -c "+$((begin + 1))" $CON/log | grep -v 'L[0-9][0-9]*-'
	return 1
}
typed_is() { con_run 'echo "TYPED: $TYPED."' | grep "TYPED: $1[.]"; }

# raw: a notice would stand in the middle of a line
con_close
check "identity-daemon-restart: SSH reaches the console, raw" ssh_console raw
check "identity-daemon-restart: shell on it" con_shell "$SECRET2"

bound=$(of_vm1 bound_ns)
proxy=$(of_vm1 proxy_pid)
for signal in KILL TERM; do
	name="identity-daemon-restart: SIG$signal"
	begin=$(cat $CON/seen)
	con_send "rm -f /tmp/stop; i=0; while [ ! -e /tmp/stop ]; do echo L\$i-; i=\$((i+1)); sleep 0.05; done &\r"
	check "$name: user VM writes" writes_on
	check "$name: vsbypassd ends" ends $signal
	check "$name: the proxy does not" kill -0 "$proxy"
	# nobody relays interrupts, and what it writes has to wait
	sleep 5
	check "$name: another vsbypassd goes on" starts
	check "$name: user VM writes on" writes_on
	check "$name: it stops" con_run "touch /tmp/stop; wait"
	check "$name: no line is lost, none came twice" all_lines
	check "$name: it is the same user VM" test "$(of_vm1 bound_ns)" = "$bound"
	check "$name: with the same proxy" test "$(of_vm1 proxy_pid)" = "$proxy"
	# typed while nobody relays interrupts
	con_run TYPED= >/dev/null
	ends $signal
	con_send 'TYPED=$((40+2))\r'
	sleep 2
	check "$name: vsbypassd goes on again" starts
	check "$name: what was typed meanwhile arrives" typed_is 42
done
# and where the proxy ends while there is no vsbypassd
ends KILL
kill -9 "$proxy"
check "identity-daemon-restart: a proxy that ended meanwhile is replaced" starts
check "identity-daemon-restart: it is another process" test "$(of_vm1 proxy_pid)" != "$proxy"
check "identity-daemon-restart: it is the same user VM still" test "$(of_vm1 bound_ns)" = "$bound"
# what is raw ends with the proxy: it cannot say what is lost
con_close
check "identity-daemon-restart: SSH reaches the console" ssh_console
check "identity-daemon-restart: the console works" con_shell "$SECRET2"
con_close

# a proxy goes and comes while its user VM runs
cloud=$(vsbctl status | sed -n 's/^Cloud VM \([^:]*\):.*/\1/p')
ports=$(vsbctl status --json | tr -d '\n' | sed 's/.*"name" *: *"vm1"//' |
	grep -o '"ports" *: *"[^"]*"' | head -n 1 | cut -d'"' -f4)
check "identity-pool: a proxy is added" vsbctl add "$cloud" vm2
check "identity-pool: that of the user VM is removed" vsbctl remove vm1
check "identity-pool: it does not get the other one" sh -c 'vsbctl status | grep -q "^ *vm2 *waiting "'
# with the same ports: with others its UART would begin anew
check "identity-pool: one is added under its name" vsbctl add "$cloud" "vm1=$ports"
check "identity-pool: it is the same user VM" test "$(of_vm1 bound_ns)" = "$bound"
check "identity-pool: SSH reaches the console" ssh_console
check "identity-pool: the console works" con_shell "$SECRET2"
con_close
vsbctl remove vm2
