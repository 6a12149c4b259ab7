# SPDX-License-Identifier: GPL-2.0
# The serial console of a Linux user VM under load: a client that stalls, one that
# never reads, a break, a proxy that dies again and again, two CPUs at the port.
#
# Bytes, in lines of 8, and seconds. 2 KB/s out and a quarter of that in are usual on AMD; on
# Intel a second of the emulated host takes ten of ours.
case $HOST in
amd) : "${OUT:=1048576}" "${IN:=262144}" ; KILL_S=60 KILLED=131072 BOTH=32768 ;;
*) : "${OUT:=65536}" "${IN:=16384}" ; KILL_S=30 KILLED=32768 BOTH=8192 ;;
esac
# More than everybody on the way may keep: vsb-console 128 KiB for a client
FLOOD=262144
BACK=17		# bytes that a killed proxy has sent, perhaps
SECONDS_MAX=2400

uservm_need "$SECRET2" || exit 0

# Sockets that grow to megabytes would hide that a client does not read. Much smaller ones are
# full after a second of it, of small packets: TCP then waits for 200 ms each time.
echo "4096 131072 131072" >/proc/sys/net/ipv4/tcp_wmem
echo "4096 131072 131072" >/proc/sys/net/ipv4/tcp_rmem

text() { seq 1000000 9999999 | head -c "$1"; }
# vsb-console looks for a new proxy now and then, and what is raw does not wait for that
connected() { $SSH vm1@127.0.0.1 status </dev/null | grep "^proxy: connected"; }
raw() {
	con_close
	wait_for 100 connected && ssh_console raw && con_send '\r' && con_wait 100 '# ' && return
	cat $CON/err
	return 1
}
client() { sed 's/ .*//' $CON/pids; }	# its process
# came: what is between the line "@begin" and "@end"; it ends with a newline
place() { strings -t d -n 4 $CON/log | sed -n "s/^ *\([0-9]*\) $1\$/\1/p" | tail -n 1; }
came() {
	local from
	from=$(place @begin)
	tail -c +$((from + 8)) $CON/log | head -c $(($(place @end) - from - 7))
}
compared() { /lab/tests/bench_stream "$1" "$2" </run/came; }
# sends BYTES [PREFIX]: between these two lines; what is typed is neither. cat writes pages:
# head writes to a terminal line by line, and each has to wait for an interrupt.
sends() {
	con_send "stty raw -echo; seq 1000000 9999999 | head -c $1 >/tmp/text; echo @be''gin; $2 cat /tmp/text; echo @e''nd; stty sane\r"
}
seconds() { now; note "$1: $2 bytes in $((now - $3)) s"; }
stalls() {	# the client, until the console says PATTERN: a second of four
	local n=0 ssh
	ssh=$(client)
	until con_has "$1"; do
		n=$((n + 1))
		[ $n -lt $((SECONDS_MAX / 4)) ] || break
		[ $((n % 8)) != 1 ] || note "$(wc -c <$CON/log) bytes came"
		kill -STOP "$ssh"
		sleep 1
		kill -CONT "$ssh"
		sleep 3
	done
	check "the client stalled" test $n -gt 0
}

stage "uart-vm: $OUT bytes out, to a client that stalls"
check "SSH reaches the console, raw" raw || exit 0
now; begin=$now
sends $OUT
stalls '@end'
check "out: the client gets to the end" con_has '@end' || logs
seconds out $OUT $begin
came >/run/came
check "out: all bytes come, once and in order" compared $OUT 0
con_wait 10 '@end'

stage "uart-vm: $IN bytes in, from a client that stalls"
con_send "stty raw -echo; echo @rea''dy; head -c $IN | md5sum; stty sane\r"
check "in: user VM reads" con_wait 100 '@ready'
text $IN >/run/text
now; begin=$now
cat /run/text >$CON/in &
sum=$(md5sum </run/text | cut -d' ' -f1)
stalls "$sum"
check "in: the user VM gets them unchanged" con_has "$sum" || logs
seconds in $IN $begin

stage "uart-vm: a break"
check "break: SSH reaches the console" raw
con_send 'echo 1 >/proc/sys/kernel/sysrq; echo @se''t\r'
check "break: Linux is told to mind it" con_wait 100 '@set'
check "break: vsbctl sends one" vsbctl send-break vm1
con_send h
check "break: the key behind it is for Linux's sysrq" con_wait 100 'sysrq: HELP'

stage "uart-vm: a client that never reads"
# KiB that this host has in use for a console: processes, and all the kernel's own
memory() {
	local name p
	for name in vsbypassd vsb-console; do
		for p in $(pidof $name); do pss $name "$p"; done
	done
	pss QEMU "$(of_vm1 proxy_pid)"
	awk '$1 ~ /^(Slab|KernelStack|PageTables):/ { n += $2 } END { print "kernel", n }' /proc/meminfo
}
pss() { sed -n "s/^Pss: *\([0-9]*\).*/$1 \1/p" "/proc/$2/smaps_rollup"; }
kib() { awk '{ n += $2 } END { print n }' "$1"; }
stands_still() {
	local n
	n=$(of_vm1 writes)
	sleep 5
	[ "$n" = "$(of_vm1 writes)" ]
}
check "never reads: SSH reaches the console" raw
memory >/run/before
sends $FLOOD
con_wait 100 '@begin'
kill -STOP "$(client)"
writes=$(of_vm1 writes)
check "never reads: the user VM is held off" wait_for 280 stands_still || logs
writes=$(($(of_vm1 writes) - writes))
memory >/run/then
note "never reads: $writes accesses until it was held off; KiB before:" $(cat /run/before)
note "never reads: then:" $(cat /run/then)
check "never reads: before its end" test $writes -lt $FLOOD
check "never reads: not a MiB was put aside" test $(($(kib /run/then) - $(kib /run/before))) -lt 1024
kill -CONT "$(client)"
check "never reads: it goes on when somebody reads" con_wait $SECONDS_MAX '@end' || logs
came >/run/came
check "never reads: nothing was lost" compared $FLOOD 0

stage "uart-vm: the proxy is killed each second"
# A raw session ends with the proxy, as a program has to know; who watches stays.
check "killed: SSH reaches the console" raw
$SSH -n vm1@127.0.0.1 watch >/run/watched 2>/run/watch.err &
watch=$!
watched() { con_send '\r'; sleep 1; test -s /run/watched; }
check "killed: somebody watches" wait_for 100 watched
restarts=$(of_vm1 restarts)
sends $KILLED "sleep 5;"
con_wait 100 '@begin'
con_close
kills=0
now
end=$((now + KILL_S))
while [ $now -lt $end ]; do
	# 0: there is none, and kill would take it for all of us
	pid=$(of_vm1 proxy_pid)
	[ "$pid" = 0 ] || ! kill -9 "$pid" 2>/dev/null || kills=$((kills + 1))
	sleep 1
	now
done
note "killed: $kills times, $(($(of_vm1 restarts) - restarts)) proxies were started"
check "killed: the user VM comes to its end all the same" wait_for $SECONDS_MAX grep -q '^@end' /run/watched ||
	{ cat /run/watch.err; logs; }
kill $watch
sed -n '/^@begin/,/^@end/p' /run/watched | sed '1d;$d' >/run/came
check "killed: no byte is lost, $BACK at most come twice each time" compared $KILLED $BACK
sed 's/^/# /' /run/check.out

stage "uart-vm: front off and on"
for more in ,front=off ""; do
	check "front: detached while idle" vsbctl detach c1
	check "front: attached as vm1=0x3f8-0x3ff$more" bypass_on "vm1=0x3f8-0x3ff$more"
	check "front: SSH reaches the console" raw
	sends 4096
	check "front: user VM sends" con_wait 300 '@end'
	came >/run/came
	check "front: all bytes come" compared 4096 0
done

stage "uart-vm: two CPUs at the port"
con_close
check "two CPUs: user VM is stopped" l2_end vm1
check "two CPUs: another one is started" l2_start vm1 "$SECRET2" "" "L2_SMP=2;"
check "two CPUs: SSH reaches the console" ssh_console
check "two CPUs: it boots" con_wait 1200 "vm1 login:"
check "two CPUs: login works" con_login "$SECRET2"
has_two() { con_run 'echo CPUS-$(grep -c ^processor /proc/cpuinfo)-' | grep CPUS-2-; }
check "two CPUs: it has them" has_two
check "two CPUs: a raw session" raw
# Another driver's reads of LSR and writes of SCR, which have no effect
con_send 'h() { while :; do dd if=/dev/port of=/tmp/x bs=1 skip=1021 count=1; dd if=/dev/urandom of=/dev/port bs=1 seek=1023 count=1 conv=notrunc; done >/dev/null 2>&1; }; (echo $$ >/tmp/h; h) & taskset -p 2 $! >/dev/null; echo @ham''mers\r'
check "two CPUs: one of them hammers" con_wait 100 '@hammers'
sends $BOTH "taskset 1"
check "two CPUs: all bytes come" con_wait $SECONDS_MAX '@end' || logs
came >/run/came
check "two CPUs: once and in order" compared $BOTH 0
con_send 'kill %1\r'
con_close
l1 dmesg | klog_of l1
