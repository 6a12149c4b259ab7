# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=busybox
#
# What the administrator of the cloud VM does, as functions for L1's shell.

# l2_start NAME HASH [KEY]: our user VM. What it writes to COM2 is in a file. L2_KERNEL:
# another one than Debian stable's; L2_INITRD: another image
l2_start() {
	l2_qemu "$1" -serial "file:/run/tap/$1.com2.log" -kernel "${L2_KERNEL:-/lab/vmlinux}" -initrd "${L2_INITRD:-/lab/l2.img}" \
		-append "$(l2_append "$@")"
}

# l2_append NAME HASH [KEY]: what its kernel is told. L2_APPEND: more
l2_append() {
	echo "console=ttyS0,115200 loglevel=5 nokaslr noxsave init_on_alloc=0 highres=off mitigations=off tsc=reliable watchdog_thresh=60 rcupdate.rcu_cpu_stall_timeout=126 vsb.name=$1 vsb.shadow=$2${3:+ vsb.key=$3} $L2_APPEND"
}

# l2_qemu NAME ARGUMENT...: a user VM as any KVM host would start it. Its console is
# a socket on which the host's own console tool sits; the administrator has the
# character device logged, but for L2_LOG=off. L2_SMP: how many CPUs; L2_MB: memory; L2_WAIT=on: it
# starts when somebody is there. L2_ARGS: more for QEMU. Only where there is an agent it has a
# monitor for that; L2_MONITOR: monitor, or qmp.
l2_qemu() {
	local name=$1 log=",logfile=/run/tap/$1.log" monitor=
	shift
	[ "$L2_LOG" != off ] || log=
	! agent_is_here || monitor=$(agent_monitor "$name" "$L2_MONITOR")
	rm -f "/run/tap/$name.log"
	sh -c 'renice -n "$0" -p $$ >/dev/null; exec "$@"' "${L2_NICE:-15}" \
	qemu-system-x86_64 -name "$name" -accel kvm -cpu host -m "${L2_MB:-160}" -smp "${L2_SMP:-1}" \
		-nodefaults -display none -no-user-config \
		-chardev "socket,id=con,host=127.0.0.1,port=7001,server=on,wait=${L2_WAIT:-off}$log" \
		-serial chardev:con \
		$monitor "$@" $L2_ARGS \
		</dev/null >"/run/qemu-$name.log" 2>&1 &
	echo $! >"/run/qemu-$name.pid"
	# it listens, or has something to say
	until netstat -ltn | grep -q '127.0.0.1:7001 '; do
		kill -0 $! || break
		sleep 0.2
	done
	kill -0 $! || { cat "/run/qemu-$name.log"; return 1; }
}

# l2_vm_image: that of L2 with what it needs for VMs of its own (l2-vm): all of it is here
l2_vm_image() {
	cd / || return
	{
		cat lab/l2.img
		{ echo lab; find usr lib lib64 lab/modules* lab/guests; } | cpio -o -H newc
	} >/run/l2-vm.img
}

# l2_ended: say so of QEMUs that nobody has told to end, and what they have said
l2_ended() {
	local f
	for f in /run/qemu-*.pid; do
		[ -e "$f" ] && ! kill -0 "$(cat "$f")" 2>/dev/null || continue
		echo "# the user VM's QEMU has ended, its log ${f%.pid}.log says:"
		tail -n 15 "${f%.pid}.log" | sed 's/^/#   /'
	done
}

l2_kill() {
	local pid
	pid=$(cat "/run/qemu-$1.pid") || return 1
	rm "/run/qemu-$1.pid"
	kill "$pid"
	while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
}

# l2_writes NAME: wait until more of it arrives at the QEMU here
l2_writes() {
	local n i=0
	n=$(wc -c <"/run/tap/$1.log")
	while [ "$(wc -c <"/run/tap/$1.log")" = "$n" ]; do
		i=$((i + 1))
		[ $i -lt 200 ] || return 1
		sleep 0.5
	done
}

l2_alive() { kill -0 "$(cat "/run/qemu-$1.pid")" 2>/dev/null; }

# What a job for keyboards needs: a monitor of the administrator's own and a log of what
# the keyboard controller in QEMU is asked to do. "menu": and a boot menu, on the serial
# console, with time to choose; "screen": and that, it begins with "cont".
keyboard_args() {
	echo "$(l2_monitor) -trace enable=pckbd_kbd_* -trace enable=ps2_put_keycode -D /run/tap/ps2.log"
	case $1 in
	menu) echo "-machine graphics=off -boot menu=on,splash-time=10000" ;;
	screen) echo "-S $(l2_screen)" ;;
	esac
}

# admin COMMAND...: to that monitor
admin() { { printf '%s\n' "$@"; sleep 1; } | nc 127.0.0.1 7002 >/run/admin.log; }

# admin_memory FROM BYTES FILE: he has his QEMU write so much of the user VM's physical memory
admin_memory() {
	local i=0
	rm -f "$3"
	# in quotes: else the slash divides
	admin "pmemsave $1 $2 \"$3\""
	until [ "$(stat -c %s "$3" 2>/dev/null)" = "$2" ]; do
		i=$((i + 1))
		[ $i -lt 100 ] || return
		sleep 1
	done
}

# l2_search NAME BYTES TEXT: the administrator looks for the text in the memory of the user VM,
# which has so much: in a dump that he has its QEMU make, and in that QEMU. The user VM has a
# monitor of his (l2_monitor). How often it is there: "dump N in M MiB", "process N in M MiB"
l2_search() {
	admin_memory 0 "$2" /dev/shm/dump
	echo "dump $(/lab/guests/find-bytes /dev/shm/dump "$3")"
	rm -f /dev/shm/dump
	echo "process $(/lab/guests/find-bytes "$(cat "/run/qemu-$1.pid")" "$3")"
}
# l2_registers DIGITS: the administrator looks for them in the registers of the user VM's vCPUs, as
# his QEMU has them when it has been left: "registers LINES in VCPUS looks"
l2_registers() {
	local i looks=0 found=0
	for i in 1 2 3 4 5 6 7 8; do
		admin "info registers -a" "info registers -a" "info registers -a" "info registers -a"
		looks=$((looks + $(grep -c "RAX=" /run/admin.log)))
		found=$((found + $(grep -c "$1" /run/admin.log)))
	done
	echo "registers $found in $looks looks"
}

# admin_meddles WHAT TIMES: his kernel changes vCPUs of the user VM (meddle/main.c): "done N", "lasted N"
admin_meddles() {
	local i=0 at=/sys/module/meddle/parameters
	insmod /lab/guests/meddle.ko "change=$1" "times=$2" || return
	until [ "$(cat $at/done)" = "$2" ]; do
		i=$((i + 1))
		[ $i -lt 400 ] || break
		sleep 0.2
	done
	# behind the last one
	sleep 2
	echo "done $(cat $at/done)"
	echo "lasted $(cat $at/lasted)"
	rmmod meddle
}

# l2_lies BYTES TEXT OTHER: he has its QEMU make a dump of the user VM, which has so much memory, writes
# OTHER over TEXT in it, and shows the processes that a program finds there
l2_lies() {
	local size=-1 i=0
	rm -f /dev/shm/core
	admin "dump-guest-memory /dev/shm/core"
	until [ "$size" -gt "$1" ] && [ "$(stat -c %s /dev/shm/core)" = "$size" ]; do
		i=$((i + 1))
		[ $i -lt 100 ] || break
		size=$(stat -c %s /dev/shm/core || echo -1)
		sleep 2
	done
	/lab/guests/find-bytes /dev/shm/core "$2" "$3"
	/lab/guests/introspect watch --core /dev/shm/core ps 2>&1
	rm -f /dev/shm/core
}

l2_monitor() { echo "-monitor telnet:127.0.0.1:7002,server=on,wait=off"; }

# a graphics card, and a VNC server for it
l2_screen() { echo "-device VGA -vnc 127.0.0.1:1"; }

# What the administrator has of a user VM's screen, each in a file of a picture or of bytes: his
# screendump, what a VNC client gets, the memory of the card where PCI has it.
SCREEN_FILE=/dev/shm/screen
l2_screendump() {
	rm -f $SCREEN_FILE
	admin "screendump $SCREEN_FILE"
}
l2_vnc() {
	rm -f $SCREEN_FILE
	/lab/guests/vnc_send "nc 127.0.0.1 5901" "pause 2000" "picture $SCREEN_FILE"
}
l2_video() {
	local at
	admin "info pci"
	at=$(sed -n 's/.*BAR0: 32 bit prefetchable memory at \(0x[0-9a-f]*\) .*/\1/p' /run/admin.log | head -n 1)
	admin_memory "$at" $((16 << 20)) $SCREEN_FILE
}
# and VGA's window
l2_window() { admin_memory $((0xa0000)) $((0x20000)) $SCREEN_FILE; }
# l2_file [BYTES]: it, or its begin, for the port of the lab; l2_written [BYTES]: how many bytes in it
# are not 0, or none of these
l2_file() { head -c "${1:-16777216}" $SCREEN_FILE | gzip -c | base64; }
l2_written() { tr -d "${1:-\\000}" <$SCREEN_FILE | wc -c; }

# Interrupts that nobody has asked for, with bytes that nobody has typed.
admin_floods() {
	local i=0
	while [ $i -lt 40 ]; do
		printf '%s\n' "o/b 100 210" "o/b 96 30" "i/b 96" "o/b 100 211" "o/b 96 8" "i/b 96"
		i=$((i + 1))
	done >/run/flood
	admin "$(cat /run/flood)"
}

# Has nobody but we (the agent, or the module) and the administrator written to the controller here?
tap_only_us() {
	grep -E 'pckbd_kbd_write_(command|data)' /run/tap/ps2.log |
		grep -vE 'write_command.*0x(60|d[23])|write_data.*0x(00|08|1e|47)' >/run/others
	cat /run/others
	[ ! -s /run/others ] && grep -q pckbd_kbd_write_command /run/tap/ps2.log
}

# tap_on [FIRST-LAST|PORT...]: record every port access that KVM in L1 gets to see on COM1, on the
# keyboard controller, and there
tap_on() {
	local t=/sys/kernel/tracing ports="port >= 0x3f8 && port <= 0x3ff || port == 0x60 || port == 0x64" r
	for r; do ports="$ports || port >= ${r%-*} && port <= ${r#*-}"; done
	echo 0 >$t/tracing_on
	: >$t/trace
	echo 20000 >$t/buffer_size_kb
	echo "$ports" >$t/events/kvm/kvm_pio/filter &&
	echo 1 >$t/events/kvm/kvm_pio/enable &&
	echo 1 >$t/tracing_on
}

# tap_bytes: what was typed, byte for byte: each IN from the UART's receive
# register is one key (the lines say "pio_read at 0x3f8 size 1 count 1 val 0x70")
tap_typed() {
	sed -n 's/.*pio_read at 0x3f8 size 1 count 1 val 0x\([0-9a-f]*\).*/\1/p' /sys/kernel/tracing/trace |
	while read -r v; do printf "\\x$(printf %02x "0x$v")"; done
}

# tap_keys: the digits 0 to f among the keys that the user VM has read at the keyboard's
# data port (scan codes, set 1)
tap_keys() {
	sed -n 's/.*pio_read at 0x60 size 1 count 1 val 0x\([0-9a-f]*\).*/\1/p' \
		/sys/kernel/tracing/trace | digits_of_codes
}
digits_of_codes() {
	awk 'BEGIN {
		n = split("2 3 4 5 6 7 8 9 a b 1e 30 2e 20 12 21", code, " ")
		for (i = 1; i <= n; i++) key[code[i]] = substr("1234567890abcdef", i, 1)
	} { sub("^0*", ""); printf "%s", key[$1] }'
}

# tap_lines [AT]: how many there are, all or those at ports that begin so (0x3f)
tap_lines() { grep -c "kvm_pio: pio_[a-z]* at ${1:-0x}" /sys/kernel/tracing/trace; }

# What the module may show of its own (core/dummy.c), one access a byte wide at a time ("write
# 0x3f8 0x0"): a 16550 is set up (LCR, MCR: loopback, IER), told to send a 0 to itself, and, if its
# line is not an edge, asked why it interrupts (IIR); the
# keyboard controller gets its command byte, is told to say that a 0 has come (0xd2, 0xd3), and
# is read. What that read gives is the device's here.
TAP_OURS='write 0x[23]fb 0x3|write 0x[23]fc 0x10|write 0x[23]f9 0x[02]|write 0x[23]f8 0x0|read 0x[23]fa .*|write 0x64 0x60|write 0x60 0x47|write 0x64 0xd[23]|write 0x60 0x0|read 0x60 .*'

# tap_others [AT]: accesses that are none of these, each with how often
tap_others() {
	grep "kvm_pio: pio_[a-z]* at ${1:-0x}" /sys/kernel/tracing/trace | sed -n 's/.*kvm_pio: pio_\([a-z]*\) at \(0x[0-9a-f]*\) size 1 count 1 val \(0x[0-9a-f]*\).*/\1 \2 \3/p; t
		s/.*kvm_pio: //p' |
		grep -vE "^($TAP_OURS)\$" | sort | uniq -c | sed 's/^ *//'
}

# relay [PORT]: the console of the conventional way, from QEMU's socket to whoever
# sits at the other end of the virtio-serial port; or what else has a port
relay() {
	local port=/dev/virtio-ports/org.vsbypass.lab.console
	# one open for both ways: the port allows no more
	setsid nc 127.0.0.1 "${1:-7001}" <>$port >&0 2>/dev/null &
	echo $! >/run/relay.pid
}
relay_stop() { kill "$(cat /run/relay.pid)"; }

# programs: those that are installed here; busybox has made links for its own
programs() { find /bin /sbin /usr/bin /usr/sbin -type f 2>/dev/null | sed 's|.*/||' | sort; }

# ours_here: what of VSBypass there is here, one thing a line: files, processes, a port for an
# agent, monitors for one. The ports of the lab itself are not it.
ours_here() {
	{
		find / -xdev -iname '*vsb*'
		cat /proc/[0-9]*/comm | grep '^vsb'
		cat /proc/[0-9]*/cmdline | tr '\0' '\n' | grep '[v]sb-monitor'
		cat /sys/class/virtio-ports/*/name | grep '^org.vsbypass.agent'
		grep vsb /proc/modules
	} | sort -u
}

agent_is_here() { [ -x /usr/bin/vsb-agent ]; }
agent_monitor() {
	mkdir -p /run/vsb-monitor
	echo "-${2:-monitor} unix:/run/vsb-monitor/$1.mon,server=on,wait=off"
}
agent_start() {
	[ ! -e /run/agent.pid ] || return 0
	vsb-agent --port /dev/virtio-ports/org.vsbypass.agent.0 \
		--monitor '/run/vsb-monitor/*.mon' </dev/null >/run/agent.log 2>&1 &
	echo $! >/run/agent.pid
}
agent_stop() {
	local pid
	pid=$(cat /run/agent.pid) || return 0
	rm -f /run/agent.pid
	kill "$pid"
	while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
}
