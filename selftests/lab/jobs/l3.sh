# SPDX-License-Identifier: GPL-2.0
# A user VM with a VM of its own (L3), under stock QEMU and KVM on all levels. The inner VM's
# exits are the user VM's: its serial port is that of the QEMU there, and the console of vm2
# stays free for the next user VM. The control is the same with a module that judges nobody
# to be an inner VM (inner.py): there it takes that console.
#
# What runs in the inner VM, and as vm2, is l3-rom.S. What it says is compared by checksum
# within the user VM, so that no console has it from there.

SAYS='@l3 reads what it wrote\r\n'

bound() { vsbctl status | grep "^ *$1 *bound" || logs; }
free() { ! bound "$1" >/dev/null || logs; }
comes() { wait_for 100 bound "$1" || logs; }

# inner_said TEXT: that is all that came out of its serial port in the user VM
inner_said() {
	local n
	n=$(cat $CON/seen)
	con_send "vm said $(printf "%b" "$1" | wc -c)\\r"
	con_wait 900 "^@said .*-" || return
	tail -c "+$((n + 1))" $CON/log | grep "^@said $(printf "%b" "$1" | md5sum)" && return
	con_run "cat /tmp/l3.qemu; wc -c /tmp/l3.log; dmesg | tail -n 5"
	echo
	return 1
}
control_says() {
	on vm2 con_wait 900 "^@l3 reads what it wrote" && return
	inner_said "it, to its QEMU"
}
works() { con_answers "echo @works-\$((40+$1))" "^@works-$((40+$1))"; }
none_of_it() { ! grep '@l3' $CON/log /var/log/vsbypass/*.log; }

# The next user VM, the same firmware: what it says to the administrator is in a file.
next_starts() {
	l1 "qemu-system-x86_64 -name vm2 -accel kvm -cpu host -m 4 -nodefaults -no-user-config \
		-display none -bios /lab/guests/l3.rom -serial file:/run/tap/vm2.log \
		$(! has_agent || l1 agent_monitor vm2) \
		</dev/null >/run/qemu-vm2.log 2>&1 & echo \$! >/run/qemu-vm2.pid"
}

bypass_off
if l1_up 2>/dev/null; then l1 l2_kill vm1; fi
check "the cloud VM is up" l1_need || exit 0
check "an image for user VMs with VMs is made" l1 l2_vm_image

# boots RUN: the bypass, and the user VM up to a shell
boots() {
	check "$1: is set up" bypass_on vm1 vm2 || return
	# A tick of its own costs milliseconds (l0-init): between two of them, on a busy machine,
	# an inner VM has no time.
	check "$1: user VM is started" l2_start vm1 "$SECRET2" "" \
		"L2_MB=384 L2_INITRD=/run/l2-vm.img L2_APPEND=nohz=off" || return
	check "$1: SSH reaches the console" ssh_console
	check "$1: login prompt over SSH" con_wait 1200 "vm1 login:"
	check "$1: login works" con_login "$SECRET2" || return
	on vm2 ssh_console raw vm2
}

stage "l3: bypass, user VM boots"
boots bypass || exit 0

stage "l3: the inner VM"
con_run "vm start" >/dev/null
check "inner VM: what it writes and reads is its QEMU's" inner_said "$SAYS"
check "the user VM's console works meanwhile" works 1
con_run "vm type k" >/dev/null
check "inner VM: what is typed arrives, with an interrupt" inner_said "$SAYS@l3 got k\r\n"
check "vm1 is bound" bound vm1
check "vm2 is free" free vm2
check "nothing came to vm2's console" test ! -s /run/con-vm2/log

stage "l3: the next user VM"
check "vm2 is started" next_starts
check "it says on its console what it has to" on vm2 con_wait 900 "^@l3 reads what it wrote"
check "vm2 is bound" bound vm2
on vm2 con_send "n"
check "what is typed there arrives" on vm2 con_wait 100 "@l3 got n"
check "the administrator has not a byte of it" l1 "test ! -s /run/tap/vm2.log"
con_run "vm type m" >/dev/null
check "the inner VM goes on, with its own" inner_said "$SAYS@l3 got k\r\n@l3 got m\r\n"
check "the user VM's console works" works 2
check "the inner VM ends" con_answers "vm stop" "^@stopped"
check "the user VM's console works afterwards" works 3
con_run "vm start" >/dev/null
check "another inner VM is as the first" inner_said "$SAYS"
check "it ends" con_answers "vm stop" "^@stopped"
check "not a byte of the inner VM has been on it" none_of_it
check "vm2 ends" l2_end vm2
vsbctl status | sed 's/^/# /'

stage "l3: control"
con_close
on vm2 con_close
check "the user VM ends" l2_end vm1
check "the bypass is taken away" bypass_off
MODULE=/lab/no-inner.ko
boots control || exit 0
con_run "vm start" >/dev/null
check "control: the inner VM is on vm2's console" control_says
check "control: it has taken vm2" bound vm2
check "control: its own QEMU has not a byte" inner_said ""
check "control: the user VM's console works" works 4
vsbctl status | sed 's/^/# /'
con_run "dmesg -r | grep '^<[0-4]>'" | klog_of l2
con_close
on vm2 con_close
bypass_off
l1 dmesg | klog_of l1
