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
	local name=$1 out
	shift
	if out=$("$@" 2>&1); then
		ok "$name"
	else
		not_ok "$name"
		echo "# ran: $*"
		echo "$out" | tail -n 30 | sed 's/^/# /'
		return 1
	fi
}

now() { cut -d. -f1 /proc/uptime; }
note() { echo "# $(cut -d' ' -f1 /proc/uptime) $*"; }

# wait_for SECONDS COMMAND...: until it succeeds. The seconds are the emulated
# host's, which says little about anybody else's clock.
wait_for() {
	local end=$(($(now) + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$(now)" -lt "$end" ] || return 1
		sleep 0.2
	done
}

L1=/run/l1

# l1_boot: start the cloud VM and wait until it takes commands
l1_boot() {
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
	for p in ctl console; do
		rm -f $L1/$p.in $L1/$p.out
		mkfifo $L1/$p.in $L1/$p.out
	done
	qemu-system-x86_64 -name c1 -accel kvm -cpu host -m "${L1_MB:-640}" -smp 1 \
		-nodefaults -display none -no-user-config \
		-kernel /lab/vmlinuz -initrd $L1/image \
		-append "console=ttyS0 loglevel=5 nokaslr mitigations=off tsc=reliable watchdog_thresh=60" \
		-serial file:$L1/console.log \
		-device virtio-serial-pci \
		-chardev socket,id=agent,path=$L1/agent.sock,server=on,wait=off \
		-device virtserialport,chardev=agent,name=org.vsbypass.agent.0 \
		-chardev pipe,id=ctl,path=$L1/ctl \
		-device virtserialport,chardev=ctl,name=org.vsbypass.lab.ctl \
		-chardev pipe,id=con,path=$L1/console \
		-device virtserialport,chardev=con,name=org.vsbypass.lab.console \
		</dev/null >$L1/qemu.log 2>&1 &
	echo $! >$L1/pid
	: >$L1/ctl.log
	cat $L1/ctl.out >>$L1/ctl.log &
	sleep 100000000 >$L1/ctl.in &	# holds the pipe open
	echo $! >$L1/hold.pid
	rm -rf $L1/extra
	wait_for "${1:-600}" l1_up && return
	echo "# the cloud VM did not come up; its console and QEMU said:"
	tail -n 20 $L1/console.log $L1/qemu.log | sed 's/^/# /'
	return 1
}

l1_up() { grep -q '^@hello' $L1/ctl.log; }
l1_pid() { cat $L1/pid; }

# l1 COMMAND: run it in L1 as root, print what it says, return what it returns
l1() {
	local seq rc
	seq=$(($(cat $L1/seq 2>/dev/null || echo 0) + 1))
	echo $seq >$L1/seq
	echo "$seq $*" >$L1/ctl.in
	if ! wait_for "${L1_TIMEOUT:-300}" grep -q "^@end $seq " $L1/ctl.log; then
		echo "# L1 did not answer to: $*"
		return 124
	fi
	sed -n "/^@begin $seq\$/,/^@end $seq /p" $L1/ctl.log | grep -v "^@begin $seq\$\|^@end $seq "
	rc=$(sed -n "s/^@end $seq //p" $L1/ctl.log)
	return "$rc"
}
