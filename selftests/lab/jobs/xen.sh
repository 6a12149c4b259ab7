# SPDX-License-Identifier: GPL-2.0
# A cloud VM whose guest hypervisor is Xen, in which nothing of ours is. The experiment of
# eavesdrop.sh, then two user VMs at a time; one reboots, one is created anew. To Xen both are
# new domains.

# two user VMs beside a dom0
L1_MB=1000
# there is no agent for it
AGENT=
[ "$IRQ" != agent ] || IRQ=auto

# What costs time or ends it in an emulator. smap: dom0 dies at its first IRET (TCG's); xsave:
# random faults in user VMs.
XEN_APPEND="console=com1 com1=115200,8n1 noreboot dom0_mem=400M,max:400M dom0_max_vcpus=1 smap=no xsave=no spec-ctrl=no xpti=no iommu=0"
xen_boot() {
	mkdir -p $L1
	l1_qemu -kernel /lab/xen/xen -append "$XEN_APPEND" \
		-initrd "/lab/vmlinux console=hvc0 ${L1_APPEND#* },/lab/xen/dom0.img"
	l1_wait
}

bound() { vsbctl status | grep "^ *$1 *bound" || logs; }
works() { con_answers "echo @works-\$((40+$1))" "^@works-$((40+$1))"; }

# tap NAME: what dom0 has of a user VM, into /run/tap.*
tap() {
	l1 "cat /run/tap/$1.log" >/run/tap.log
	l1 "tap_typed $1" >/run/tap.typed
	l1 "tap_keys $1" >/run/tap.keys
	note "$1: dom0 has seen $(l1 "tap_lines '' $1") accesses to its devices, and $(wc -c </run/tap.log) bytes came out of it"
}

# tapped NAME [AT]: nothing of it; AT as for tap_others
tapped() {
	tap "$1"
	check "tap: not a byte of $1 has come out" test ! -s /run/tap.log
	check "tap: $1's devices were asked nothing but what raises a line" \
		sh -c '[ -z "$1" ] || { echo "$1"; false; }' sh "$(l1 "tap_others '$2' $1")"
	check "tap: the secret of $1 is nowhere" sh -c "! grep '$SECRET2' /run/tap.typed /run/tap.keys"
}
nothing_of_ours() { l1 ours_here >/run/ours; cat /run/ours; [ ! -s /run/ours ]; }

# boots NAME WHEN: up to a shell
boots() {
	check "$2: login prompt over SSH" on "$1" con_wait 1200 "$1 login:" &&
		check "$2: login with the secret works" on "$1" con_login "$SECRET2"
}
type_outside() { printf %s "$SECRET2" | vsbctl type vm1; }

stage "xen: cloud VM boots"
check "the cloud VM is up, with Xen" xen_boot || exit 0
note "$(l1 xen_version)"

stage "xen: control, without bypass"
control_boot "$SECRET1"
check "control: login with the secret works" con_login "$SECRET1"
reader_on AT
check "control: the password is typed at the keyboard" admin_types "$SECRET1"
check "control: it arrives" wait_for 100 keys_text_is "$SECRET1"
tap vm1
check "control: the tap sees the secret in the port accesses" grep -q "$SECRET1" /run/tap.typed
check "control: the tap sees the secret in the keys" grep -q "$SECRET1" /run/tap.keys
check "control: the log of the character device has the prompt" grep -q "vm1 login:" /run/tap.log
con_close
l1 relay_stop
check "control: user VM ends" l1 l2_kill vm1

stage "xen: bypass"
check "bypass is set up" bypass_on vm1=ps2 vm2 || exit 0
check "user VM is started" keyboard_start vm1 "$SECRET2"
check "SSH reaches the console" on vm1 ssh_console
boots vm1 bypass
check "commands work" on vm1 con_run "uname -r; cat /proc/interrupts"
check "vm1 is bound" bound vm1
on vm1 reader_on AT
check "the password is typed at the keyboard, over vsbctl type" type_outside
check "it arrives" on vm1 wait_for 100 keys_text_is "$SECRET2"
on vm1 reader_on AT
check "the administrator types" admin_types e11e
# time for what must not come: until a key typed behind it has
check "a key is typed" vsbctl send-key vm1 5
check "of these the key alone arrives" on vm1 wait_for 100 keys_text_is 5

stage "xen: two user VMs"
check "vm2 is started" l2_start vm2 "$SECRET2"
check "SSH reaches the console of vm2" on vm2 ssh_console "" vm2
boots vm2 vm2
check "vm2 is bound" bound vm2
check "vm1 works meanwhile" on vm1 works 1

stage "xen: vm2 reboots"
on vm2 con_send "reboot -f\r"
boots vm2 "reboot"
check "vm2 is bound after its reboot" bound vm2
check "vm1 works after that" on vm1 works 2

stage "xen: vm1 is created anew"
check "tap: it has had what the module has shown, and nothing else" tap_explained
check "vm1 ends, and its name is free again" l2_end vm1
check "vm1 is created anew" l1 l2_create vm1
boots vm1 "created anew"
check "vm1 is bound again" bound vm1
check "vm2 works after that" on vm2 works 3

tapped vm1
# its keyboard is not claimed
tapped vm2 0x3f
check "nothing of VSBypass is in the cloud VM" nothing_of_ours
for vm in vm1 vm2; do
	on $vm con_run "dmesg -r | grep '^<[0-4]>'" | klog_of l2
	on $vm con_close
done
vsbctl status | sed 's/^/# /'
bypass_off
l1 dmesg | klog_of l1
