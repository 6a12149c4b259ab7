# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=busybox
#
# Functions for jobs in L0. A job is a piece of shell that is sourced with this
# file before it; it reports in TAP.

. /lab/config

tap_n=0
ok() { tap_n=$((tap_n + 1)); echo "ok $tap_n $*"; }
not_ok() { tap_n=$((tap_n + 1)); echo "not ok $tap_n $*"; }
skip() { tap_n=$((tap_n + 1)); echo "ok $tap_n ${1} # SKIP ${2}"; }

# check NAME COMMAND...: one test point; what the command said on failure
check() {
	local name=$1
	shift
	# a file and no $(...): that would wait for all that the command has left
	# running with the pipe open
	if ( "$@" ) >/run/check.out 2>&1; then
		ok "$name"
	else
		not_ok "$name"
		echo "# ran: $*"
		tail -n 30 /run/check.out | sed 's/^/# /'
		return 1
	fi
}

# now: the emulated host's uptime in seconds, into $now; no process for it
now() {
	read -r now _ </proc/uptime
	now=${now%%.*}
}
note() { echo "# $(cut -d' ' -f1 /proc/uptime) $*"; }

# wait_for SECONDS COMMAND...: until it succeeds. The seconds are the emulated
# host's, which says little about anybody else's clock. It looks less and less
# often: each look is a few processes, which the cloud VM has to wait for.
wait_for() {
	local end pause=0.2
	now
	end=$((now + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		now
		[ "$now" -lt "$end" ] || return 1
		sleep $pause
		case $pause in
		0.2) pause=0.4 ;;
		0.4) pause=0.8 ;;
		*) pause=1.5 ;;
		esac
	done
}

L1=/run/l1

# AGENT and IRQ are the run's (irq.py). Without an agent nothing of ours is in the cloud VM.
has_agent() { [ -n "$AGENT" ]; }

# What the cloud VM's kernel is told.
L1_APPEND="console=ttyS0 loglevel=5 nokaslr noxsave init_on_alloc=0 nohz=off highres=off mitigations=off tsc=reliable watchdog_thresh=60 rcupdate.rcu_cpu_stall_timeout=126"

# l1_image: its initramfs, of files of the one of L0
l1_image() {
	mkdir -p $L1
	(
		cd / || exit 1
		mkdir -p $L1/extra
		cp /lab/l1-init $L1/extra/init
		{ cat lab/l1.files lab/l1.more; } | sort -u | cpio -o -H newc 2>/dev/null
		cd $L1/extra || exit 1
		mkdir -p proc sys dev run tmp root etc lab
		cp /lab/l1-cmd.sh lab/
		cp /lab/modules.l1 lab/modules.l1
		ln -sf busybox bin/sh 2>/dev/null || { mkdir -p bin; ln -sf busybox bin/sh; }
		mknod dev/console c 5 1 2>/dev/null
		find . | cpio -o -H newc 2>/dev/null
	) >$L1/image
	rm -rf $L1/extra
}

# l1_pipes: to its administrator and to its console tool
l1_pipes() {
	for p in ctl console; do
		rm -f $L1/$p.in $L1/$p.out
		mkfifo $L1/$p.in $L1/$p.out
	done
	: >$L1/ctl.log
	# no open stdout or stderr: whoever reads the job's would wait for them
	# libvirt opens and closes it before QEMU does: no end for that
	cat <>$L1/ctl.out >>$L1/ctl.log 2>/dev/null &
	sleep 100000000 >$L1/ctl.in 2>/dev/null &	# holds the pipe open
}

# agent_channel FOLDER: QEMU's arguments for one whose socket is there
agent_channel() {
	! has_agent || echo "-chardev socket,id=agent,path=$1/agent.sock,server=on,wait=off" \
		"-device virtserialport,chardev=agent,name=org.vsbypass.agent.0"
}

# l1_boot: start the cloud VM and wait until it takes commands. L1_MB: memory; L1_SMP: CPUs
l1_boot() {
	l1_image
	l1_qemu -kernel /lab/vmlinux -initrd $L1/image -append "$L1_APPEND" $(agent_channel $L1)
	l1_wait "$@"
}

# l1_qemu ARGUMENT...: the cloud VM's QEMU
l1_qemu() {
	l1_pipes
	qemu-system-x86_64 -name c1 -accel kvm -cpu host -m "${L1_MB:-640}" -smp "${L1_SMP:-1}" \
		-nodefaults -display none -no-user-config \
		-serial file:$L1/console.log \
		-device virtio-serial-pci \
		"$@" \
		-chardev pipe,id=ctl,path=$L1/ctl \
		-device virtserialport,chardev=ctl,name=org.vsbypass.lab.ctl \
		-chardev pipe,id=con,path=$L1/console \
		-device virtserialport,chardev=con,name=org.vsbypass.lab.console \
		</dev/null >$L1/qemu.log 2>&1 &
	echo $! >$L1/pid
}

# l1_wait [SECONDS]: until it takes commands
l1_wait() {
	wait_for "${1:-600}" l1_up_or_ended
	l1_up && return
	echo "# the cloud VM did not come up$(! l1_ended || echo ", its QEMU has ended"); its console and QEMU said:"
	tail -n 20 $L1/console.log $L1/qemu.log | sed 's/^/# /'
	return 1
}

# of a domain it is libvirt that knows
l1_ended() { [ -e $L1/pid ] && ! kill -0 "$(l1_pid)" 2>/dev/null; }
l1_up_or_ended() { l1_up || l1_ended; }
l1_up() { grep -q '^@hello' $L1/ctl.log; }
l1_pid() { cat $L1/pid; }

# l1_stop: as if its power was cut
l1_stop() {
	kill "$(l1_pid)"
	wait_for 100 l1_ended && : >$L1/ctl.log
}

# l1 COMMAND: run it in L1 as root, print what it says, return what it returns
l1() {
	local seq out
	seq=$(($(cat $L1/seq 2>/dev/null || echo 0) + 1))
	echo $seq >$L1/seq
	echo "$seq $*" >$L1/ctl.in
	if ! wait_for "${L1_TIMEOUT:-300}" grep -q "^@end $seq " $L1/ctl.log; then
		echo "# L1 did not answer to: $*"
		return 124
	fi
	out=$(sed -n "/^@begin $seq\$/,/^@end $seq /p" $L1/ctl.log | sed '1d;$d')
	[ -z "$out" ] || printf '%s\n' "$out"
	return "$(sed -n "s/^@end $seq //p" $L1/ctl.log)"
}

stage() { echo "@stage $(cut -d' ' -f1 /proc/uptime) $*"; }

# klog_of NAME: kernel log of another machine (stdin), to be judged like L0's
klog_of() {
	echo
	echo "@@lab $TOKEN klog $1"
	cat
	echo
	echo "@@lab $TOKEN klog-end $1"
}

# Jobs of one run follow each other on the same machines.

l1_need() { l1_up 2>/dev/null || l1_boot "$@"; }

# l2_start NAME PASSWORD [KEYFILE [COMMAND;]]: in L1, which is told the hash only, after
# COMMAND. KEYFILE is what vsbctl key has written, 64 digits behind the name
l2_start() {
	local hash
	hash=$(mkpasswd -m sha256 -S "$(head -c 6 /dev/urandom | base64 | tr '+=' '..')" "$2")
	l1 "$4 l2_start $1 '$hash' $([ -z "$3" ] || sed 's/.* //' "$3")"
}

# A console is $CON/in and $CON/log, whatever is behind them.
CON=/run/con

con_new() {
	mkdir -p $CON
	rm -f $CON/*
	mkfifo $CON/in
	: >$CON/log
	: >$CON/pids
	echo 0 >$CON/seen
}

con_send() { printf "%b" "$*" >$CON/in; }

con_unseen() { tail -c +$(($(cat $CON/seen) + 1)) $CON/log; }

con_has() { con_unseen | grep -q -- "$1"; }

# con_wait SECONDS PATTERN: until the console says it, after what was seen before
con_wait() {
	if wait_for "$1" con_has "$2"; then
		wc -c <$CON/log >$CON/seen
		return 0
	fi
	echo "the console did not say '$2' within $1 s; it said:"
	con_unseen | tail -n 15 | tr -c ' -~\n' .
	echo
	tail -n 5 $CON/err /run/vsb/vsb-console.log 2>/dev/null | tr -c ' -~\n' .
	! l1_up 2>/dev/null || l1_ended || L1_TIMEOUT=20 l1 l2_ended
	return 1
}

con_login() {
	con_send "root\r"
	con_wait 300 "Password:" || return
	con_send "$1\r"
	con_wait 300 "[#] " || return
	con_send 'echo IN-$((40+2))-\r'
	con_wait 300 "IN-42-"
}

# con_run COMMAND: run it in the user VM, wait for its end, print what it said
con_run() {
	local n
	n=$(cat $CON/seen)
	con_send "$1; echo DONE-\$((40+2))-\r"
	con_wait 300 "DONE-42-" || return
	tail -c +$((n + 1)) $CON/log
}

# con_answers COMMAND PATTERN: it says that. vsb-console says what it has to say between any
# two bytes of the user VM, so more than once.
con_answers() {
	for _ in 1 2 3; do
		con_run "$1" | grep "$2" && return
	done
	return 1
}

# The user VM counts on its console, <1>, <2>, and so on, a number each PAUSE: by that it is seen
# that it runs, and whether a byte is lost. The shell stays free.
count_starts() {	# PAUSE
	wc -c <$CON/log >$CON/count
	con_send "rm -f /tmp/stop; (n=0; while [ ! -e /tmp/stop ]; do n=\$((n + 1)); echo \"<\$n>\"; sleep $1; done) &\\r"
}
count() { tail -c "+$(($(cat $CON/count) + 1))" $CON/log | tr -d '\r' | grep -o '<[0-9][0-9]*>' | tr -dc '0-9\n'; }
count_has() { [ "$(count | wc -l)" -ge "$1" ]; }
# counts_on [N]: N more numbers come
counts_on() { wait_for 300 count_has $(($(count | wc -l) + ${1:-20})) && return; count | tail -n 3; return 1; }
# count_whole [N]: it ends, all numbers have come, once and in order, and there are N
count_whole() {
	con_run "touch /tmp/stop; wait" >/dev/null
	count >$CON/numbers
	echo "counted to $(tail -n 1 $CON/numbers), $(wc -l <$CON/numbers) numbers have come"
	awk -v least="${1:-20}" '$1 != NR { print "after", NR - 1, "came", $1; bad = 1; exit } END { exit bad || NR < least }' $CON/numbers
}

# on NAME COMMAND...: with a console of that name
on() {
	local CON=/run/con-$1
	shift
	"$@"
}

con_close() {
	local p
	for p in $(cat $CON/pids 2>/dev/null); do kill "$p" 2>/dev/null; done
	: >$CON/pids
}

# con_pipes PATH: a console behind the pipes PATH.in and PATH.out
con_pipes() {
	con_new
	cat "$1.out" >>$CON/log 2>/dev/null &
	echo $! >>$CON/pids
	cat $CON/in >"$1.in" 2>/dev/null &
	echo $! >>$CON/pids
	sleep 100000000 >$CON/in 2>/dev/null &
	echo $! >>$CON/pids
}

# the way without bypass: what the cloud VM's console tool hands out
conventional_console() {
	l1 relay
	con_pipes $L1/console
}

# the way with bypass: OpenSSH to vsb-console
SSH_KEY=/run/ssh/key
# the client with the key of the test's person
SSH="ssh -p 2222 -i $SSH_KEY -o StrictHostKeyChecking=no -o UserKnownHostsFile=/run/ssh/known
	-o IdentitiesOnly=yes -o LogLevel=ERROR -o ConnectTimeout=120"

# ssh_console [raw|"" [NAME]]: attach to vm1, or that; raw: no escape, no replay, as
# programs want it
ssh_console() {
	local attached
	con_new
	attached=$(raw_clients)
	if [ "$1" = raw ]; then
		$SSH -T "${2:-vm1}@127.0.0.1" raw <$CON/in >>$CON/log 2>$CON/err &
	else
		$SSH -tt -e none "${2:-vm1}@127.0.0.1" <$CON/in >>$CON/log 2>$CON/err &
	fi
	ssh=$!
	sleep 100000000 >$CON/in 2>/dev/null &
	echo $ssh $! >>$CON/pids
	# raw says nothing by itself, and has no backlog: what comes before is missed
	if [ "$1" = raw ]; then
		wait_for 200 raw_attached_or_died "$attached"
		kill -0 $ssh && return
	else
		wait_for 200 ssh_spoke_or_died
	fi
	test -s $CON/log && return
	cat $CON/err /run/vsb/*.log
	return 1
}

# raw_clients: how many there have been, as vsb-console has it
raw_clients() { cat /run/vsb/vsb-console.log 2>/dev/null | grep -c "attached: .*, raw"; }
raw_attached_or_died() { [ "$(raw_clients)" -gt "$1" ] || ! kill -0 $ssh; }
ssh_spoke_or_died() { test -s $CON/log || ! kill -0 $ssh; }

# start_daemon NAME COMMAND...: with its messages in /run/vsb/NAME.log
start_daemon() {
	local name=$1
	shift
	mkdir -p /run/vsb
	"$@" </dev/null >>"/run/vsb/$name.log" 2>&1 &
	echo $! >"/run/vsb/$name.pid"
}

stop_daemon() {
	local pid
	pid=$(cat "/run/vsb/$1.pid" 2>/dev/null) || return 0
	rm -f "/run/vsb/$1.pid"
	kill "$pid" 2>/dev/null || return 0
	wait_for 60 sh -c "! kill -0 $pid" || kill -9 "$pid"
}

vsbypassd_ready() { vsbctl status --json; }
console_ready() { netstat -ltn | grep -q ':2222 '; }

# l2_end NAME: the user VM's QEMU ends, and its proxy is free for the next one. An agent tells
# that; else the host's administrator, who need not know.
l2_end() {
	l1 "l2_kill $1" || return
	has_agent || ! vsbctl status 2>/dev/null | grep -q "^ *$1 *bound" || vsbctl unbind "$1"
}

# bypass_on [VM...]: module, daemons, perhaps an agent; the cloud VM attached. VM as for vsbctl.
# MODULE: another one than is tested
bypass_on() {
	[ $# -gt 0 ] || set -- vm1
	[ -d /sys/module/kvm_vsbypass ] || insmod "${MODULE:-/lab/kvm-vsbypass.ko}" || return
	mkdir -p /run/ssh /etc/vsbypass/keys /var/lib/vsbypass
	chown vsbypass:vsbypass /var/lib/vsbypass
	[ -e $SSH_KEY ] || ssh-keygen -q -t ed25519 -N "" -f $SSH_KEY || return
	for vm; do cp $SSH_KEY.pub "/etc/vsbypass/keys/${vm%%=*}"; done
	if [ ! -e /run/vsb/vsbypassd.pid ]; then
		start_daemon vsbypassd vsbypassd
		wait_for 60 vsbypassd_ready || { cat /run/vsb/vsbypassd.log; return 1; }
	fi
	if [ ! -e /run/vsb/vsb-console.pid ]; then
		start_daemon vsb-console vsb-console --port 2222
		wait_for 60 console_ready || { cat /run/vsb/vsb-console.log; return 1; }
	fi
	! has_agent || l1 agent_start
	if ! vsbctl attach --cloud c1 --pid "$(l1_pid)" --irq "$IRQ" \
		$(! has_agent || echo --agent $L1/agent.sock) "$@"; then
		cat /run/vsb/vsbypassd.log
		return 1
	fi
}

# tap_explained [AT]: the tap may have what the module has shown the guest hypervisor on purpose,
# to raise an interrupt, and nothing else. It shows fixed values, and counts them: an access of
# vm1 that got through would be one too many, whatever it looks like. The tap has to be on since
# before vm1 was started. In /run/tap.lines is their number.
tap_explained() {
	local before after
	before=$(of_vm1 irq_exits)
	l1 tap_lines $1 >/run/tap.lines
	after=$(of_vm1 irq_exits)
	l1 tap_others $1 >/run/tap.others
	echo "the tap has $(cat /run/tap.lines), the module has shown $before to $after; others:"
	cat /run/tap.others
	[ ! -s /run/tap.others ] && [ "$(cat /run/tap.lines)" -ge "$before" ] &&
		[ "$(cat /run/tap.lines)" -le "$after" ]
}

con_quiet() {
	local n
	n=$(wc -c <$CON/log)
	sleep 2
	[ "$n" = "$(wc -c <$CON/log)" ]
}

# con_shell PASSWORD: to the shell of the user VM, from whatever is there
con_shell() {
	# what is replayed at attach is no answer to us
	wait_for 100 con_quiet
	wc -c <$CON/log >$CON/seen
	# What is typed while a proxy is away is lost, so more than once. Behind its prompt
	# the shell may ask the terminal where the cursor is.
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		con_send "\r"
		con_wait 30 'login: $\|# ' && break
	done
	if tail -c 20 $CON/log | grep -q 'login: $'; then
		con_login "$1" || return
	fi
	con_send 'echo HERE-$((40+2))-\r'
	con_wait 300 "HERE-42-"
}

# uservm_need PASSWORD: user VM vm1 behind the bypass, and a shell on its
# console; what an earlier job has left is used
uservm_need() {
	if l1_up 2>/dev/null && l1 "l2_alive vm1" && [ -e /run/vsb/vsbypassd.pid ]; then
		con_close
		check "SSH reaches the console" ssh_console || return
		check "shell on the console" con_shell "$1"
		return
	fi
	stage "cloud VM, bypass and user VM boot"
	check "the cloud VM is up" l1_need || return
	check "bypass is set up" bypass_on vm1=0x3f8-0x3ff,0x2f8-0x2ff || return
	check "user VM is started" l2_start vm1 "$1" || return
	check "SSH reaches the console" ssh_console || return
	check "login prompt over SSH" con_wait 1200 "vm1 login:" || return
	check "login works" con_login "$1"
}

# of_vm1 MEMBER: a number that status has of it, or 0
of_vm1() {
	local n
	n=$(vsbctl status --json | tr -d '\n' | sed 's/.*"name" *: *"vm1"//' |
		grep -o "\"$1\" *: *[0-9]*" | head -n 1 | tr -dc 0-9)
	echo "${n:-0}"
}

# logs: what the programs say, for a point that fails
logs() {
	vsbctl status --json
	cat /run/vsb/vsbypassd.log
	! has_agent || l1 cat /run/agent.log
	return 1
}

# bypass_off: all of it away, module included
bypass_off() {
	if [ -e /run/vsb/vsbypassd.pid ]; then
		# absorbing would go on until the cloud VM ends, and keep the module
		vsbctl detach --reflect c1 2>/dev/null
		stop_daemon vsb-console
		stop_daemon vsbypassd
		! has_agent || l1 agent_stop
	fi
	[ ! -d /sys/module/kvm_vsbypass ] || rmmod kvm-vsbypass
}

# The QEMU of a domain that is to be a proxy, as libvirt starts it: its vCPU runs when
# vsbypassd hears of it. Its serial port is the pipes $DOM.in and $DOM.out.
DOM=/run/dom
dom() { cat $DOM.pid; }
dom_runs() { cat /proc/$(dom)/task/*/comm | grep "^CPU 0/KVM"; }
# dom_start [ARGUMENT...]: further ones for QEMU
dom_start() {
	for p in in out; do rm -f $DOM.$p; mkfifo $DOM.$p; done
	qemu-system-x86_64 -name console1,debug-threads=on -accel kvm -machine pc,vmport=off -m 1 \
		-nodefaults -no-user-config -display none -bios /run/vsbypass/proxy/halt.rom \
		-chardev pipe,id=charserial0,path=$DOM -device isa-serial,chardev=charserial0 \
		"$@" </dev/null >$DOM.log 2>&1 &
	echo $! >$DOM.pid
	wait_for 100 dom_runs
}
of_domain() { vsbctl status | grep "^ *vm1 *bound .*(proxy: domain console1)"; }
of_vsbypassd() { ! of_domain && vsbctl status | grep "^ *vm1 *bound"; }

# Keyboards. A user VM that keyboard_start has started can say what it gets.

# keyboard_start NAME PASSWORD [menu|screen]
keyboard_start() {
	l1 "keyboard_args $3 >/run/keyboard.args"
	l2_start "$1" "$2" "" "L2_APPEND='vsb.input reboot=k$([ "$3" != screen ] || echo " vsb.screen")' L2_ARGS=\$(cat /run/keyboard.args)"
}

# control_boot PASSWORD [START]: user VM vm1 without the bypass, up to its login prompt; START as
# keyboard_start
control_boot() {
	check "control: no bypass is loaded" bypass_off
	check "control: the tap is set" l1 tap_on
	check "control: user VM is started" "${2:-keyboard_start}" vm1 "$1"
	conventional_console
	check "control: login prompt on the console" con_wait 1200 "vm1 login:"
}

# reader_on DEVICE: AT, the keyboard, or Mouse; what was read before is forgotten
reader_on() { con_run "keys on $1" >/dev/null; }

# keys_seen: code and 1 (pressed) or 0, a line each, into /run/got
keys_seen() {
	con_run "keys show AT" | tr -d '\r' | sed -n 's/^= 1 \([0-9]* [01]\)$/\1/p' >/run/got
}

keys_match() { keys_seen && cmp /run/want /run/got; }

# keys_are: those of /run/want
keys_are() {
	wait_for 60 keys_match && return
	echo "wanted, got:"
	tr '\n' ' ' </run/want
	echo
	tr '\n' ' ' </run/got
	con_run "ls -l /tmp; ps | grep cat; grep i8042 /proc/interrupts; keys all"
	return 1
}

# keys_text: the digits 0 to f among them (codes as in linux/input-event-codes.h)
keys_text() {
	keys_seen
	awk 'BEGIN {
		n = split("2 3 4 5 6 7 8 9 10 11 30 48 46 32 18 33", code, " ")
		for (i = 1; i <= n; i++) key[code[i]] = substr("1234567890abcdef", i, 1)
	} $2 == 1 { printf "%s", key[$1] }' /run/got
}

keys_text_is() { [ "$(keys_text)" = "$1" ]; }

# admin_types TEXT: the administrator of the cloud VM, at its monitor; digits 0 to f
admin_types() {
	l1 "admin $(echo "$1" | sed 's/./"sendkey &" /g')"
}
