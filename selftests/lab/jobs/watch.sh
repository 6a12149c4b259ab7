# SPDX-License-Identifier: GPL-2.0
# The experiment: two who lie. A root of the user VM hides a process, with a module that hides
# itself and patches a system call (lab/hide). A root of the cloud VM shows a false list: he looks into
# the user VM with the host's own program, at memory that he has changed. The host sees the process, the
# module and the patch. Controls: before, all agree; then who is asked in the user VM, or in the cloud
# VM, is told the lie.
#
# The core of each kernel is compared with what it says itself by the test watch-core.

seen=/run/watch.seen
BYTES=$((160 << 20))
# a name that is nowhere else, and of the same length
victim=$(head -c 6 /dev/urandom | od -An -tx1 | tr -dc 0-9a-f)
lie=kworkerrcuu0

# looks WHAT OPTION...: what the host sees, into $seen; how long it took
looks() {
	local begin end
	read -r begin _ </proc/uptime
	vsbctl watch "$@" >$seen 2>&1 || { cat $seen; return 1; }
	read -r end _ </proc/uptime
	echo "$begin $end" | awk '{ printf "%.1f s", $2 - $1 }' >/run/watch.time
}
# sees WHEN WHAT [OPTION...]
sees() {
	local when=$1
	shift
	check "$when: vsbctl watch $*" looks vm1 "$@" || { cat /run/vsb/vsbypassd.log; return 1; }
	note "$when: $* took $(cat /run/watch.time)"
}
shown() { cat $seen; grep -q "$1" $seen; }
shown_not() { cat $seen; ! grep -q "$1" $seen; }
# line PATTERN: of $seen, printed
line() { sed -n "/$1/s/^/# /p" $seen; }

# told PATTERN COMMAND: the user VM says that, between marks that are not in what is typed
told() { con_answers "echo \"=\$($2)=\"" "$1"; }
runs_on() { con_answers 'echo I-$((40+2))-run' I-42-run; }

# pids: those that the user VM has in /proc, a line each
pids() { con_run 'echo PIDS $(ls /proc | grep "^[0-9]")' | tr -d '\r' | sed -n 's/^PIDS //p' | tr ' ' '\n'; }
# all_there: who is in /proc before the look and after it is in what the host has seen
all_there() {
	pids | sort >/run/pids1
	looks vm1 ps || return
	pids | sort >/run/pids2
	awk '$1 ~ /^[0-9]+$/ { print $1 }' $seen | sort >/run/pids.seen
	sort /run/pids1 /run/pids2 | uniq -d >/run/pids
	echo "$(wc -l </run/pids) processes, the host sees $(wc -l </run/pids.seen); missing:"
	sort /run/pids /run/pids.seen /run/pids.seen | uniq -u
	[ "$(wc -l </run/pids)" -gt 20 ] && [ -z "$(sort /run/pids /run/pids.seen /run/pids.seen | uniq -u)" ]
}

# cloud_looks: what the root of the cloud VM sees: a dump of his QEMU, which he changes, and a program
cloud_looks() {
	l1 "l2_lies $BYTES $victim $lie" >$seen
	cat $seen
	grep -q " 2 .*kthreadd" $seen
}

# for a dump; that of the jobs before has less
L1_MB=800
stage "watch: the user VM boots"
bypass_off
! l1_up 2>/dev/null || check "the cloud VM of the jobs before ends" l1_stop || exit 0
check "the cloud VM is up" l1_need || exit 0
check "bypass is set up" bypass_on vm1=0x3f8-0x3ff,0x2f8-0x2ff || exit 0
check "user VM is started" l2_start vm1 "$SECRET2" "" 'L2_ARGS=$(l2_monitor)' || exit 0
check "SSH reaches the console" ssh_console || exit 0
check "login prompt over SSH" con_wait 1200 "vm1 login:" || exit 0
check "login works" con_login "$SECRET2" || exit 0
check "a process of that name runs" told =victim: "sh -c 'printf $victim >/proc/\$\$/comm; while :; do sleep 100; done' >/dev/null & echo \$! >/tmp/pid; echo victim:\$(cat /tmp/pid)" || exit 0
pid=$(con_run 'echo PID $(cat /tmp/pid)' | tr -d '\r' | sed -n 's/^PID //p')
release=$(con_run 'echo RELEASE $(uname -r)' | tr -d '\r' | sed -n 's/^RELEASE //p')
note "Linux $release, process $pid"

stage "watch: nobody lies"
check "control: the host sees all that the user VM has in /proc" all_there
sed -n '$s/^/# /p' /run/check.out
sees "nobody lies" ps
check "the process is there" shown " $victim\$"
check "nothing is hidden" shown_not HIDDEN
line " $victim\$"
sees "nobody lies" modules
check "no module is hidden" shown_not HIDDEN
sees "nobody lies" text --save /run/watch.text
check "no system call leads elsewhere" shown_not '^!'
sees "nobody lies" text --against /run/watch.text
check "no change of the code but jump labels" shown_not 'function entry\|  code  '
sees "nobody lies, live" ps --live
check "live: the process is there" shown " $victim\$"
check "control: the user VM's ps shows it" told '=1=' "ps | grep -v grep | grep -c '{$victim}'"
check "control: its kernel tells its release" told "=$release=" "uname -r"
vsbctl watch --json vm1 ps | sed 's/.*\("stood_s":[0-9.]*\).*/# \1/'
check "the user VM runs on" runs_on

stage "watch: two lie"
check "the module is loaded" told '=done=' "insmod /lib/modules/hide.ko pid=$pid syscall=1 self=1 && echo done"
check "control: the user VM's ps does not show the process" told '=0=' "ps | grep -v grep | grep -c '{$victim}'"
check "control: nor does its kernel let it be signalled" told '=no=' "kill -0 $pid 2>/dev/null || echo no"
check "control: nor is the module in its list" told '=0=' "grep -c ^hide /proc/modules"
check "control: and uname(2) lies" told '=0.0.0-hidden=' "uname -r"
check "the root of the cloud VM looks into the user VM" cloud_looks
check "control: he is shown a false list" shown_not "$victim"
check "control: with another name in it" shown " $lie\$"
sees "two lie" ps
check "the host sees the process" shown "^ *$pid .* $victim\$"
check "and that it is hidden from /proc" shown "^ *$pid .* pids .* $victim\$"
check "nothing of the false list" shown_not "$lie"
check "one process is hidden" shown "HIDDEN: 1\$"
line " $victim\$"
sees "two lie" modules
check "the module, too" shown "^hide .* list\$"
line "^hide"
sees "two lie" text --against /run/watch.text
check "the system call that is patched is named" shown 'system call uname (63): its entry leads to \[hide\]'
check "and the function that is hooked" shown '__x64_sys_newuname is traced or hooked'
check "and what has changed since" shown 'function entry *__x64_sys_newuname'
sed -n '3,$s/^/# /p' $seen
check "the user VM runs on" runs_on

stage "watch: what cannot be seen"
fails_with() {	# TEXT COMMAND...: it fails, and says TEXT
	local text=$1
	shift
	! "$@" >/run/refusal 2>&1 && grep -q "$text" /run/refusal
}
check "no such user VM" fails_with "no user VM" vsbctl watch vm9 ps
con_close
check "user VM ends" l2_end vm1
