# SPDX-License-Identifier: GPL-2.0
# The cage of a proxy's QEMU: what /proc says of it, and what a QEMU that is broken can
# reach. For that a program (cage_breakout) stands in for the QEMU: vsbypassd starts it as
# any proxy. The control is the same program as root, as proxies once were.

BREAKOUT=/lab/tests/cage_breakout
SUID=/lib/x86_64-linux-gnu/cage-suid

fails_with() {	# TEXT COMMAND...: it fails, and says TEXT
	local text=$1
	shift
	"$@" >/run/fails.out 2>&1 && { echo "it succeeded"; return 1; }
	grep -q -e "$text" /run/fails.out || { cat /run/fails.out; return 1; }
}
state_is() { vsbctl status | grep -q "^ *$1 *$2 "; }
proxy_pid() { vsbctl status | sed -n "s/^ *$1 *[a-z]* *[a-z]* *\([0-9]*\) .*/\1/p"; }
dummy_cloud() {	# NAME: its pid is $cloud
	qemu-system-x86_64 -name "$1" -accel kvm -m 16 -nodefaults -display none -S \
		-device virtio-serial-pci \
		-chardev "socket,id=agent,path=/run/$1.agent,server=on,wait=off" \
		-device virtserialport,chardev=agent,name=org.vsbypass.agent.0 \
		</dev/null >"/run/$1.log" 2>&1 &
	cloud=$!
	wait_for 60 sh -c "ls -l /proc/$cloud/fd | grep -q anon_inode:kvm-vcpu"
}
of_status() { sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status"; }	# PID FIELD
ids() { of_status "$1" "$2" | tr '\t' '\n' | sort -u; }

[ ! -e /run/vsb/vsbypassd.pid ] || bypass_off
insmod /lab/kvm-vsbypass.ko || not_ok "insmod"
mkdir -p /var/log/vsbypass
(umask 077; : >/var/log/vsbypass/vm1.log)
check "a key" sh -c "vsbctl key vm1 | grep -q '^vsbypass-key-1 vm1 '"
start_daemon vsbypassd vsbypassd
check "vsbypassd starts" wait_for 60 vsbypassd_ready
dummy_cloud c
neighbours=$cloud
check "attach" vsbctl attach --cloud c1 --pid "$cloud" --agent /run/c.agent vm1=ps2 vm2
p=$(proxy_pid vm1)
q=$(proxy_pid vm2)

# --- as /proc shows it
base=2052259840
kvm=$(stat -c %g /dev/kvm)
in_range() { [ "$1" -ge $base ] && [ "$1" -lt $((base + 65536)) ]; }
one_user() {
	local uid
	uid=$(ids "$1" Uid)
	echo "user $uid, group $(ids "$1" Gid), groups $(of_status "$1" Groups)"
	in_range "$uid" && [ "$(ids "$1" Gid)" = "$uid" ] &&
		[ "$(of_status "$1" Groups | tr -d ' ')" = "$kvm" ]
}
no_capability() {
	local set
	for set in CapInh CapPrm CapEff CapBnd CapAmb; do
		echo "$set $(of_status "$1" $set)"
		[ "$(of_status "$1" $set)" = 0000000000000000 ] || return
	done
}
other_ns() {	# PID OTHER
	local ns
	for ns in mnt pid net ipc uts cgroup user; do
		echo "$ns $(readlink "/proc/$1/ns/$ns") $(readlink "/proc/$2/ns/$ns")"
		[ -n "$(readlink "/proc/$1/ns/$ns")" ] || return
		[ "$(readlink "/proc/$1/ns/$ns")" != "$(readlink "/proc/$2/ns/$ns")" ] || return
	done
}
limit_is() {	# PID NAME WANTED
	grep "^Max $2 " "/proc/$1/limits"
	grep -q "^Max $2  *$3  *$3 " "/proc/$1/limits"
}
only_these_fds() {
	ls -l "/proc/$1/fd" | sed -n 's/.* -> //p' | grep -v '^socket:\|^pipe:\|^anon_inode:\|^/dev/kvm$\|^/dev/null$\|^/memfd:kvm\|^/memfd:displaysurface'
	[ $? = 1 ]
}
only_these_files() {
	ls -A "/proc/$1/root" "/proc/$1/root/run" "/proc/$1/root/run/vsbypass/proxy" "/proc/$1/root/dev" |
		sort | tr '\n' ' ' >/run/cage.files
	cat /run/cage.files
	for f in proc sys etc tmp root home var lab bin sbin usr/sbin run/vsb run/vsbypass/state \
		 run/vsbypass/console dev/mem dev/kvm-vsbypass dev/ttyS0 dev/pts; do
		[ ! -e "/proc/$1/root/$f" ] || { echo "there is $f"; return 1; }
	done
	ls "/proc/$1/root/usr/bin"
	[ -e "/proc/$1/root/dev/kvm" ] && [ "$(ls "/proc/$1/root/usr/bin")" = qemu-system-x86_64 ] && [ "$(ls "/proc/$1/root/run/vsbypass/proxy")" = halt.rom ]
}
read_only() {
	cut -d' ' -f 2,4 "/proc/$1/mounts"
	[ "$(cut -d' ' -f 2,4 "/proc/$1/mounts" | grep -v '^/dev/' | grep -vc ' ro,')" = 0 ] &&
		! grep -v '^[^ ]* [^ ]* [^ ]* [^ ]*nosuid' "/proc/$1/mounts"
}
in_group() {
	local dir
	dir=/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$1/cgroup")
	echo "$dir $(cat "$dir/memory.max") $(cat "$dir/pids.max")"
	[ "$(cat "$dir/memory.max")" = $((128 << 20)) ] && [ "$(cat "$dir/pids.max")" = 64 ]
}
for pid in $p $q; do
	name=vm1
	[ "$pid" = "$p" ] || name=vm2
	check "$name: a user and group of its own, and that of /dev/kvm" one_user "$pid"
	check "$name: no capability in any set" no_capability "$pid"
	check "$name: no new privileges" test "$(of_status "$pid" NoNewPrivs)" = 1
	check "$name: a filter of system calls" test "$(of_status "$pid" Seccomp)" = 2
	check "$name: no namespace of the host" other_ns "$pid" 1
	check "$name: no core dump" limit_is "$pid" "core file size" 0
	check "$name: few processes" limit_is "$pid" "processes" 32
	check "$name: few descriptors" limit_is "$pid" "open files" 256
	check "$name: no huge pages" test "$(of_status "$pid" THP_enabled)" = 0
	check "$name: bounded data" limit_is "$pid" "data size" $((256 << 20))
	check "$name: bounded files in memory" limit_is "$pid" "file size" $((64 << 20))
	check "$name: no descriptor but its own" only_these_fds "$pid"
	check "$name: no file but its own" only_these_files "$pid"
	check "$name: nothing to write, nothing setuid" read_only "$pid"
	check "$name: a control group" in_group "$pid"
done
check "two proxies are two users" test "$(ids "$p" Uid)" != "$(ids "$q" Uid)"
check "two proxies share no namespace" other_ns "$p" "$q"
check "two proxies share no control group" sh -c "! cmp /proc/$p/cgroup /proc/$q/cgroup"
check "a proxy's devices are there" vsbctl send-break vm1
check "and so is its VNC server" test -S /run/vsbypass/console/vm1.vnc
u=$(ids "$p" Uid)
kill -9 "$p"
check "a killed one is started again" wait_for 100 sh -c "vsbctl status | grep -q '^ *vm1 *waiting *[a-z]* *[0-9]* *1 '"
check "as another user" test "$(ids "$(proxy_pid vm1)" Uid)" != "$u"
check "whose group is gone" wait_for 30 test ! -d "/sys/fs/cgroup/vsbypass/proxy-$u"
check "no capability in any set" no_capability "$(proxy_pid vm1)"
kill -KILL "$(cat /run/vsb/vsbypassd.pid)"
p=$(proxy_pid vm1)
start_daemon vsbypassd vsbypassd
check "the next vsbypassd goes on with it" wait_for 60 state_is vm1 waiting
check "and looks after it" vsbctl send-break vm1
check "and can end it" vsbctl remove vm2
check "it has ended" test ! -d "/proc/$q"
check "another one is added" vsbctl add c1 vm2

# --- what it can reach
$BREAKOUT --listen </dev/null >/run/breakout.listen 2>&1 &
listener=$!
cp $BREAKOUT $SUID
chmod 4755 $SUID
dummy_cloud d
run=/run/cage
mkdir -p $run
vsbypassd --run-dir $run --qemu $BREAKOUT --uid-base 1500000000 >/run/cage.log 2>&1 &
daemon=$!
check "a vsbypassd whose QEMU is broken starts" wait_for 60 test -S $run/control.sock
tries() { grep "breakout: .*:" "$1" | sed 's/.*breakout: //'; }

# as root in the host's namespaces, with as many descriptors
sh -c "exec $BREAKOUT 3</dev/null 4</dev/null" </dev/null >/run/breakout.control 2>&1
check "control: the stand-in runs to its end" grep -q "breakout: end" /run/breakout.control
tries /run/breakout.control >/run/control.tries
# what root cannot do here either, or what is not there
others="^foreign-descriptor: "
all_done() { ! grep -v "$others" /run/control.tries | grep -v ": done$"; }
check "control: as root all of it is done" all_done

fails_with "ended with status 0" vsbctl --socket $run/control.sock attach --cloud d1 --pid "$cloud" --agent /run/d.agent evil >/run/evil 2>&1
check "the stand-in was started as a proxy, to its end" sh -c "cat /run/evil; grep 'breakout: end' /run/cage.log"
tries /run/cage.log >/run/caged.tries
# what the control group does to who takes too much is in the kernel's log, as it should be
dmesg -c >/run/cage.klog
check "its control group has stopped it" grep "Memory cgroup out of memory: Killed process .*(cage_breakout)" /run/cage.klog
sed '/cage_breakout invoked oom-killer/,/Killed process .*(cage_breakout)/d' /run/cage.klog | klog_of before
check "it tried as much as the control" sh -c "
	sed 's/:.*//' /run/control.tries >/run/a; sed 's/:.*//' /run/caged.tries >/run/b; cmp /run/a /run/b"
while read -r line; do
	check "refused: ${line%%:*}" sh -c "echo '$line'; case '$line' in *': done') exit 1;; esac"
done </run/caged.tries
check "uid-base is where its user is from" sh -c "
	grep -o 'breakout: user [0-9]*' /run/cage.log | while read -r _ _ uid; do
		[ \$uid -ge 1500000000 ] && [ \$uid -lt 1500065536 ] || exit 1; done"
check "the neighbours live" state_is vm1 waiting

# --- where there can be no cage, there is no proxy
kill "$daemon"
wait "$daemon" 2>/dev/null
mkdir -p /run/no-bwrap
for f in vsbypassd qemu-system-x86_64; do ln -sf "$(which $f)" /run/no-bwrap/$f; done
check "without bubblewrap vsbypassd says what to do" fails_with "package bubblewrap" \
	env PATH=/run/no-bwrap /run/no-bwrap/vsbypassd --run-dir $run
check "a --uid-base among real users" fails_with "give a number from" vsbypassd --run-dir $run --uid-base 1000
echo 0 >/proc/sys/user/max_user_namespaces
check "without user namespaces it does, too" fails_with "max_user_namespaces" vsbypassd --run-dir $run
echo 10000 >/proc/sys/user/max_user_namespaces
chmod 600 /dev/kvm
check "a /dev/kvm that is root's alone" fails_with "chmod 660" vsbctl add c1 vm3
chmod 660 /dev/kvm
check "and back" vsbctl add c1 vm3

kill "$listener" "$cloud"
wait "$listener" "$cloud" 2>/dev/null
rm -rf $SUID $run /var/log/vsbypass/vm1.log /etc/vsbypass/identity
vsbctl detach c1
stop_daemon vsbypassd
kill "$neighbours"
wait "$neighbours" 2>/dev/null
check "rmmod works when all is closed" wait_for 30 rmmod kvm-vsbypass
