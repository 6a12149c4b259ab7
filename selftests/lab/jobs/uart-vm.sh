# SPDX-License-Identifier: GPL-2.0
# The serial console of a Linux user VM under load: a client that stalls, one that
# never reads, two CPUs at the port, a proxy that dies again and again.

# What fits into minutes on each host: bytes, lines of 8. BACK: what a killed proxy has
# sent perhaps.
case $HOST in
amd) OUT=1048576 IN=262144 FLOOD=786432 KILL_S=60 KILLED=262144 BOTH=65536 ;;
*) OUT=65536 IN=8192 FLOOD=393216 KILL_S=20 KILLED=32768 BOTH=8192 ;;
esac
BACK=17

uservm_need "$SECRET2" || exit 0

# No program on the way may have more than this in its socket, or a megabyte would
# tell nothing of a client that does not read.
echo "4096 16384 16384" >/proc/sys/net/ipv4/tcp_wmem
echo "4096 16384 16384" >/proc/sys/net/ipv4/tcp_rmem

text() { seq 1000000 9999999 | head -c "$1"; }
raw() { con_close; ssh_console raw && con_send '\r' && con_wait 100 '# '; }
logs() {
	vsbctl status
	cat /run/vsb/*.log
	con_unseen | tail -c 200 | od -c
	return 1
}
# of_vm1 MEMBER: a number that status has of it
of_vm1() { vsbctl status --json | grep -o "\"$1\" *: *[0-9]*" | head -n 1 | tr -dc 0-9; }
# what came behind the last line "@begin", up to the line "@end"
place() { strings -t d -n 4 $CON/log | sed -n "s/^ *\([0-9]*\) $1\$/\1/p" | tail -n 1; }
came() {
	local from
	from=$(place @begin)
	tail -c +$((from + 8)) $CON/log | head -c $(($(place @end) - from - 7))
}
# COMMAND's output, which ends with a line, between these two; what is typed is neither
sends() { con_send "stty raw -echo; echo @be''gin; $1; echo @e''nd; stty sane\r"; }
stalls() {	# the client, until COMMAND
	local n=0
	until "$@" >/dev/null 2>&1; do
		n=$((n + 1))
		[ $n -lt 200 ] || return 1
		kill -STOP $ssh
		sleep 1
		kill -CONT $ssh
		sleep 3
	done
	echo "it stalled $n times"
	[ $n -gt 0 ]
}

stage "uart-vm: $OUT bytes out, to a client that stalls"
check "SSH reaches the console, raw" raw || exit 0
sends "seq 1000000 9999999 | head -c $OUT"
check "stalls: the client gets to the end" stalls con_has '@end'
came >/run/came
check "stalls: all bytes come out, once and in order" sh -c "/lab/tests/bench_stream $OUT 0 </run/came"
con_wait 10 '@end'

stage "uart-vm: $IN bytes in, from a client that stalls"
con_send "stty raw -echo; echo @rea''dy; head -c $IN | md5sum; stty sane\r"
check "stalls: user VM reads" con_wait 100 '@ready'
text $IN >/run/text
cat /run/text >$CON/in &
check "stalls: the user VM gets them unchanged" stalls con_has "$(md5sum </run/text | cut -d' ' -f1)"

stage "uart-vm: a client that never reads"
# who uses memory for a console
kib() {
	local p n=0
	for p in $(pidof vsb-console) $(of_vm1 proxy_pid); do
		n=$((n + $(sed -n 's/^Pss: *\([0-9]*\).*/\1/p' "/proc/$p/smaps_rollup")))
	done
	echo $n
}
stands_still() {
	local n
	n=$(of_vm1 writes)
	sleep 5
	[ "$n" = "$(of_vm1 writes)" ]
}
check "never reads: SSH reaches the console" raw
before=$(kib)
sends "seq 1000000 9999999 | head -c $FLOOD"
con_wait 100 '@begin'
kill -STOP $ssh
writes=$(of_vm1 writes)
check "never reads: the user VM is held off" wait_for 200 stands_still || logs
writes=$(($(of_vm1 writes) - writes))
note "never reads: $writes accesses until it was held off; memory $before KiB before, $(kib) then"
check "never reads: long before its end" test $writes -lt $FLOOD
check "never reads: not a MiB was put aside" test "$(kib)" -lt $((before + 1024))
kill -CONT $ssh
check "never reads: it goes on when somebody reads" con_wait 1000 '@end' || logs
came >/run/came
check "never reads: and nothing was lost" sh -c "/lab/tests/bench_stream $FLOOD 0 </run/came"

stage "uart-vm: the proxy is killed each second"
# A raw session ends with the proxy, as a program has to know; who watches stays.
check "killed: SSH reaches the console" raw
$SSH -n vm1@127.0.0.1 watch >/run/watched 2>/run/watch.err &
watch=$!
restarts=$(of_vm1 restarts)
sends "seq 1000000 9999999 | head -c $KILLED"
con_wait 100 '@begin'
con_close
kills=0
now
end=$((now + KILL_S))
while [ $now -lt $end ]; do
	kill -9 "$(of_vm1 proxy_pid)" 2>/dev/null && kills=$((kills + 1))
	sleep 1
	now
done
note "killed: $kills times, $(($(of_vm1 restarts) - restarts)) proxies were started"
check "killed: the user VM comes to its end all the same" wait_for 600 grep -q '^@end' /run/watched || logs
kill $watch
sed -n '/^@begin/,/^@end/p' /run/watched | sed '1d;$d' >/run/came
check "killed: no byte was lost, at most $BACK came twice each time" \
	sh -c "/lab/tests/bench_stream $KILLED $BACK </run/came"

stage "uart-vm: front off and on"
for more in ,front=off ""; do
	check "front: detached while idle" vsbctl detach c1
	check "front: attached as vm1=0x3f8-0x3ff$more" bypass_on "vm1=0x3f8-0x3ff$more"
	check "front: SSH reaches the console" raw
	sends "seq 1000000 9999999 | head -c 4096"
	check "front: user VM sends" con_wait 300 '@end'
	came >/run/came
	check "front: all bytes come" sh -c "/lab/tests/bench_stream 4096 0 </run/came"
done

stage "uart-vm: two CPUs at the port"
con_close
check "two CPUs: user VM is stopped" l1 l2_kill vm1
check "two CPUs: another one is started" l2_start vm1 "$SECRET2" "L2_SMP=2; L2_MONITOR=qmp;"
check "two CPUs: SSH reaches the console" ssh_console
check "two CPUs: it boots" con_wait 1200 "vm1 login:"
check "two CPUs: login works" con_login "$SECRET2"
check "two CPUs: it has them" con_run 'grep -c ^processor /proc/cpuinfo | grep 2'
check "two CPUs: a raw session" raw
# Another driver's reads of LSR, writes of SCR and reads of MSR, which have no effect
con_send 'hammer() { while :; do dd if=/dev/port of=/tmp/x bs=1 skip=1021 count=1; dd if=/dev/urandom of=/dev/port bs=1 seek=1023 count=1 conv=notrunc; done >/dev/null 2>&1; }; (taskset -p 2 $$; hammer) & \r'
con_wait 100 '# '
sends "taskset 1 seq 1000000 9999999 | head -c $BOTH"
check "two CPUs: all bytes come" con_wait 1200 '@end'
came >/run/came
check "two CPUs: once and in order" sh -c "/lab/tests/bench_stream $BOTH 0 </run/came"
con_send 'kill %1\r'
con_close
l1 dmesg | klog_of l1
