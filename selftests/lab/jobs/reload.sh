# SPDX-License-Identifier: GPL-2.0
# Module loaded, attached and unloaded 20 times while a user VM runs: the user
# VM lives on, its console works each time that it is attached, and KVM is left
# as it was.
ROUNDS=20

uservm_need "$SECRET2" || exit 0
# The user VM writes all the time, attached or not: so it is bound, and comings
# and goings fall into the middle of a transmission.
con_send 'while :; do echo tick; sleep 1; done & \r'
check "user VM writes to its console" con_wait 300 "tick"
con_close
takes_command() {
	con_send 'echo R-$((40+2))-\r'
	con_wait 100 "R-42-" || logs
}
# Its output comes to the proxy, or to the cloud VM, as long as its driver works.
writes_more() { [ "$(of_vm1 writes)" -gt "$n" ]; }
comes_to_proxy() {
	n=$(of_vm1 writes)
	wait_for 100 writes_more || logs
}
comes_to_cloud_vm() { l1 l2_writes vm1 || logs; }
check "bypass can be taken away" bypass_off
check "without bypass the user VM writes to the cloud VM" comes_to_cloud_vm
i=0
while [ $i -lt $ROUNDS ]; do
	i=$((i + 1))
	note "round $i"
	check "round $i: loaded and attached" bypass_on || break
	check "round $i: user VM writes to its proxy" comes_to_proxy || break
	if [ $i = 1 ] || [ $i = $ROUNDS ]; then
		check "round $i: SSH reaches the console" ssh_console
		con_send "\r"
		check "round $i: the console takes a command" takes_command
		con_close
	fi
	check "round $i: rmmod is refused while attached" sh -c "! rmmod kvm-vsbypass"
	check "round $i: detached and unloaded" bypass_off || break
	check "round $i: user VM writes to the cloud VM" comes_to_cloud_vm || break
done
check "KVM's functions are no longer redirected" sh -c "! grep -q vsb /sys/kernel/tracing/enabled_functions"
check "user VM still runs" l1 l2_alive vm1
l1 dmesg | klog_of l1
