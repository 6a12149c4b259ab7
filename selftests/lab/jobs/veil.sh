# SPDX-License-Identifier: GPL-2.0
# A user VM behind a veil: a stock kernel boots to its login over the bypassed console, and a
# secret that is made in it is nowhere in what the cloud VM has of its memory. Without the
# veil it is.

# made TEXT...: a shell in the user VM has joined them, in its memory alone
make_secret() { con_run "S=$1; S=\$S$2; export S; sh -c 'sleep 1000000 &'"; }

stage "cloud VM boots"
check "the cloud VM is up" l1_need || exit 0

stage "behind a veil: user VM boots"
check "bypass is set up" bypass_on "vm1=veil=200" || exit 0
check "user VM is started" l2_start vm1 "$SECRET2" "" 'L2_APPEND="swiotlb=2048"'
check "SSH reaches the console" ssh_console
check "login prompt over SSH" con_wait 600 "vm1 login:" || { vsbctl status --json; dmesg | tail -30; l1 "cat /run/qemu-vm1.log; tail -c 3000 /run/tap/vm1.log; dmesg | tail -30"; exit 0; }
check "login with the secret works" con_login "$SECRET2"
check "its kernel says so" con_answers "dmesg | grep -i sev" "AMD SEV"
vsbctl status --json
