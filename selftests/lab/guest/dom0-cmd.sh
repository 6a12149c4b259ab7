# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=busybox
#
# What the administrator of the cloud VM does if its guest hypervisor is Xen: in place of
# functions of the same name in l1-cmd.sh.

xen_version() { xl info | sed -n 's/^xen_version *: */Xen /p'; }

# l2_start NAME HASH [KEY]: our user VM, from a CD with what its kernel is told
l2_start() {
	local cd=/run/$1.iso at size
	read -r at size </lab/vm.room
	cp /lab/vm.iso "$cd" || return
	printf "%-${size}s" "$(l2_append "$@")" | dd of="$cd" bs=1 seek="$at" conv=notrunc 2>/dev/null
	rm -f "/run/tap/$1".*
	l2_config "$1" >"/run/$1.cfg"
	l2_create "$1"
}

# l2_create NAME: as it is configured; each time it is another domain
l2_create() {
	xl create "/run/$1.cfg" || return
	until netstat -ltn | grep -q "127.0.0.1:$(l2_port "$1") "; do sleep 0.2; done
}

# 7001 and 7003; 7002 is the administrator's
l2_port() { echo $((6999 + 2 * ${1#vm})); }

# l2_config NAME: its console is a socket on which the host's own console tool sits. The
# administrator has the character device logged, and each access to the devices that we
# claim. L2_ARGS: more for QEMU.
#
# tsc_mode: else Xen ends it for an RDTSCP, which TCG reports as an RDTSC that is not
# intercepted. AHCI: each word that a BIOS reads from an IDE disk is an exit.
l2_config() {
	cat <<-END
	name = "$1"
	type = "hvm"
	memory = ${L2_MB:-160}
	vcpus = ${L2_SMP:-1}
	tsc_mode = "native"
	serial = "tcp:127.0.0.1:$(l2_port "$1"),server=on,wait=off,logfile=/run/tap/$1.log,logappend=on"
	vga = "none"
	nographic = 1
	vnc = 0
	usb = 0
	xen_platform_pci = 0
	vkb_device = 0
	boot = "d"
	device_model_args = [ "-device", "ich9-ahci,id=ahci",
		"-drive", "file=/run/$1.iso,format=raw,if=none,id=cd,media=cdrom,readonly=on",
		"-device", "ide-cd,drive=cd,bus=ahci.0",
		$(for a in $L2_ARGS; do printf '"%s", ' "$a"; done)
		"-trace", "enable=serial_*", "-trace", "enable=pckbd_kbd_*",
		"-D", "/run/tap/$1.trace.%d" ]
	END
}
keyboard_args() { echo "-monitor telnet:127.0.0.1:7002,server=on,wait=off"; }

l2_alive() { xl domid "$1"; }
l2_kill() { xl destroy "$1"; }

# l2_ended: who is there, and what QEMUs have said
l2_ended() {
	xl list
	tail -n 15 /var/log/xen/*.log
}

# What QEMU's devices were asked to do, by all QEMUs that user VM NAME has had: "write 0x3f8 0x0"
tap_on() { :; }
tap_accesses() {
	cat "/run/tap/$1".trace.* | awk '
	function say(what, port, value) { sub("^0x0*", "", value); print what, port, "0x" (value == "" ? 0 : value) }
	$1 == "serial_read" || $1 == "serial_write" {
		say($2, "0x3f" substr("89abcdef", substr($4, length($4)) + 1, 1), $6)
	}
	$1 == "pckbd_kbd_write_command" { say("write", "0x64", $2) }
	$1 == "pckbd_kbd_write_data" { say("write", "0x60", $2) }
	$1 == "pckbd_kbd_read_status" { say("read", "0x64", $2) }
	$1 == "pckbd_kbd_read_data" { say("read", "0x60", $2) }'
}

# As in l1-cmd.sh, of vm1 or NAME. AT: ports that begin so
tap_lines() { tap_accesses "${2:-vm1}" | grep -c " ${1:-0x}"; }
tap_others() {
	tap_accesses "${2:-vm1}" | grep " ${1:-0x}" | grep -vE "^($TAP_OURS)\$" |
		sort | uniq -c | sed 's/^ *//'
}
tap_typed() {
	tap_accesses "${1:-vm1}" | sed -n 's/^read 0x3f8 0x//p' |
	while read -r v; do printf "\\x$(printf %02x "0x$v")"; done
}
tap_keys() { tap_accesses "${1:-vm1}" | sed -n 's/^read 0x60 0x//p' | digits_of_codes; }
