# SPDX-License-Identifier: GPL-2.0
# vsbypassd and vsbctl with the real module and real proxies, and a cloud VM
# that does nothing: every command, bad input, death of each process.

fails_with() {	# TEXT COMMAND...: it fails, and says TEXT
	local text=$1
	shift
	"$@" >/run/fails.out 2>&1 && { echo "it succeeded"; return 1; }
	grep -q "$text" /run/fails.out || { cat /run/fails.out; return 1; }
}
state_is() { vsbctl status | grep -q "^ *$1 *$2 "; }
proxy_pid() { vsbctl status | sed -n "s/^ *$1 *[a-z]* *[a-z]* *\([0-9]*\) .*/\1/p"; }
gone() { [ ! -d "/proc/$1" ]; }
nothing_left() { ! pidof qemu-system-x86_64; }
dummy_cloud() {	# sets $cloud
	qemu-system-x86_64 -name dummy -accel kvm -m 16 -nodefaults -display none -S \
		-device virtio-serial-pci \
		-chardev socket,id=agent,path=/run/d.agent,server=on,wait=off \
		-device virtserialport,chardev=agent,name=org.vsbypass.agent.0 \
		</dev/null >/run/d.log 2>&1 &
	cloud=$!
	wait_for 60 sh -c "ls -l /proc/$cloud/fd | grep -q anon_inode:kvm-vcpu"
}
attach() { vsbctl attach --pid "$cloud" --agent /run/d.agent "$@"; }

[ ! -e /run/vsb/vsbypassd.pid ] || bypass_off
run=/run/d
vsbctl() { command vsbctl --socket $run/control.sock "$@"; }
vsbypassd --run-dir $run >/run/d.daemon 2>&1 &
daemon=$!
check "vsbypassd starts" wait_for 30 test -S $run/control.sock
check "a second one refuses" fails_with "another vsbypassd runs" vsbypassd --run-dir $run
check "an unknown user is named" fails_with "no user 'nosuch'" vsbypassd --run-dir /run/d2 --user nosuch
dummy_cloud
rmmod kvm-vsbypass 2>/dev/null
check "attach without the module says so" fails_with "load the module" attach vm1
insmod /lab/kvm-vsbypass.ko || not_ok "insmod"
check "status with nothing attached" vsbctl status
check "attach of a pid that is none" fails_with "no process" vsbctl attach --pid 999999 --agent /run/d.agent vm1
check "irq=agent without an agent" fails_with "give --agent" vsbctl attach --pid "$cloud" --irq agent vm1
check "attach of no QEMU" fails_with "has no KVM VM" vsbctl attach --pid 1 --agent /run/d.agent vm1
check "malformed name" fails_with "malformed" attach ../vm1
check "overlapping ports" fails_with "overlap" attach vm1=0x3f8-0x3ff,0x3ff
check "name given twice" fails_with "twice" attach vm1 vm1
check "nothing was left by all this" sh -c "[ -z \"\$(ls $run/console)\" ]"
check "identity=required without a key" fails_with "vsbctl key" attach vm1=identity=required
check "a key" sh -c "command vsbctl key vm1 | grep -q '^vsbypass-key-1 vm1 [0-9a-f]*'"
check "no other one by mistake" fails_with "there already" vsbctl key vm1
chmod 644 /etc/vsbypass/identity/vm1
check "a key that others can read" fails_with "chmod 600" attach vm1
chmod 600 /etc/vsbypass/identity/vm1
check "a key for ports that prove" fails_with "prove who they are" attach vm1=0xd50
check "attach" attach --cloud c1 vm1=identity=required vm2 vm3=0x2f8-0x2ff,0x60
check "the same process again" fails_with "is attached as" attach --cloud c2 vm9
check "proxies wait" state_is vm3 waiting
p=$(proxy_pid vm2)
check "a proxy cannot be a cloud VM" fails_with "attached already" vsbctl attach --pid "$p" --agent /run/d.agent vm9
check "rmmod is refused" fails_with "" rmmod kvm-vsbypass
check "vm1 is not proved" sh -c "command vsbctl --socket $run/control.sock status | grep -q '^ *vm1 .* required,unproved '"
check "send-break" vsbctl send-break vm2
check "send-break to an unproved one" fails_with "has not proved" vsbctl send-break vm1
check "send-break to nobody" fails_with "no user VM" vsbctl send-break nosuch
check "unbind of an unbound one" fails_with "no user VM is bound" vsbctl unbind vm1
check "detach of nothing" fails_with "not attached" vsbctl detach nosuch
kill -9 "$p"
check "a killed proxy is started again" wait_for 60 sh -c "
	command vsbctl --socket $run/control.sock status | grep -q '^ *vm2 *waiting *[a-z]* *[0-9]* *1 '"
check "the log says why" sh -c "command vsbctl --socket $run/control.sock log | grep -q 'killed by signal 9'"
p=$(proxy_pid vm1)
check "detach" vsbctl detach c1
check "its proxy is gone" wait_for 30 gone "$p"
check "attach again" attach --cloud c1 vm1
kill -9 "$cloud"
check "a cloud VM that ends is detached" wait_for 30 sh -c "
	command vsbctl --socket $run/control.sock status | grep -q 'No cloud VM'"
check "no QEMU is left" wait_for 30 nothing_left
dummy_cloud
check "attach for the next" attach --cloud c vm1 vm2
start() {
	vsbypassd --run-dir $run >>/run/d.daemon 2>&1 &
	daemon=$!
}
p=$(proxy_pid vm1)
q=$(proxy_pid vm2)
for signal in KILL TERM; do
	kill -$signal "$daemon"
	wait "$daemon" 2>/dev/null
	status=$?
	check "SIG$signal: proxies go on without vsbypassd" kill -0 "$p" "$q"
	check "SIG$signal: rmmod is refused" fails_with "" rmmod kvm-vsbypass
	check "SIG$signal: vsbypassd is not there" fails_with "is vsbypassd running" vsbctl status
	start
	check "SIG$signal: the next vsbypassd goes on" wait_for 60 state_is vm2 waiting
	check "SIG$signal: with the same proxies" test "$(proxy_pid vm1) $(proxy_pid vm2)" = "$p $q"
	check "SIG$signal: and looks after them" vsbctl send-break vm1
done
check "SIGTERM ends it with status 0" test $status = 0
kill -9 "$daemon" "$p"
wait "$daemon" 2>/dev/null
start
check "a proxy that ended meanwhile is replaced" wait_for 60 state_is vm1 waiting
check "while the other one goes on" test "$(proxy_pid vm2)" = "$q"
check "in place of the first there is another" test "$(proxy_pid vm1)" != "$p"
check "proxies are added" vsbctl add c vm4 vm5=0x2f8-0x2ff
check "and wait" state_is vm5 waiting
check "not two of a name" fails_with "exists already" vsbctl add c vm6 vm4
check "nor to nobody" fails_with "not attached" vsbctl add nosuch vm6
p=$(proxy_pid vm4)
check "one is removed" vsbctl remove vm4
check "and has ended" gone "$p"
check "it is not there any more" fails_with "no user VM" vsbctl remove vm4
check "its name is free" vsbctl add c vm4
check "detach ends them" vsbctl detach c
# a cloud VM that has no agent, and one whose agent nobody asks
says() { vsbctl status | grep "^Cloud VM c: process $cloud, irq $1, agent $2, "; }
for way in "auto none" "exit none" "agent lost"; do
	mode=${way% *}
	socket=
	[ "$mode" = auto ] || socket="--agent /run/nobody"
	check "irq=$mode: attach" vsbctl attach --pid "$cloud" --cloud c --irq $mode $socket vm1
	check "irq=$mode: status says so" says $way
	kill -TERM "$daemon"
	wait "$daemon"
	start
	check "irq=$mode: the next vsbypassd goes on" wait_for 60 state_is vm1 waiting
	check "irq=$mode: as it was" says $way
	check "irq=$mode: detach" vsbctl detach --reflect c
done
check "no proxy is left" sh -c '[ "$(pidof qemu-system-x86_64)" = '"$cloud"' ]'
kill -TERM "$daemon"
wait "$daemon"
kill "$cloud"
wait "$cloud"
# the module lets go of a cloud VM that has ended in a thread of its own
check "rmmod works when all is closed" wait_for 30 rmmod kvm-vsbypass
rm -r /etc/vsbypass/identity
unset -f vsbctl
