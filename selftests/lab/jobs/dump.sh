# SPDX-License-Identifier: GPL-2.0
# The memory of a Linux user VM, read from the host: a core that its kernel is found in, and
# a secret, once that is typed. Job "memory" is what the module does, in every odd case.

uservm_need "$SECRET2" || exit 0

core=/run/vm1.core
# not the text itself: nobody types that on a command line of the host, whose memory this is not
secret=$(head -c 9 /dev/urandom | base64 | tr '+/' '..')

# dumped WHAT OPTION...: a core, and what vsbctl says of it
dumped() {
	local what=$1
	shift
	check "$what: vsbctl dump" vsbctl dump "$@" vm1 $core || return
	sed 's/^/# /' /run/check.out
	check "$what: the file is for root alone" test "$(stat -c %a $core)" = 600
	check "$what: the kernel is found by registers and page tables" \
		sh -c "/lab/tests/core_walk $core >/run/walk"
	sed 's/^/# /' /run/walk /run/check.out
	check "$what: release" grep -qx "release $release" /run/walk
}
fails_with() {	# TEXT COMMAND...: it fails, and says TEXT
	local text=$1
	shift
	! "$@" >/run/refusal 2>&1 && grep -q "$text" /run/refusal
}
has_secret() { grep -q "$secret" $core; }
has_none() { ! has_secret; }
runs_on() { con_run 'echo I-$((40+2))-run' | grep -q I-42-run; }

release=$(con_run 'uname -r' | tr -d '\r' | grep -m 1 '^[0-9].*[0-9a-z]$')
note "user VM has Linux $release"

dumped stopped
check "control: what is typed later is not in it" has_none
check "the user VM runs on" runs_on
con_run "secret=$secret" >/dev/null
dumped "with a secret"
check "the secret is in it" has_secret
check "the user VM runs on" runs_on
dumped live --live
check "live: the secret is in it" has_secret

rm $core
check "a file that cannot be made" fails_with "No such file" vsbctl dump vm1 /nowhere/core
check "no such user VM" fails_with "no user VM" vsbctl dump vm9 $core
check "nothing is left of what failed" sh -c "! ls $core* 2>/dev/null"
check "the user VM runs on" runs_on
con_close
