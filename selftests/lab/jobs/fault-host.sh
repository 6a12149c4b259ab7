# SPDX-License-Identifier: GPL-2.0
# What befalls a host: processes that stand or are killed in the middle of an access or of output,
# clocks that jump, disks that are full, no descriptors left, a cloud VM that stands, and one that ends.
# Each time the user VM runs on, its output is whole or what may be lost is said, and nothing of it is in
# the cloud VM. What the module does at each stage of an access is shown by nested_test and the like.

run=/run/vsbypass
logs_dir=/var/log/vsbypass

# the monitor of the cloud VM's QEMU
l1_monitor() { { echo "$1"; sleep 1; } | nc 127.0.0.1 7003; }
cloud_boots() {
	l1_image
	l1_qemu -kernel /lab/vmlinux -initrd $L1/image -append "$L1_APPEND" \
		-monitor telnet:127.0.0.1:7003,server=on,wait=off
	l1_wait
}
# what its QEMU has had on its console
nothing_in_cloud() { l1 "cat /run/tap/vm1.log; test ! -s /run/tap/vm1.log"; }
something_in_cloud() { ! nothing_in_cloud; }
bypass_console() {
	start_daemon vsb-console vsb-console --port 2222
	wait_for 60 console_ready || { cat /run/vsb/vsb-console.log; return 1; }
}
is_qemu() { grep qemu "/proc/$1/comm"; }
proxy() { of_vm1 proxy_pid; }
other_proxy() { [ "$(proxy)" != 0 ] && [ "$(proxy)" != "$1" ]; }
# stands SECONDS PID...: they do
stands() {
	local s=$1
	shift
	kill -STOP "$@"
	sleep "$s"
	kill -CONT "$@"
}
says() { grep "$1" /run/vsb/vsbypassd.log; }
# the shell of the user VM over a new session
console_again() {
	con_close
	ssh_console && con_shell "$SECRET2" || logs
}
new_login() { $SSH vm1@127.0.0.1 status </dev/null; }
whole() { check "$1: all numbers come, once and in order" count_whole; }

stage "fault-host: the machines boot"
bypass_off
L1_SMP=2
check "the cloud VM is up" cloud_boots || exit 0
mkdir -p $run $logs_dir
mount -t tmpfs -o size=256k tmpfs $run
mount -t tmpfs -o size=32k tmpfs $logs_dir
install -m 600 /dev/null $logs_dir/vm1.log 2>/dev/null || { : >$logs_dir/vm1.log; chmod 600 $logs_dir/vm1.log; }
check "bypass is set up" bypass_on vm1=0x3f8-0x3ff || exit 0
check "user VM is started" l2_start vm1 "$SECRET2" || exit 0
check "SSH reaches the console" ssh_console || exit 0
check "login prompt over SSH" con_wait 1200 "vm1 login:" || exit 0
check "login works" con_login "$SECRET2" || exit 0

stage "fault-host: processes stand"
for who in proxy vsbypassd vsb-console cloud; do
	case $who in
	proxy) pids=$(proxy) ;;
	cloud) pids=$(l1_pid) ;;
	*) pids=$(pidof $who) ;;
	esac
	count_starts 0.1
	check "$who stands: it counts" counts_on
	[ $who != proxy ] || check "the proxy is a QEMU" is_qemu "$pids"
	before=$(count | wc -l)
	stands 6 $pids
	note "$who stood 6 s: from number $before on"
	check "$who stood: it counts on" counts_on
	whole "$who stood"
done

stage "fault-host: a proxy stands, and is killed"
count_starts 0.1
check "it counts" counts_on
p=$(proxy)
kill -STOP "$p"
sleep 2
check "it is killed while it stands" kill -9 "$p"
check "there is another" wait_for 100 other_proxy "$p"
check "it counts on" counts_on
check "it ends" con_run "touch /tmp/stop; wait"
check "the shell is as it was" con_answers 'echo I-$((40+2))-run' I-42-run

stage "fault-host: each access waits for a proxy that stands"
con_close
check "front=off: detached" vsbctl detach c1
check "front=off: attached" bypass_on vm1=0x3f8-0x3ff,front=off
check "front=off: the console works" console_again
count_starts 0.1
check "front=off: it counts" counts_on
timeouts=$(of_vm1 timeouts)
stands 2 "$(proxy)"
check "for 2 s: it counts on" counts_on
whole "for 2 s"
check "for 2 s: no access was given up" test "$(of_vm1 timeouts)" = "$timeouts"
count_starts 0.1
check "front=off: it counts" counts_on
stands 15 "$(proxy)"
check "for 15 s: it counts on" counts_on
check "for 15 s: accesses were given up" test "$(of_vm1 timeouts)" -gt "$timeouts"
check "for 15 s: it ends" con_run "touch /tmp/stop; wait"
check "for 15 s: the console works" console_again
check "nothing of this is in the cloud VM" nothing_in_cloud
con_close
check "front: detached" vsbctl detach c1
check "front: attached" bypass_on vm1=0x3f8-0x3ff
check "front: the console works" console_again

stage "fault-host: vsb-console is killed"
kill -9 $(pidof vsb-console)
rm -f /run/vsb/vsb-console.pid
con_close
check "another one starts" bypass_console
check "the console works" console_again

stage "fault-host: the clock jumps"
today=$(date +%s)
count_starts 0.1
check "it counts" counts_on
for jump in 864000 -31536000; do
	date -s "@$((today + jump))" >/dev/null
	check "by $jump s: it counts on" counts_on
	check "by $jump s: another session begins" new_login
	check "by $jump s: status" vsbctl status
	p=$(proxy)
done
whole "clock"
check "a proxy is killed at that time" kill -9 "$(proxy)"
check "there is another" wait_for 100 other_proxy "$p"
date -s "@$((today + 60))" >/dev/null
check "the console works" console_again

stage "fault-host: disks are full"
# of the console log, 32 KiB, of which the boot took more than half
count_starts 0.1
# in pages: seq waits for each line
con_send 'seq 100000 104000 >/tmp/text; cat /tmp/text\r'
check "28 kilobytes come" con_wait 600 "^104000"
check "it counts on" counts_on
whole "log full"
check "vsbypassd says that the log is not kept" says "vm1.log: .*not kept until"
: >$logs_dir/vm1.log
con_run 'echo again' >/dev/null
check "and how many bytes are missing" wait_for 60 says "vm1.log: .*bytes are missing"
# of what vsbypassd has written down
cat /dev/zero >$run/full 2>/dev/null
p=$(proxy)
check "no room in $run, a proxy is killed" kill -9 "$p"
check "there is another" wait_for 100 other_proxy "$p"
check "vsbypassd says what that means" says "No space left.*proxies will not outlive vsbypassd"
check "the console works" console_again
check "a user VM is added" vsbctl add c1 vm2
rm $run/full
check "there is room: and removed" vsbctl remove vm2
p=$(proxy)
kill -9 "$(cat /run/vsb/vsbypassd.pid)"
rm /run/vsb/vsbypassd.pid
start_daemon vsbypassd vsbypassd
check "the next vsbypassd goes on" wait_for 60 vsbypassd_ready
check "with the same proxy" test "$(proxy)" = "$p"
check "the console works" console_again

stage "fault-host: no descriptors left"
stop_daemon vsbypassd
(
	ulimit -n 40
	start_daemon vsbypassd vsbypassd
)
check "vsbypassd with 40 descriptors goes on" wait_for 60 vsbypassd_ready
count_starts 0.1
i=2
while [ $i -lt 40 ] && vsbctl add c1 vm$i >/run/add.out 2>&1; do i=$((i + 1)); done
check "there comes a user VM that has no proxy" test $i -lt 40
note "of 40 descriptors none was left for vm$i: $(cat /run/add.out)"
check "it is said why" grep "Too many open files" /run/add.out
check "status works" vsbctl status
check "it counts on" counts_on
whole "no descriptors"
while [ $i -gt 2 ]; do
	i=$((i - 1))
	vsbctl remove vm$i
done
check "with those back one more can be added" vsbctl add c1 vm2
vsbctl remove vm2
check "the console works" console_again

stage "fault-host: the cloud VM"
count_starts 0.1
check "it counts" counts_on
l1_monitor stop >/dev/null
sleep 4
l1_monitor cont >/dev/null
check "paused for 4 s: it counts on" counts_on
check "a CPU of the cloud VM goes" l1 "echo 0 >/sys/devices/system/cpu/cpu1/online"
check "it counts on" counts_on
check "and comes" l1 "echo 1 >/sys/devices/system/cpu/cpu1/online"
check "it counts on" counts_on
whole "cloud VM"
check "nothing of all this is in the cloud VM" nothing_in_cloud
count_starts 0.1
check "it counts" counts_on
check "control: the bypass is taken away" vsbctl detach --reflect c1
check "control: then it is" l1 l2_writes vm1
check "control: and that is seen" something_in_cloud
check "bypass is set up" bypass_on vm1=0x3f8-0x3ff
con_send '\r'
check "it counts" counts_on
con_run "touch /tmp/stop; wait" >/dev/null
l1 dmesg | klog_of l1

stage "fault-host: the cloud VM is killed"
count_starts 0.02
check "it counts" counts_on
kill -9 "$(l1_pid)"
: >$L1/ctl.log
check "it is detached" wait_for 100 sh -c "vsbctl status | grep 'No cloud VM'"
check "no QEMU is left" wait_for 60 sh -c "! pidof qemu-system-x86_64"
con_close
stop_daemon vsb-console
stop_daemon vsbypassd
check "the module can be unloaded" wait_for 60 rmmod kvm-vsbypass
umount $run $logs_dir
