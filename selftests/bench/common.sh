# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=busybox
#
# What the benches in the lab have in common: bench.sh, screen.sh. Lines "@result SETTING NAME VALUE"
# are for who started them.

result() { sed -n "s/^[a-z][a-z0-9_]* [0-9.]*\$/@result $1 &/p"; }

# What a host has today. PORT 22 is OpenSSH's server; the person on it is nobody special.
start_sshd() {
	mkdir -p /run/ssh /run/sshd /home/user
	[ -e $SSH_KEY ] || ssh-keygen -q -t ed25519 -N "" -f $SSH_KEY || return
	ssh-keygen -q -t ed25519 -N "" -f /run/ssh/host || return
	echo "sshd:x:74:74::/run/sshd:/bin/false" >>/etc/passwd
	echo "user:x:1000:1000::/home/user:/bin/sh" >>/etc/passwd
	cp $SSH_KEY.pub /run/ssh/user.keys
	LD_LIBRARY_PATH=$SSHD_LIB /lab/tests/sshd -f /dev/null -p 22 -o HostKey=/run/ssh/host \
		-o AuthorizedKeysFile=/run/ssh/%u.keys -o StrictModes=no
	wait_for 60 sh -c "netstat -ltn | grep -q ':22 '"
}
SSHD=$(echo "$SSH" | sed 's/2222/22/')

# console COMMAND...: it is the console
console() {
	con_new
	"$@" <$CON/in >>$CON/log 2>$CON/err &
	echo $! >>$CON/pids
	sleep 100000000 >$CON/in 2>/dev/null &
	echo $! >>$CON/pids
}

# emulator SMAPS: KiB of a QEMU, without the memory of its user VM
emulator() {
	awk '/^Size:/ { ram = $2 == 160 * 1024 } /^Pss:/ && !ram { n += $2 }
		END { print "memory_kib", n }' "$1"
}

# shell SETTING COMMAND...: of the user VM, over the console COMMAND
shell() {
	local setting=$1
	shift
	console "$@"
	check "$setting: login prompt" con_wait 1200 "vm1 login:" || { cat $CON/err; return 1; }
	check "$setting: login" con_login "$SECRET1" || return
	con_close
}

# PID of the proxy of vm1
proxy() {
	local p
	for p in $(pidof qemu-system-x86_64); do
		! grep -q vsbypass-vm1 "/proc/$p/cmdline" || echo "$p"
	done
}

# What the kernel has for vsbypassd and its children, KiB: process, KVM's VM, proxy
CG=/sys/fs/cgroup
kernel_kib() { awk '$1 == "kernel" { print int($2 / 1024) }' $CG/vsb/memory.stat; }

# own_cgroup [VM]: the bypass is set up, its programs in a group of their own
own_cgroup() {
	mount -t cgroup2 none $CG
	echo +memory >$CG/cgroup.subtree_control
	mkdir $CG/vsb
	echo 0 >$CG/vsb/cgroup.procs
	check "bypass is set up" bypass_on "$@" || return
	echo 0 >$CG/cgroup.procs
}
