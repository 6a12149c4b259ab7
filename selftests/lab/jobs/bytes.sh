# SPDX-License-Identifier: GPL-2.0
# 16 KiB with all byte values through SSH each way, compared byte for byte.
SIZE=16384

# the user VM and the way to it, as eavesdrop.sh leaves them or made anew
uservm_need "$SECRET2" || exit 0

# Every value, and every value after every other somewhere: a generator that
# both sides have. It has no long runs and no order that a lost byte could fit.
cat >/run/gen.sh <<'EOT'
i=0; x=1; while [ $i -lt 256 ]; do printf "\\$(printf %03o $i)"; i=$((i+1)); done
EOT
sh /run/gen.sh >/run/all256
head -c $((SIZE - 4096)) /dev/urandom >/run/data
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do cat /run/all256; done >>/run/data
sum=$(md5sum </run/data | cut -d' ' -f1)
check "the data is $SIZE bytes" test "$(wc -c </run/data)" = $SIZE

# In: a raw terminal takes them all, and a raw session passes them all.
stage "bytes: to the user VM"
con_close
check "SSH reaches the console, raw" ssh_console raw || exit 0
con_send "stty raw -echo; echo READY-\$((1))-; head -c $SIZE >/tmp/in; stty sane; md5sum </tmp/in\r"
check "user VM reads" con_wait 300 "READY-1-"
cat /run/data >$CON/in
if con_wait 1500 "$sum"; then
	ok "all bytes arrive in the user VM unchanged"
else
	not_ok "all bytes arrive in the user VM unchanged"
	con_unseen | tail -c 300 | od -c | head -n 20 | sed 's/^/# /'
fi

# Out: the file back; what the log has between two marks is what came.
stage "bytes: from the user VM"
con_send "stty raw -echo; printf 'MARK%d-' 7; cat /tmp/in; printf -- '-MARK%d-' 8; stty sane\r"
check "user VM sends" con_wait 1500 "-MARK8-"
from=$(strings -t d -n 6 $CON/log | grep 'MARK7-' | tail -n 1 | sed 's/^ *//' | cut -d' ' -f1)
tail -c +$((${from:-0} + 7)) $CON/log | head -c $SIZE >/run/back
if cmp /run/data /run/back >/run/cmp 2>&1; then
	ok "all bytes arrive at the SSH client unchanged"
else
	not_ok "all bytes arrive at the SSH client unchanged"
	echo "# wanted: the $SIZE bytes that were sent; seen: $(cat /run/cmp)"
fi
con_send "\r"
con_close
l1 dmesg | klog_of l1
