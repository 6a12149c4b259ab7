# SPDX-License-Identifier: GPL-2.0
# A day of a host's administrator, on a Debian with systemd and libvirt that has never
# heard of us (lab --debian): packages, a domain with the element, ssh, restarts, an
# upgrade, the end. On Intel, whose emulator is ten times slower, the short way: no dkms, no
# AppArmor, few refusals, no upgrade, no proxy that is a domain, three starts.

[ -n "$DEBIAN" ] || { check "the lab runs a Debian (--debian)" false; exit 0; }
# lab --set SHORT=1: the short way on AMD
long() { [ "$HOST" = amd ] && [ -z "$SHORT" ]; }
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8

# domain NAME KIND [MIB]: its XML, KIND is below
domain() {
	local type=kvm cpu="<cpu mode='host-passthrough'/>" more="" os="" metadata=""
	local uservm="<v:uservm name='vm1'/>" seclabel=""
	# AppArmor's parser takes 20 seconds for a domain, and cloud1 has it
	local unconfined="<seclabel type='none' model='apparmor'/>"
	local channel="" irq=$IRQ
	! has_agent || channel="<channel type='unix'><target type='virtio' name='org.vsbypass.agent.0'/></channel>"
	case $2 in
	cloud)
		uservm="<v:uservm name='vm1'><v:key>$(cat $SSH_KEY.pub)</v:key></v:uservm>"
		os="<kernel>/lab/vmlinux</kernel><initrd>$L1/image</initrd><cmdline>$L1_APPEND</cmdline>"
		more="<serial type='file'><source path='$L1/console.log'/></serial>
			<channel type='pipe'><source path='$L1/ctl'/><target type='virtio' name='org.vsbypass.lab.ctl'/></channel>
			<channel type='pipe'><source path='$L1/console'/><target type='virtio' name='org.vsbypass.lab.console'/></channel>" ;;
	small) uservm="<v:uservm name='small1'/>" seclabel=$unconfined ;;
	plain) uservm= ;;
	tcg) type=qemu cpu= ;;
	no-cpu) cpu="<cpu><model>qemu64</model></cpu>" ;;
	cpu-off) cpu="<cpu mode='host-passthrough'><feature policy='disable' name='svm'/><feature policy='disable' name='vmx'/></cpu>" ;;
	no-channel) channel="" irq=agent ;;
	connecting) channel="<channel type='unix'><source mode='connect' path='/run/x'/><target type='virtio' name='org.vsbypass.agent.0'/></channel>" ;;
	no-uservm) uservm="<v:guest name='vm1'/>" ;;
	no-name) uservm="<v:uservm/>" ;;
	bad-name) uservm="<v:uservm name='../vm1'/>" ;;
	twice) uservm="<v:uservm name='vm1'/><v:uservm name='vm1'/>" ;;
	bad-key) uservm="<v:uservm name='vm1'><v:key>ssh-rsa no-key</v:key></v:uservm>" ;;
	bad-ports) uservm="<v:uservm name='vm1'><v:serial ports='0x3f8-0x3f7'/></v:uservm>" ;;
	esac
	long || seclabel=$unconfined
	[ -z "$uservm" ] || metadata="<metadata><v:cloud xmlns:v='urn:vsbypass:libvirt:domain:1.0' irq='$irq'>$uservm</v:cloud></metadata>"
	cat <<-END
	<domain type='$type'>
	<name>$1</name>
	$metadata
	<memory unit='MiB'>${3:-32}</memory>
	<vcpu>1</vcpu>
	<os><type arch='x86_64' machine='pc'>hvm</type>$os</os>
	<features><acpi/><apic/></features>
	$cpu
	<devices>
	$channel
	$more
	<memballoon model='none'/>
	</devices>
	$seclabel
	</domain>
	END
}
define() { domain "$@" >"/run/$1.xml" && virsh define "/run/$1.xml"; }

# proxy_domain USERVM [OS]: console1, the proxy of that user VM, and perhaps with another <os>
proxy_domain() {
	cat >/run/console1.xml <<-END
	<domain type='kvm'>
	<name>console1</name>
	<metadata>
	<v:proxy xmlns:v='urn:vsbypass:libvirt:domain:1.0' cloud='cloud1' uservm='$1'/>
	</metadata>
	<memory unit='MiB'>1</memory>
	<vcpu>1</vcpu>
	<os><type arch='x86_64' machine='pc'>hvm</type>${2:-<loader type='rom'>/run/vsbypass/proxy/halt.rom</loader>}</os>
	<devices>
	<serial type='pty'><target port='0'/></serial>
	<memballoon model='none'/>
	</devices>
	</domain>
	END
	virsh define /run/console1.xml
}

# proxy_refused MESSAGE USERVM [OS]: virsh start of such a domain
proxy_refused() {
	local message=$1
	shift
	proxy_domain "$@" || return
	virsh start console1 >/run/refused 2>&1 && virsh destroy console1
	cat /run/refused
	virsh undefine console1
	grep -q "VSBypass: domain 'console1': .*$message" /run/refused
}

virsh_console() {
	con_new
	TERM=dumb /usr/bin/script -qfec "virsh -q console --force console1" /dev/null <$CON/in >>$CON/log 2>&1 &
	echo $! >>$CON/pids
	sleep 100000000 >$CON/in 2>/dev/null &
	echo $! >>$CON/pids
}
of_domain() { vsbctl status | grep "^ *vm1 .*(proxy: domain console1)"; }
of_vsbypassd_again() { ! of_domain && vsbctl status | grep "^ *vm1  *bound"; }
no_own_proxy() { ! pgrep -f "name vsbypass-vm1"; }
ended() { virsh domstate console1 | grep "shut off"; }

# refused KIND MESSAGE: virsh start of such a domain
refused() {
	define other "$1" || return
	virsh start other >/run/refused 2>&1 && virsh destroy other
	cat /run/refused
	virsh undefine other
	grep -q "VSBypass: domain 'other': .*$2" /run/refused
}
# mutate SEED: some characters between the element's namespace and its end are others
mutate() {
	awk -v seed="$1" 'BEGIN { srand(seed); with = "<>/'"'"'= v:0aZ&\"#;" }
	/<metadata>/ {
		first = index($0, "1.0'"'"'") + 4
		last = index($0, "</v:cloud>")
		for (n = 1 + int(3 * rand()); n > 0; n--) {
			at = first + int((last - first) * rand())
			$0 = substr($0, 1, at - 1) substr(with, 1 + int(length(with) * rand()), 1) substr($0, at + 1)
		}
	}
	{ print }'
}
# fuzzed ROUNDS: nothing starts while vsbypassd is away, and it is the hook that says so
fuzzed() {
	local i=0 asked=0
	while [ $i -lt "$1" ]; do
		i=$((i + 1))
		domain other small | mutate $i >/run/fuzz.xml
		# libvirt has its own opinion of what is XML
		virsh -q define /run/fuzz.xml 2>/dev/null || continue
		asked=$((asked + 1))
		if virsh -q start other >/run/refused 2>&1 || ! grep -q "VSBypass: domain 'other': " /run/refused; then
			cat /run/fuzz.xml /run/refused
			virsh destroy other
			return 1
		fi
		virsh -q undefine other
	done
	echo "$asked of $i came to the hook"
	[ $asked -ge $((i / 4)) ]
}
none_attached() { vsbctl status | grep -q "^No cloud VM"; }
hook_says() { journalctl -q -t vsb-libvirt-hook | wc -l; }
of_vsbypassd() { systemctl show -p MainPID --value vsbypassd; }
running() { virsh domstate cloud1 | grep -q running; }
works() { con_answers 'echo WORKS-$((40+2))-' WORKS-42-; }

stage "libvirt: Debian and libvirt, without us"
check "Debian is up" wait_for 600 systemctl is-active multi-user.target
mkdir -p /run/ssh
ssh-keygen -q -t ed25519 -N "" -f $SSH_KEY
check "libvirt is up" wait_for 300 virsh version
check "domain with the element is defined" define cloud1 cloud "${L1_MB:-640}"
check "libvirt keeps the element" sh -c 'virsh dumpxml cloud1 | grep "<v:uservm name=.vm1.>"'

stage "libvirt: the packages"
if long; then
	check "packages are installed" apt-get install -y --no-install-recommends \
		/lab/debs/vsbypass_*.deb /lab/debs/kvm-vsbypass-dkms_*.deb
	check "dkms has built the module for this kernel" sh -c "dkms status | grep '$(uname -r).*: installed'"
	check "the module is found" /usr/sbin/modinfo kvm-vsbypass
else
	check "the module is loaded by hand" insmod /lab/kvm-vsbypass.ko
	# of OpenSSL, see l0-init
	mkdir -p /etc/systemd/system/vsb-console.service.d
	printf '[Service]\nEnvironment=OPENSSL_ia32cap=:~0x80000\n' \
		>/etc/systemd/system/vsb-console.service.d/lab.conf
	check "package is installed" /usr/bin/dpkg -i /lab/debs/vsbypass_*.deb
fi
check "the services run" systemctl is-active vsbypassd vsb-console
# whoever installs the module last need not know more than this
check "vsbypassd finds the module" systemctl restart vsbypassd
check "the module is loaded" test -d /sys/module/kvm_vsbypass
check "no cloud VM" none_attached
check "what virsh has is valid" sh -c "virsh dumpxml cloud1 | vsbctl validate -"

stage "libvirt: refusals"
before=$(hook_says)
check "refused: no channel" refused no-channel "irq='agent', but the agent's channel is missing; add to <devices>: <channel type='unix'>"
if long; then
	check "refused: not KVM" refused tcg "the domain is not of type='kvm'"
	check "refused: a CPU without nested virtualization" refused no-cpu "the CPU has no nested virtualization; use <cpu mode='host-passthrough'/>"
	check "refused: one that has it switched off" refused cpu-off "remove that <feature>"
	check "refused: a channel the wrong way round" refused connecting "must be a virtio port at whose socket QEMU listens"
	check "refused: an unknown element" refused no-uservm "<guest>"
	check "refused: a user VM without a name" refused no-name "name"
	check "refused: a name that is none" refused bad-name "malformed"
	check "refused: a name twice" refused twice "vm1"
	check "refused: a key that is none" refused bad-key "is no public key"
	check "refused: ports that are none" refused bad-ports "0x3f8-0x3f7"
	kill -STOP "$(of_vsbypassd)"
	check "refused: vsbypassd does not answer" refused small "does not answer"
	kill -CONT "$(of_vsbypassd)"
fi
systemctl stop vsbypassd
check "refused: vsbypassd does not run" refused small "is vsbypassd running"
long && check "refused: mutated elements" fuzzed 60
systemctl start vsbypassd
check "refused: a proxy before its cloud VM" proxy_refused "cloud VM 'cloud1' is not attached" vm1
check "refused: a proxy with code of its own" proxy_refused "no code may run in a proxy" vm1 " "
check "each is in the journal" test "$(($(hook_says) - before))" -ge "$(long && echo 15 || echo 4)"
check "nothing was attached, nothing runs" none_attached
check "no QEMU is left" sh -c "! pidof qemu-system-x86_64"
check "a domain without the element is defined" define plain plain
check "it starts" virsh start plain
check "nobody attaches it" none_attached
virsh destroy plain

stage "libvirt: a cloud VM starts"
l1_pipes
check "virsh start" virsh start cloud1
check "it is attached" sh -c "vsbctl status | grep '^Cloud VM cloud1'"
vsbctl status
check "the name of its user VM is taken" refused same-name "vm1"
check "the cloud VM is up" l1_wait
! has_agent || check "the agent starts" l1 agent_start
check "user VM is started" l2_start vm1 "$SECRET2"
check "ssh vm1@host reaches the console" ssh_console
check "the user VM boots" con_wait 1200 "vm1 login:"
check "login works" con_login "$SECRET2"
check "nothing of it came through the cloud VM" l1 "wc -c </run/tap/vm1.log; test ! -s /run/tap/vm1.log"
check "QEMU is not root's" sh -c 'grep "^Uid:.$(id -u libvirt-qemu)" /proc/$(cat /run/libvirt/qemu/cloud1.pid)/status'
if long; then
	check "AppArmor confines it" sh -c 'grep "^libvirt-.* (enforce)" /proc/$(cat /run/libvirt/qemu/cloud1.pid)/attr/current'
fi

stage "libvirt: restarts and an upgrade"
proxy=$(of_vm1 proxy_pid)
said=$(hook_says)
check "libvirtd is restarted" systemctl restart libvirtd
check "it knows the domain" wait_for 100 running
check "the hook has nothing to complain of" test "$(hook_says)" = "$said"
check "the console works" works
check "vsbypassd is restarted" systemctl restart vsbypassd
check "the console works on" works
check "with the same proxy" test "$(of_vm1 proxy_pid)" = "$proxy"
if long; then
	console=$(pidof vsb-console)
	# The module's package takes ten minutes more to build it, and disturbs nobody; "package"
	# upgrades that one, too.
	check "the package is upgraded" apt-get install -y --no-install-recommends /lab/debs/new/vsbypass_*.deb
	cp /run/check.out /run/upgrade
	check "the upgrade says that consoles stay open" grep "so that open consoles stay open" /run/upgrade
	check "the console works behind it" works
	check "it is the same connection" test "$(pidof vsb-console)" = "$console"
fi
check "vsb-console is restarted" systemctl restart vsb-console
con_close
check "ssh reaches it" ssh_console
check "it works" con_shell "$SECRET2"

proxy_as_domain() {
	stage "libvirt: a proxy that is a domain"
	check "refused: that of a user VM that there is not" proxy_refused "has no user VM 'vm2'" vm2
	check "it is defined" proxy_domain vm1
	check "it is valid" sh -c "virsh dumpxml console1 | vsbctl validate -"
	bound=$(of_vm1 bound_ns)
	con_close
	check "it starts" virsh start console1
	check "it is the proxy of the user VM" of_domain
	check "it is the same user VM" test "$(of_vm1 bound_ns)" = "$bound"
	virsh_console
	check "virsh console: a shell of the user VM" con_shell "$SECRET2"
	check "the proxy of vsbypassd has ended" no_own_proxy
	proxy=$(of_vm1 proxy_pid)
	check "vsbypassd is restarted" systemctl restart vsbypassd
	check "it is the proxy still" of_domain
	check "it is the same process" test "$(of_vm1 proxy_pid)" = "$proxy"
	check "virsh console works on" works
	check "nothing of it came through the cloud VM" l1 "test ! -s /run/tap/vm1.log"
	check "it ends" virsh destroy console1
	con_close
	check "vsbypassd has a proxy again" wait_for 60 of_vsbypassd_again
	check "ssh reaches the console" ssh_console
	check "it works" con_shell "$SECRET2"
	con_close
	check "it starts again" virsh start console1
	check "it is the proxy again" of_domain
}
! long || proxy_as_domain

stage "libvirt: the end of the cloud VM"
l1 dmesg | klog_of l1
check "virsh destroy" virsh destroy cloud1
check "it is attached no longer" wait_for 60 none_attached
! long || check "its proxy that is a domain ends" wait_for 60 ended
check "no proxy is left" wait_for 60 sh -c "! pidof qemu-system-x86_64"
! long || virsh undefine console1
con_close

stage "libvirt: start after start"
check "a small cloud VM is defined" define small small
cycle() { virsh -q start small && vsbctl status | grep -q "^Cloud VM small" && virsh -q destroy small; }
left() {
	wait_for 60 none_attached
	udevadm settle
	for p in vsbypassd vsb-console vsb-libvirt-hook qemu-system-x86_64 virtlogd; do
		echo "$p: $(pidof $p | wc -w)"
	done
	for p in vsbypassd vsb-console libvirtd virtlogd; do
		echo "descriptors of $p: $(ls /proc/$(pidof $p)/fd | wc -l)"
	done
	find /run/vsbypass /run/libvirt/qemu /var/lib/libvirt/qemu /tmp /etc/apparmor.d/libvirt | sort
	# else what is free counts as long as it is kept for the next one
	echo 1 >/sys/kernel/slab/kvm_vcpu/shrink
	echo "module: $(cat /sys/module/kvm_vsbypass/refcnt)"
	echo "VMs of KVM: $(ls -d /sys/kernel/debug/kvm/*-* 2>/dev/null | wc -l)"
	awk '/^kvm_vcpu / { print $1, $2 }' /proc/slabinfo
}
check "it starts and ends" cycle
left >/run/left.before
starts=$(long && echo 30 || echo 3)
cycles() {
	for i in $(seq $starts); do
		cycle || { echo "start $i"; return 1; }
	done
}
check "$starts times" cycles
# The same but for descriptors, of which there may be fewer: vsb-console asks vsbypassd now
# and then, over one more, at the first look perhaps.
as_before() {
	left >/run/left.after
	for f in before after; do
		grep "^descriptors of" /run/left.$f >/run/descriptors.$f
		grep -v "^descriptors of" /run/left.$f >/run/same.$f
	done
	cmp /run/same.before /run/same.after &&
		awk 'NR == FNR { n[$3] = $4; next } $4 > n[$3] { exit 1 }' /run/descriptors.before /run/descriptors.after
}
nothing_more() {
	wait_for 60 as_before && return
	diff /run/left.before /run/left.after
	return 1
}
check "no process, descriptor, file or kernel object is left" nothing_more
cat /run/left.after | sed 's/^/# /'

stage "libvirt: removal"
packages="vsbypass $(long && echo kvm-vsbypass-dkms)"
/usr/bin/dpkg -L $packages | sort -u | while read -r f; do [ ! -f "$f" ] || echo "$f"; done >/run/files
check "purge" apt-get purge -y $packages
check "its files are gone" sh -c 'while read -r f; do ! test -e "$f" || { echo "$f"; exit 1; }; done </run/files'
rm -f /etc/systemd/system/vsb-console.service.d/lab.conf
check "so is what it has written" sh -c 'for f in /etc/vsbypass /var/lib/vsbypass /var/log/vsbypass /run/vsbypass /etc/libvirt/hooks/qemu.d/vsbypass; do ! test -e $f || { echo $f; exit 1; }; done'
check "and the user" sh -c "! getent passwd vsbypass"
check "no service is left" sh -c "! systemctl --all list-units 'vsb*' --plain --no-legend | grep ."
check "the module is gone" sh -c "! test -d /sys/module/kvm_vsbypass && ! /usr/sbin/modinfo kvm-vsbypass"
check "libvirt works as before" virsh start small
virsh destroy small
journalctl -q -k | grep 'apparmor="DENIED"' >/run/denied
check "AppArmor had nothing against it" sh -c "! cat /run/denied | grep ."
