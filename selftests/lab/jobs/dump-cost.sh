# SPDX-License-Identifier: GPL-2.0
# What a core of 1 GiB takes: "vsbctl dump" of a user VM, and "virsh dump --memory-only" of a VM that is not
# nested. Both have the same Linux, which has filled its memory. Then Debian's crash and drgn look
# into the first one (debuggers.py), outside of the lab.

[ -n "$DEBIAN" ] || { check "the lab runs a Debian (--debian)" false; exit 0; }
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
MB=1024 FULL_MB=800
CORES=/run/cores

domain() {
	local hash
	hash=$(mkpasswd -m sha256 -S "$(head -c 6 /dev/urandom | base64 | tr '+=' '..')" "$SECRET1")
	cat >/run/plain.xml <<-END
	<domain type='kvm'>
	<name>plain</name>
	<memory unit='MiB'>$MB</memory>
	<vcpu>1</vcpu>
	<os><type arch='x86_64' machine='pc'>hvm</type><kernel>/lab/vmlinux</kernel><initrd>/lab/l2.img</initrd>
	<cmdline>$(. /lab/l1-cmd.sh; l2_append plain "$hash")</cmdline></os>
	<features><acpi/><apic/></features>
	<cpu mode='host-passthrough'/>
	<devices>
	<serial type='pty'><target port='0'/></serial>
	<memballoon model='none'/>
	</devices>
	<seclabel type='none' model='apparmor'/>
	</domain>
	END
	virsh define /run/plain.xml
}
virsh_console() {
	con_new
	TERM=dumb /usr/bin/script -qfec "virsh -q console --force plain" /dev/null <$CON/in >>$CON/log 2>&1 &
	echo $! >>$CON/pids
	sleep 100000000 >$CON/in 2>/dev/null &
	echo $! >>$CON/pids
}
# filled: a tmpfs in it, of which each page has something
filled() {
	con_run "mkdir /full; mount -t tmpfs -o size=${MB}m full /full; head -c 1048576 /dev/urandom >/tmp/mib" >/dev/null
	con_send "for i in \$(seq $FULL_MB); do cat /tmp/mib; done >/full/all; echo FILLED-\$((40+2))-\$(stat -c %s /full/all)-\r"
	con_wait 1800 "FILLED-42-$((FULL_MB << 20))-"
}
# dumped WHAT COMMAND...: its time, into $CORES/core
dumped() {
	local what=$1 begin end
	shift
	rm -f $CORES/core
	read -r begin _ </proc/uptime
	check "$what: $*" "$@" || return
	read -r end _ </proc/uptime
	sed 's/^/# /' /run/check.out | tr '\r' '\n' | tail -n 3
	note "$what: $(echo "$begin $end" | awk '{ printf "%.1f s", $2 - $1 }'), $(stat -c %s $CORES/core) bytes, $(du -m $CORES/core | cut -f1) MiB of them not holes"
	check "$what: what was filled is in it" test "$(du -m $CORES/core | cut -f1)" -gt $FULL_MB
}
# told PATTERN COMMAND: what the user VM says, a word or more
told() { con_run "echo \"TOLD \$($1)\"" | tr -d '\r' | sed -n 's/^TOLD //p' | tail -n 1; }

stage "dump-cost: Debian and libvirt"
check "Debian is up" wait_for 600 systemctl is-active multi-user.target
check "libvirt is up" wait_for 300 virsh version
mkdir -p $CORES /run/ssh
mount -t tmpfs -o size=2500m cores $CORES

stage "dump-cost: a VM that is not nested"
check "it is defined" domain
check "it starts" virsh start plain || exit 0
virsh_console
check "its login prompt" con_wait 1200 "plain login:" || exit 0
check "login works" con_login "$SECRET1"
check "its memory is filled" filled
for round in 1 2; do
	dumped "not nested, stopped, round $round" virsh dump --memory-only plain $CORES/core
	dumped "not nested, live, round $round" virsh dump --memory-only --live plain $CORES/core
done
con_close
check "it ends" virsh destroy plain
rm -f $CORES/core

stage "dump-cost: a user VM"
check "the module is loaded" insmod /lab/kvm-vsbypass.ko
ssh-keygen -q -t ed25519 -N "" -f $SSH_KEY
check "our package is installed" /usr/bin/dpkg -i /lab/debs/vsbypass_*.deb
install -m 644 $SSH_KEY.pub /etc/vsbypass/keys/vm1
check "vsbypassd finds the module" systemctl restart vsbypassd
L1_MB=1600
l1_qemu -kernel /lab/vmlinux -initrd $L1/image -append "$L1_APPEND" $(agent_channel $L1)
check "the cloud VM is up" l1_wait || exit 0
check "it is attached" vsbctl attach --cloud c1 --pid "$(l1_pid)" --irq "$IRQ" \
	$(! has_agent || echo --agent $L1/agent.sock) vm1
check "user VM is started" l2_start vm1 "$SECRET2" "" "L2_MB=$MB;" || exit 0
check "SSH reaches the console" ssh_console || exit 0
check "login prompt" con_wait 1200 "vm1 login:" || exit 0
check "login works" con_login "$SECRET2"
check "its memory is filled" filled
for round in 1 2; do
	dumped "user VM, live, round $round" vsbctl dump --live vm1 $CORES/core
	dumped "user VM, stopped, round $round" vsbctl dump vm1 $CORES/core
done

stage "dump-cost: for crash and drgn"
comm=$(head -c 6 /dev/urandom | od -An -tx1 | tr -dc 0-9a-f)
said=$(head -c 9 /dev/urandom | od -An -tx1 | tr -dc 0-9a-f)
argument=$(head -c 9 /dev/urandom | od -An -tx1 | tr -dc 0-9a-f)
con_run "sh -c 'printf $comm >/proc/\$\$/comm; while :; do sleep 100; done' $argument >/dev/null & echo \$! >/tmp/pid; echo $said >/dev/kmsg" >/dev/null
echo "core release $(told "uname -r")"
echo "core pid $(told "cat /tmp/pid")"
# not of the kernel's workers, which come and go, nor of who asks
echo "core pids $(told 'read -r me _ </proc/self/stat; cd /proc; for p in [0-9]*; do [ $p = $me ] || grep -q "^kworker" $p/comm || echo -n "$p "; done')"
dumped "with a process that is told" vsbctl dump vm1 $CORES/core
check "it is put on the disk" sh -c "dd if=$CORES/core of=/dev/vdb bs=1M 2>/dev/null && sync"
echo "core comm $comm"
echo "core said $said"
echo "core argument $argument"
echo "core bytes $(stat -c %s $CORES/core)"
con_close
check "user VM ends" l2_end vm1
