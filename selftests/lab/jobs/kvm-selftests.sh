# SPDX-License-Identifier: GPL-2.0
# Others' VMs are as they were: KVM's own selftests (lab/stock.py) end alike on a host without the
# module, and with it attached to a cloud VM whose user VM counts on its console all the time. A
# test that fails is listed; what may not be is another end. LIMIT: seconds for one test; ONLY: a
# pattern, of those that are wanted.

STOCK=/lab/stock
# of the host, which on Bochs are ten of ours
[ "$HOST" = amd ] && : "${LIMIT:=300}" || : "${LIMIT:=60}"
dir=/run/kst
mkdir -p $dir

# an end is pass, skip (KSFT_SKIP), late, or fail and the exit status
ended() {
	case $1 in
	0) echo pass ;;
	4) echo skip ;;
	*) [ "$2" -lt "$LIMIT" ] && echo "fail-$1" || echo late ;;
	esac
}

# runs TEST WHEN: its end, and what it has said, into $dir. It has a session of its own: with it ends
# what it has started
runs() {
	local pid rc begin
	now
	begin=$now
	# shellcheck disable=SC2046 # arguments
	setsid $STOCK/"$1" $(sed -n "s/^$1 //p" $STOCK/list) >"$dir/$1.$2.out" 2>&1 &
	pid=$!
	while kill -0 $pid && now && [ $((now - begin)) -lt "$LIMIT" ]; do sleep 0.2; done 2>/dev/null
	kill -9 -$pid 2>/dev/null
	wait $pid
	rc=$?
	now
	ended $rc $((now - begin)) >"$dir/$1.$2"
	echo "# $2: $1 $(cat "$dir/$1.$2"), $((now - begin)) s"
}
# all_run WHEN
all_run() { for t in $tests; do runs "$t" "$1"; done; }
# counted WHEN END
counted() { cat $dir/*."$1" | grep -c "^$2"; }

tests=$(sed "s/ .*//" $STOCK/list | grep "${ONLY:-.}")
stage "without the module"
bypass_off
check "the cloud VM is up" l1_need || exit 0
l1 "l2_kill vm1" >/dev/null 2>&1
check "user VM is started" l2_start vm1 "$SECRET1" || exit 0
conventional_console
check "login prompt" con_wait 1200 "vm1 login:" || exit 0
check "login works" con_login "$SECRET1" || exit 0
count_starts 0.5
all_run without
check "control: the user VM counts on" counts_on
check "control: the user VM has counted meanwhile" count_whole
con_close
l1 relay_stop
l1 l2_kill vm1

stage "with the module, attached to the cloud VM"
check "bypass is set up" bypass_on vm1=0x3f8-0x3ff,0x2f8-0x2ff || exit 0
check "user VM is started" l2_start vm1 "$SECRET2" || exit 0
check "SSH reaches the console" ssh_console || exit 0
check "login prompt over SSH" con_wait 1200 "vm1 login:" || exit 0
check "login works" con_login "$SECRET2" || exit 0
lines=$(dmesg | grep -c kvm_vsbypass)
count_starts 0.5
all_run with
check "the user VM counts on" counts_on
check "the user VM has counted meanwhile, nothing is lost" count_whole
check "the module has said nothing" test "$(dmesg | grep -c kvm_vsbypass)" = "$lines"

differ=0
for t in $tests; do
	a=$(cat $dir/$t.without) b=$(cat $dir/$t.with)
	# some compare clocks, and an emulated host has those of a machine that has others to serve
	for n in 2 3; do
		[ "$a" != "$b" ] || break
		note "$t: $a, with the module $b; once more"
		runs "$t" with
		b=$(cat $dir/$t.with)
	done
	if [ "$a" = "$b" ]; then
		ok "$t: $a, with the module $b"
	else
		differ=$((differ + 1))
		not_ok "$t: $a, with the module $b"
		tail -n 8 $dir/$t.without.out | sed 's/^/# without: /'
		tail -n 8 $dir/$t.with.out | sed 's/^/# with: /'
	fi
	case $a in
	fail*|late) tail -n 4 $dir/$t.without.out | sed "s/^/# $t says without the module: /" ;;
	esac
done
fails=$(counted without fail) late=$(counted without late)
same="the same with the module"
[ $differ = 0 ] || same="$differ not the same with the module"
note "kvm-selftests: $(echo "$tests" | wc -l) tests: $(counted without pass) pass, $(counted without skip) skip," \
	"$((fails + late)) fail, $same"
con_close
check "user VM ends" l2_end vm1
