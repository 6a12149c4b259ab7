# SPDX-License-Identifier: GPL-2.0
# vsbypassd is killed, or ended, and started again, while the user VM writes: the next one
# goes on with the same proxies, and no byte is lost or comes twice.

uservm_need "$SECRET2" || exit 0

LINES=150
# of_vm1 MEMBER: a number that status has of it
of_vm1() { vsbctl status --json | grep -o "\"$1\" *: *[0-9]*" | head -n 1 | tr -dc 0-9; }
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
	vsbctl status
	cat /run/vsb/vsbypassd.log
	return 1
}
writes() { con_wait 300 "L$1-" || { cat /run/vsb/*.log; l1 cat /run/agent.log; return 1; }; }
all_lines() {
	con_unseen_from "$begin" | grep -o 'L[0-9][0-9]*-' >/run/lines
	i=0
	while [ $i -lt $LINES ]; do echo "L$i-"; i=$((i + 1)); done | cmp - /run/lines && return
	tail -n 5 /run/lines
	return 1
}
con_unseen_from() { tail -c "+$(($1 + 1))" $CON/log; }

bound=$(of_vm1 bound_ns)
proxy=$(of_vm1 proxy_pid)
for signal in KILL TERM; do
	name="identity-daemon-restart: SIG$signal"
	begin=$(cat $CON/seen)
	con_send "i=0; while [ \$i -lt $LINES ]; do echo L\$i-; i=\$((i+1)); done\r"
	check "$name: user VM writes" writes 5
	check "$name: vsbypassd ends" ends $signal
	check "$name: the proxy does not" kill -0 "$proxy"
	check "$name: another vsbypassd goes on" starts
	check "$name: user VM writes on" writes $((LINES - 1))
	check "$name: no line is lost, none came twice" all_lines
	check "$name: it is the same user VM" test "$(of_vm1 bound_ns)" = "$bound"
	check "$name: with the same proxy" test "$(of_vm1 proxy_pid)" = "$proxy"
	# typed while nobody relays interrupts
	ends $signal
	con_send 'echo TYPED-$((40+2))-\r'
	sleep 2
	check "$name: vsbypassd goes on again" starts
	check "$name: what was typed meanwhile arrives" con_wait 300 "TYPED-42-"
done
# and where the proxy ends while there is no vsbypassd
ends KILL
kill -9 "$proxy"
check "identity-daemon-restart: a proxy that ended meanwhile is replaced" starts
check "identity-daemon-restart: it is another process" test "$(of_vm1 proxy_pid)" != "$proxy"
check "identity-daemon-restart: it is the same user VM still" test "$(of_vm1 bound_ns)" = "$bound"
check "identity-daemon-restart: the console works" con_run true
con_close
