# SPDX-License-Identifier: GPL-2.0
# The ioctl interface, fuzzed; HOURS for so long, else some seconds. The program loads and unloads
# the module itself.
if [ -x /lab/tests/fuzz_test ]; then
	bypass_off
	if [ -n "$HOURS" ]; then
		VSB_SECONDS=$(echo "$HOURS" | awk '{ print $1 * 1800 }')
		export VSB_SECONDS
	fi
	[ -z "$SEED" ] || export VSB_SEED="$SEED" VSB_SECONDS=0
	/lab/tests/fuzz_test /lab/kvm-vsbypass.ko
else
	not_ok "fuzz_test is built"
fi
