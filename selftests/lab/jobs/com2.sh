# SPDX-License-Identifier: GPL-2.0
# A Linux user VM with two COM ports: a console on each, with a login, input, output and
# interrupts of its own. Both are used at their sockets, without vsb-console.
SIZE=2048
CONSOLES=/run/vsbypass/console
LOGS=/var/log/vsbypass

uservm_need "$SECRET2" || exit 0

# on N COMMAND...: with the console of COM N
on() {
	local CON=/run/com$1
	shift
	"$@"
}
com_open() {	# SOCKET
	con_new
	/lab/tests/unix_pipe "$1" <$CON/in >>$CON/log 2>$CON/err &
	echo $! >>$CON/pids
	sleep 100000000 >$CON/in 2>/dev/null &
	echo $! >>$CON/pids
}
both_open() { on 1 com_open $CONSOLES/vm1.sock; on 2 com_open $CONSOLES/vm1.com2.sock; }
both_close() { on 1 con_close; on 2 con_close; }
listed() { vsbctl status --json | tr -d ' \n' | grep '"consoles":\["vm1","vm1.com2"\]'; }
shown() { vsbctl status | grep '^ *vm1 .*(consoles: vm1, vm1.com2)'; }

stage "com2: two consoles"
check "status lists both" listed
check "and shows both" shown
con_send 'echo ttyS1 >>/etc/securetty; (while :; do setsid getty -L ttyS1 115200 vt100; sleep 1; done) & echo @gett""y\r'
check "COM2 has a getty" con_wait 100 @getty
con_close
stop_daemon vsb-console
both_open
on 2 con_send "\r"
check "COM2: login prompt" on 2 con_wait 300 "vm1 login:"
check "COM2: login works" on 2 con_login "$SECRET2"
check "COM2: it is the second port" on 2 con_answers tty "^/dev/ttyS1"
check "COM1: it is the first" on 1 con_answers tty "^/dev/ttyS0"
check "COM2: Linux has taken it for a 16550A" \
	on 2 con_answers "cat /proc/tty/driver/serial" "^1: uart:16550A port:000002F8 irq:3 tx:[1-9]"
check "COM2: it has interrupts of its own" \
	on 2 con_answers "cat /proc/interrupts" "^ *3: *[1-9].*ttyS1"

stage "com2: both at once"
# out: numbers of their own on each
on 1 con_send 'seq 10001 10300; echo @d""one\r'
on 2 con_send 'seq 20001 20300; echo @d""one\r'
check "COM1: output ends" on 1 con_wait 600 "^@done"
check "COM2: output ends" on 2 con_wait 600 "^@done"
numbers() { tr -d '\r' <$CON/log | grep "^[12]0[0-9][0-9][0-9]\$" | md5sum; }
check "COM1: it is its own, and all of it" test "$(on 1 numbers)" = "$(seq 10001 10300 | md5sum)"
check "COM2: it is its own, and all of it" test "$(on 2 numbers)" = "$(seq 20001 20300 | md5sum)"
# in: the same, unread by a shell
for n in 1 2; do
	on $n con_send "stty raw -echo; echo @rea''dy; head -c $SIZE | md5sum; stty sane\r"
	check "COM$n: user VM reads" on $n con_wait 100 "@ready"
	seq ${n}00001 ${n}09999 | head -c $SIZE >/run/com$n.text
done
for n in 1 2; do cat /run/com$n.text >/run/com$n/in & done
for n in 1 2; do
	sum=$(md5sum </run/com$n.text | cut -d' ' -f1)
	check "COM$n: what is typed arrives" on $n con_wait 600 "$sum" || logs
done

stage "com2: break"
check "a break on COM2" vsbctl send-break vm1.com2
check "COM2: it arrives there" on 2 con_answers "cat /proc/tty/driver/serial" "^1: .* brk:1"
check "and not on COM1" sh -c "! grep -q '^0: .* brk:' /run/com2/log"

stage "com2: vsbypassd ends, and a proxy"
mkdir -p $LOGS
for name in vm1 vm1.com2; do (umask 077; : >$LOGS/$name.log); done
kill -9 "$(cat /run/vsb/vsbypassd.pid)"
rm /run/vsb/vsbypassd.pid
start_daemon vsbypassd vsbypassd
check "another vsbypassd is there" wait_for 60 vsbypassd_ready
check "status lists both" wait_for 60 listed
check "COM2: its console goes on" on 2 con_answers 'echo @still-$((40+2))' "^@still-42"
pid=$(of_vm1 proxy_pid)
kill -9 "$pid"
other() { p=$(of_vm1 proxy_pid); [ "$p" != 0 ] && [ "$p" != "$pid" ] && vsbctl status | grep '^ *vm1 *bound'; }
check "another proxy is there" wait_for 120 other
both_close
both_open
for n in 1 2; do
	check "COM$n: its console is there again" on $n con_shell "$SECRET2"
	check "COM$n: it works" on $n con_answers "echo @log-$n-\$((40+2))" "^@log-$n-42"
done
check "COM1 has a log of its own" sh -c "grep -q '^@log-1-42' $LOGS/vm1.log && ! grep -q log-2 $LOGS/vm1.log"
check "COM2 has a log of its own" sh -c "grep -q '^@log-2-42' $LOGS/vm1.com2.log && ! grep -q log-1 $LOGS/vm1.com2.log"
rm -f $LOGS/vm1.log $LOGS/vm1.com2.log

check "nothing came out of COM2 in the cloud VM" l1 "test ! -s /run/tap/vm1.com2.log"
on 2 con_send "exit\r"
both_close
start_daemon vsb-console vsb-console --port 2222
check "vsb-console is there again" wait_for 60 console_ready
check "SSH reaches the console" ssh_console
check "the console works" con_shell "$SECRET2"
con_close
l1 dmesg | klog_of l1
