# SPDX-License-Identifier: GPL-2.0
# Proxies that have no process before somebody needs one (start=client): micro guests, whose output
# since their start is there for the first client, or is counted; which go on while nobody is attached,
# while vsbypassd is away and begins anew; and of which the cloud VM has nothing.
. /lab/micro.sh

OUT=/run/rest.out
# rests N: its proxy does
rests() {
	vsbctl status --json | tr -d ' \n' | sed "s/.*\"name\":\"vm$1\"//" | grep -o '"resting":[a-z]*' | head -n 1 |
		grep true
}
runs() { ! rests "$1"; }
have_processes() { [ "$(proxies | wc -l)" = "$1" ]; }
lost() {
	vsbctl status --json | tr -d ' \n' | sed "s/.*\"name\":\"vm$1\"//" | grep -o '"lost":\[[0-9]*' | head -n 1 | tr -dc 0-9
}
loses() { [ "$(lost "$1")" -gt 0 ]; }
# listen N SECONDS [watch]: what a client hears; who only watches has each byte, and no backlog
listen() {
	sleep "$2" | $SSH -T "vm$1@127.0.0.1" $3 >$OUT 2>/dev/null &
	sleep "$2"
	kill "$!"
}
# in_order [behind]: the lines that the user VM has said, each one more than the one before; or those behind
# the notice of what is missing. (Before it is a backlog, in which some bytes of these are sequences that make
# a terminal answer, which are left out.)
in_order() {
	tr -d '\r' <$OUT | LC_ALL=C awk -v wait="$1" '
		function hex(s,  i, n) { for (i = 1; i <= length(s); i++) n = n * 16 + index("0123456789abcdef", substr(s, i, 1)) - 1; return n }
		BEGIN { last = -1 }
		/missing here/ { last = -1; wait = ""; next }
		wait == "" && /^o [0-9a-f][0-9a-f][0-9a-f][0-9a-f] / {
			n = hex($2); lines++
			if (last >= 0 && n != (last + 1) % 65536) { wrong++; print "behind " last ": " n ", between:" between }
			last = n
			between = ""
			next
		}
		{ between = between "\n" $0 }
		END { print lines + 0 " lines, " wrong + 0 " not in order"; exit wrong > 0 || lines < 20 }'
}
# gap_is BYTES: so many are missing where the notice is, but for lines that are cut there, and one that the
# backlog may have left out
gap_is() {
	tr -d '\r' <$OUT | LC_ALL=C awk -v bytes="$1" '
		function hex(s,  i, n) { for (i = 1; i <= length(s); i++) n = n * 16 + index("0123456789abcdef", substr(s, i, 1)) - 1; return n }
		/missing here/ { at = last; noticed++; next }
		/^o [0-9a-f][0-9a-f][0-9a-f][0-9a-f] / {
			last = hex($2)
			if (noticed && gap == "") gap = (last - at - 1 + 65536) % 65536
		}
		END {
			print noticed " notice, " gap " lines of 57 bytes for " bytes " bytes"
			exit noticed != 1 || (gap - 1) * 57 > bytes || (gap + 2) * 57 < bytes
		}'
}
# says_lost: how many bytes of it the client was told are missing
says_lost() { tr -d '\r' <$OUT | grep -o 'kept: [0-9]* bytes' | tr -dc 0-9; }
logged() { grep "$1" /run/vsb/vsbypassd.log; }

stage "rest: user VMs without a process"
bypass_off
check "the cloud VM is up" l1_need || exit 0
check "the bypass is set up" bypass_on vm1=start=client vm2=0x3f8-0x3ff,0x2f8-0x2ff,start=client vm3 || exit 0
check "one of three proxies is a process" have_processes 1
check "micro guests run" micro_start some 5 60000 1 2 3
check "and are bound" wait_for 100 states_are 3 bound
sleep 3
check "one of three is a process" have_processes 1
check "status says so" rests 2
note "first byte to a client, s/100: of one that rests $(first_byte 2), of one that runs $(first_byte 3)"
check "the client has started it" runs 2
check "the one of whom nobody wants anything rests" rests 1
check "what it has said since its start is there, and it is who it should be" talks 1 0 20
check "three processes" have_processes 3
check "its client heard each byte: nothing is lost" test "$(lost 1)" = 0

stage "rest: nobody is attached any more"
check "it rests after a while" wait_for 150 rests 1 || logs
check "and the other one" wait_for 150 rests 2
check "their processes are gone" have_processes 1
check "it speaks on: 64 KiB are full" wait_for 200 loses 1
check "a client comes" listen 1 10
check "it is told how much was not kept" test "$(says_lost)" -gt 0 || tail -c 300 $OUT
check "all lines behind that are in order" in_order behind
check "it is exactly what is missing" gap_is "$(says_lost)"
note "$(says_lost) bytes were not kept; the client had $(wc -c <$OUT)"

stage "rest: vsbypassd is killed, and begins anew"
check "it rests again" wait_for 150 rests 1
kill -9 "$(cat /run/vsb/vsbypassd.pid)"
rm /run/vsb/vsbypassd.pid
sleep 2
start_daemon vsbypassd vsbypassd
check "another vsbypassd is there" wait_for 60 vsbypassd_ready
check "it rests" rests 1
check "its user VM is bound" state_is vm1 bound
check "a client comes" listen 1 10 watch
check "all lines are in order" in_order
check "killed while it runs" kill -9 "$(cat /run/vsb/vsbypassd.pid)"
rm /run/vsb/vsbypassd.pid
start_daemon vsbypassd vsbypassd
check "another vsbypassd is there" wait_for 60 vsbypassd_ready
check "the process is the same" runs 1
check "and rests later" wait_for 150 rests 1

stage "rest: its process dies"
check "a client comes" listen 1 3
pid=$(vsbctl status --json | tr -d ' \n' | grep -o '"name":"vm1","state":"[a-z]*","proxy_pid":[0-9]*' | tr -dc 0-9 | sed 's/^1//')
# without one kill would end this job (busybox takes "" for 0)
check "its QEMU is killed" kill -9 "${pid:-none}"
check "it rests" wait_for 150 rests 1
check "a client comes" listen 1 10 watch
check "all lines are in order" in_order

check "nothing of all that is in the cloud VM" micro_unseen some
micro_end some
check "away" vsbctl detach --reflect c1
l1 dmesg | klog_of l1
check "the module is, too" bypass_off
