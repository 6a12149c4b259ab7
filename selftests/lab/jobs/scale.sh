# SPDX-License-Identifier: GPL-2.0
# Many user VMs in one cloud VM: micro guests, each with its console. How long attach and status take and
# what a user VM costs that does nothing are remarks (make check T=scale-amd prints them); that
# none of it grows faster than the number is judged by memory and sizes, as times are the machine's.
# Once with a proxy's QEMU for each from the start, and once for whom somebody comes (start=client).
. /lab/micro.sh

SIZES=${SIZES:-8 16 32 64 128 200}
NAMES=${NAMES:-1000}
HOWS=${HOWS:-process start=client}
# took COMMAND...: seconds
took() {
	local begin
	begin=$(uptime_cs)
	"$@" >/run/took.out 2>&1 || return
	awk -v cs=$(($(uptime_cs) - begin)) 'BEGIN { printf "%.2f\n", cs / 100 }'
}
# ticks that vsbypassd has had the CPU
cpu_ticks() { awk '{ print $14 + $15 }' "/proc/$(cat /run/vsb/vsbypassd.pid)/stat"; }
names() { seq 1 "$1" | sed 's/^/vm/'; }
# attached N: so many, with what their proxies are attached with
attached() { names "$1" | sed "s/\$/${HOW:+=$HOW}/"; }
# measured FILE: of all processes of ours, and of the kernel
measured() {
	settle
	{
		echo "qemu $(pss $(proxies))"
		echo "vsbypassd $(pss "$(cat /run/vsb/vsbypassd.pid)")"
		echo "console $(pss $(pidof vsb-console))"
		echo "slab $(meminfo Slab)"
		echo "stacks $(meminfo KernelStack)"
		echo "tables $(meminfo PageTables)"
		echo "percpu $(meminfo Percpu)"
		echo "used $(($(meminfo MemTotal) - $(meminfo MemFree)))"
	} >"$1"
}
less() { awk -v n="$3" 'NR == FNR { a[$1] = $2; next } { printf "%s %.0f ", $1, ($2 - a[$1]) / n }' "$1" "$2"; }
of() { awk -v what="$2" '$1 == what { print $2 }' "$1"; }
# where: of what the private memory of a proxy's QEMU is, KiB
where() {
	[ -n "$1" ] || return 0
	awk '/^[0-9a-f]+-[0-9a-f]+ / { what = $6 == "" ? "anonymous" : $6 ~ /qemu-system/ ? "program" : $6 ~ /^\[/ ? $6 : $6 ~ /\.so/ ? "libraries" : "other" }
		/^Private_/ { n[what] += $2 } END { for (what in n) printf "%s %d ", what, n[what] }' "/proc/$1/smaps"
}
status_bytes() { vsbctl status --json | wc -c; }
daemon_fds() { descriptors "$(cat /run/vsb/vsbypassd.pid)"; }
increase() { echo $(($(of /run/bound "$1") - $(of /run/before "$1"))); }

one() {
	local n=$1 seconds ticks
	stage "scale: $n user VMs${HOW:+, $HOW}"
	measured /run/before
	ticks=$(cpu_ticks)
	seconds=$(took bypass_on $(attached "$n")) || { cat /run/took.out; return 1; }
	wait_for 600 states_are "$n" waiting || return
	ticks=$(($(cpu_ticks) - ticks))
	measured /run/attached
	note "$n: attach $seconds s, CPU of vsbypassd $ticks ticks; KiB for each: $(less /run/before /run/attached "$n")"
	micro_start many 3000 0 $(seq 1 $((n - 2))) || return
	wait_for 900 states_are $((n - 2)) bound || { states | sort | uniq -c | head; return 1; }
	micro_start two 50 0 $((n - 1)) "$n" || return
	wait_for 900 states_are "$n" bound || { states | sort | uniq -c | head; return 1; }
	measured /run/bound
	note "$n: bound; status $(took vsbctl status --json) s; KiB for each: $(less /run/before /run/bound "$n")"
	echo "$n $(increase used) $(increase qemu) $(status_bytes) $(daemon_fds) $ticks" >>/run/scale
}
# least MOST: of /run/scale, so many KiB are used at most by each of the largest number
least() { tail -n 1 /run/scale | awk -v most="$1" '{ print $2 / $1 " KiB"; exit $2 / $1 > most }'; }
# grown NUMBER UNIT: of /run/scale, for each user VM it is no more than a quarter above the least that it
# was with fewer; what is there once for all makes it less
grown() {
	awk -v at="$1" -v unit="$2" '{
		each = $at / $1
		printf "%d user VMs: %.1f %s for each\n", $1, each, unit
		if (NR == 1 || each < least) least = each
		if (each > least * 1.25) bad = 1
	} END { exit bad || NR < 2 }' /run/scale
}
gone() {
	micro_end many
	micro_end two
	vsbctl detach --reflect c1
	wait_for 300 sh -c '! ps | grep "[v]sbypass-vm"'
}

echo_of() { note "$n: $1, echo of a line, ms, median and 99 %: $(sed -n 's/^talk [0-9]* [0-9]* //p' /run/check.out)"; }

each_size() {
	: >/run/scale
	for n in $SIZES; do
		check "$n user VMs: each has its console" one "$n" || break
		grep '^# ' /run/check.out
		note "$n: private memory of a proxy, KiB: $(where "$(proxies | head -n 1)")"
		[ -z "$HOW" ] || check "$n: none has a process" test -z "$(proxies)"
		note "$n: first byte to a client, s/100: $(first_byte $((n / 2)))"
		check "$n: the last one is who it should be, each byte" talks "$n" 0 20
		echo_of "all are idle"
		check "$n: all but two print" l1 "kill -USR1 \$(cat /run/micro-many.pid)"
		check "$n: one of those answers all that is typed" talks $((n - 1)) 0 40
		echo_of "all print"
		check "$n: nothing of it is in the cloud VM" micro_unseen many
		check "$n: nor of those" micro_unseen two
		check "$n: they end" gone
	done
	note "user VMs, KiB used, KiB of QEMUs, bytes of status, descriptors, ticks: $(tr '\n' ';' </run/scale)"
	check "memory grows no worse than linearly" grown 2 KiB
	check "so does that of QEMUs" grown 3 KiB
	check "so does what status says" grown 4 bytes
	check "so do descriptors of vsbypassd" grown 5 descriptors
	[ -z "$HOW" ] || check "one to whom nobody is attached costs a MiB at most" least 1024
}

# as the unit has
ulimit -n 16384
bypass_off
check "the cloud VM is up" l1_need || exit 0
check "the bypass is set up" bypass_on vm1 || exit 0
check "and away" gone
# of all of them vsb-console knows keys
for n in $(names "$NAMES"); do cp $SSH_KEY.pub "/etc/vsbypass/keys/$n"; done
for HOW in $HOWS; do
	[ "$HOW" != process ] || HOW=
	each_size
done
l1 dmesg | klog_of l1
check "the bypass is taken away, and the module" bypass_off
