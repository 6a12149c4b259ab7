# SPDX-License-Identifier: GPL-2.0
# A whole user VM that has to prove who it is. One with another key is the impostor that
# the cloud VM's administrator starts: the person at the console sees nothing of it. The
# control is the same impostor at a console that asks for no proof: there the person logs
# in to it. What of typed data reaches whom, identity_test says.

bypass_off
if l1_up 2>/dev/null; then l1 l2_kill vm1; fi
check "the cloud VM is up" l1_need || exit 0

status_has() { vsbctl status | grep -q "^ *vm1 .* $1 " || { vsbctl status; return 1; }; }
written() { vsbctl status --json | grep -o '"writes" *: *[0-9]*' | tr -dc 0-9; }
# it has made most of the accesses as in the control, where it is at its prompt
at_prompt() {
	local n
	n=$(written)
	[ "${n:-0}" -gt $((written * 7 / 10)) ]
}
says() { con_wait 600 "$1" || { vsbctl status --json; cat /run/vsb/*.log; return 1; }; }
# since there were $begin bytes: the prompt may come at once behind the notice
told() { tail -c "+$((begin + 1))" $CON/log | grep -q "$1"; }
shows() { grep -q 'login:\|Linux version\|vsb-identify:' $CON/log; }

mkdir -p /run/other
check "keys are made" sh -c 'vsbctl key --replace vm1 >/run/vm1.key &&
	vsbctl key --replace --identity /run/other/identity vm1 >/run/other.key'

stage "control: no proof is asked for"
check "control: bypass is set up" bypass_on vm1
check "control: impostor is started" l2_start vm1 "$SECRET1" /run/other.key
check "control: SSH reaches the console" ssh_console
check "control: impostor's login prompt is shown" says "vm1 login:"
written=$(written)
check "control: it takes what is typed" con_login "$SECRET1"
check "control: so it is seen if there is something to see" shows
con_close
check "control: impostor is stopped" l1 l2_kill vm1
bypass_off

stage "a proof is required"
check "bypass is set up" bypass_on vm1=identity=required
check "SSH reaches the console" ssh_console
check "the console says that nobody has proved anything" says "identity: not proved"
check "impostor is started" l2_start vm1 "$SECRET1" /run/other.key
check "impostor boots, and waits at its prompt" wait_for 600 at_prompt
# the rest of it
sleep 20
check "vsbctl says that it is not proved" status_has required,unproved
check "not a byte of it is shown" sh -c "! grep -q 'login:\|Linux version\|vsb-identify:' $CON/log"
check "impostor is stopped" l1 l2_kill vm1

begin=$(wc -c <$CON/log)
check "the real one is started" l2_start vm1 "$SECRET2" /run/vm1.key
check "login prompt" says "vm1 login:"
check "its proof was told" told "identity: proved, as required"
check "vsbctl says that it is proved" status_has required,proved
check "login works" con_login "$SECRET2"

begin=$(wc -c <$CON/log)
con_send 'sync; reboot -f\r'
check "after a reboot: login prompt" says "vm1 login:"
check "it counted as not proved" told "identity: not proved"
check "until it had proved itself again" told "identity: proved, as required"
con_close
l2_end vm1
bypass_off
rm -r /etc/vsbypass/identity
