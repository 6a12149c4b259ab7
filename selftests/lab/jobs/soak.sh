# SPDX-License-Identifier: GPL-2.0
# HOURS of user VMs that start, print, are typed at over SSH and end, beside a Linux user VM that counts
# all the time. Each byte is compared, both ways. Behind each round nothing is under way but that
# one, and what the host has in memory then goes out in a line "@soak SECONDS NAME=VALUE...", which
# soaked.py judges: make soak.
. /lab/micro.sh

HOURS=${HOURS:-0.1}
MICROS="2 3 4"
LINES=60
TYPED=20

pids_of_ours() { echo $(pidof vsb-console) $(cat /run/vsb/vsbypassd.pid) $(proxies); }
# the module's user VMs that have ended (struct vsb_l2): it remembers 256 of a cloud VM
remembered() { slab_of kmalloc-cg-8k; }
sample() {
	settle
	remembered=$(remembered)
	echo "@soak $now vsbypassd=$(pss "$(cat /run/vsb/vsbypassd.pid)") vsb-console=$(pss $(pidof vsb-console)) proxies=$(pss $(proxies)) slab=$(($(meminfo Slab) - remembered)) unreclaimable=$(($(meminfo SUnreclaim) - remembered)) remembered=$remembered percpu=$(meminfo Percpu) vmalloc=$(meminfo VmallocUsed) stacks=$(meminfo KernelStack) tables=$(meminfo PageTables) cloud=$(pss "$(l1_pid)") descriptors=$(($(descriptors "$(cat /run/vsb/vsbypassd.pid)") + $(descriptors "$(cat /run/vsb/vsb-console.pid)"))) processes=$(pids_of_ours | wc -w) mmu=$(slab_of kvm_mmu_page_header)"
}
# slab_grown: caches of the kernel that have more than they had behind the second round, KiB
slab_kib() { awk 'NR > 2 { print $1, $3 * $4 / 1024 }' /proc/slabinfo; }
slab_grown() {
	slab_kib >/run/slab.now
	awk 'NR == FNR { a[$1] = $2; next } $2 - a[$1] >= 16 { printf "%d %s\n", $2 - a[$1], $1 }' /run/slab /run/slab.now |
		sort -rn | head -n 8 | tr '\n' ' '
}
slab_of() { awk -v what="$1" '$1 == what { n = $3 * $4 / 1024 } END { print int(n) }' /proc/slabinfo; }

# talked N OUT: with all at once; "talk ..." a line each
talked() {
	local n pids="" rc=0
	for n in $MICROS; do
		talks "$n" "$1" $TYPED >/run/talk.$n 2>&1 &
		pids="$pids $!"
	done
	for n in $pids; do wait "$n" || rc=1; done
	cat /run/talk.*
	return $rc
}
start_all() {
	local n
	for n in $MICROS; do
		micro_start "vm$n" 50 $LINES "$n" || return
		wait_for 120 state_is "vm$n" bound || { vsbctl status; return 1; }
	done
}
end_all() {
	local n
	for n in $MICROS; do
		micro_unseen "vm$n" || return
		micro_end "vm$n"
		has_agent || vsbctl unbind "vm$n" || return
	done
	for n in $MICROS; do
		wait_for 120 state_is "vm$n" waiting || { vsbctl status; return 1; }
	done
	wait_for 60 nobody
}
# no session: the server and who starts sessions are left
nobody() { [ "$(pidof vsb-console | wc -w)" -le "$consoles" ]; }
# every second time they end in the middle of their output
round() {
	local out=$LINES
	[ $((rounds % 2)) = 1 ] || out=$((LINES / 2))
	start_all && talked $out && end_all
}
bytes() {
	out=$((out + $(awk '/^talk/ { n += $2 } END { print n + 0 }' /run/check.out)))
	in=$((in + $(awk '/^talk/ { n += $3 } END { print n + 0 }' /run/check.out)))
}

stage "soak: the machines boot"
bypass_off
check "the cloud VM is up" l1_need || exit 0
check "bypass is set up" bypass_on vm1 $(for n in $MICROS; do echo "vm$n"; done) || exit 0
consoles=$(pidof vsb-console | wc -w)
check "user VM is started" l2_start vm1 "$SECRET2" "" "L2_LOG=off;" || exit 0
check "SSH reaches the console" ssh_console || exit 0
check "login prompt over SSH" con_wait 1200 "vm1 login:" || exit 0
check "login works" con_login "$SECRET2" || exit 0
# its own session has processes, too
consoles=$(pidof vsb-console | wc -w)

stage "soak: controls"
check "control: micro guests" start_all
changed() { ! /lab/tests/talk 2 20 5 sh -c "$SSH -T vm2@127.0.0.1 raw | sed -u 's/A/B/'"; }
check "control: a byte that comes otherwise is seen" changed
check "control: so is another user VM" sh -c "! /lab/tests/talk 4 5 5 $(echo $SSH) -T vm3@127.0.0.1 raw"
check "control: they end" end_all

stage "soak: $HOURS hours"
count_starts 0.5
check "it counts" counts_on
now
end=$((now + $(echo "$HOURS" | awk '{ print int($1 * 3600) }')))
rounds=0 out=0 in=0
while [ "$now" -lt $end ]; do
	check "round $rounds" round || { logs | tail -n 20; break; }
	bytes
	check "round $rounds: vm1 answers what is typed" con_answers "echo @$rounds-\$((40+2))" "^@$rounds-42" || break
	now
	sample
	[ $rounds != 1 ] || slab_kib >/run/slab
	rounds=$((rounds + 1))
done
check "vm1: all numbers came, once and in order" count_whole
[ ! -e /run/slab ] || note "since the second round, KiB more in: $(slab_grown)"
note "$(grep -o 'counted to [0-9]*' /run/check.out), $(wc -c <$CON/log) bytes of vm1"
echo "@soaked $rounds $((3 * rounds)) $((out + $(wc -c <$CON/log))) $in"
con_close
l1 dmesg | klog_of l1
check "the bypass is taken away, and the module" bypass_off
