# SPDX-License-Identifier: GPL-2.0
# A user VM that reboots keeps its proxy; one that is stopped and started again is
# another one, which gets nothing of the first. Job "identity" is the same, and much
# more, with user VMs of a few instructions.

uservm_need "$SECRET2" || exit 0

state_is() { vsbctl status --json | grep -q "\"state\" *: *\"$1\""; }
comes_up() { con_wait 600 "vm1 login:" || logs; }

bound=$(of_vm1 bound_ns)
proxy=$(of_vm1 proxy_pid)
con_send 'sync; reboot -f\r'
check "identity-reboot: it boots again, on the same console" comes_up
check "identity-reboot: a reset was seen" test "$(of_vm1 resets)" -ge 1
check "identity-reboot: it is the same user VM" test "$(of_vm1 bound_ns)" = "$bound"
check "identity-reboot: with the same proxy" test "$(of_vm1 proxy_pid)" = "$proxy"
check "identity-reboot: login works" con_login "$SECRET2"

con_send 'echo the-first-one-$((40+2))\r'
check "identity-restart: the first one writes" con_wait 100 "the-first-one-42"
con_close
check "identity-restart: it is stopped" l2_end vm1
check "identity-restart: its proxy waits for another one" wait_for 100 state_is waiting
check "identity-restart: the other one is started" l2_start vm1 "$SECRET2"
check "identity-restart: SSH reaches the console" ssh_console
check "identity-restart: it boots on the console" comes_up
check "identity-restart: it is another user VM" test "$(of_vm1 bound_ns)" != "$bound"
check "identity-restart: with another proxy" test "$(of_vm1 proxy_pid)" != "$proxy"
check "identity-restart: nothing of the first is replayed" sh -c "! grep -q the-first-one $CON/log"
check "identity-restart: login works" con_login "$SECRET2"
con_close
