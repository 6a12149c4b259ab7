# SPDX-License-Identifier: GPL-2.0
# Keyboard and mouse of a user VM, without and with the bypass: what is typed outside
# arrives, what the administrator of the cloud VM types does not, and he sees nothing.

KEYS="a:30 b:48 c:46 d:32 e:18 f:33 g:34 h:35 i:23 j:36 k:37 l:38 m:50 n:49 o:24 p:25 q:16
	r:19 s:31 t:20 u:22 v:47 w:17 x:45 y:21 z:44 1:2 2:3 3:4 4:5 5:6 6:7 7:8 8:9 9:10 0:11
	f1:59 f2:60 up:103 left:105 home:102 end:107 tab:15 spc:57"
VNC_SSH="$(echo $SSH) -s vm1@127.0.0.1 vnc"

# random_keys N: names on one line, and the events that Linux makes of them in /run/want
random_keys() {
	awk -v n="$1" -v keys="$(echo $KEYS)" -v seed="$(od -An -N3 -tu4 /dev/urandom)" 'BEGIN {
		srand(seed)
		m = split(keys, pair, " ")
		for (i = 0; i < n; i++) {
			split(pair[int(rand() * m) + 1], k, ":")
			printf "%s%s", i ? " " : "", k[1]
			print k[2], 1 "\n" k[2], 0 >"/run/want"
		}
	}'
}

# type_random N: N keys arrive in order, each once. A few at a time: a reader that does
# not get to run, as in a slow lab, has room for 64 events (evdev.c), three for each change
# of a key.
type_random() {
	local names left=$1 part
	names=$(random_keys "$1")
	reader_on AT || return
	while [ "$left" -gt 0 ]; do
		part=$(echo "$names" | cut -d' ' -f-8)
		names=$(echo "$names" | cut -d' ' -f9-)
		left=$((left - 8))
		vsbctl send-key vm1 $part && con_run "keys show AT | wc -l" >/dev/null || return
	done
	keys_are
}

# vnc_types CLIENT: a key of that one, the command that vnc_send talks to, arrives
vnc_types() {
	reader_on AT
	check "a VNC client types" /lab/tests/vnc_send "$1" "down 62" "up 62" "pause 3000"
	printf '48 1\n48 0\n' >/run/want
	check "it arrives" keys_are
}

# mouse_is EVENTS: what it has said
mouse_is() {
	con_run "keys show Mouse" | tr -d '\r' | sed -n 's/^= //p' | tr '\n' , >/run/mouse
	check "it arrives" sh -c "cat /run/mouse; grep -qF '$1' /run/mouse"
}
no_trouble() {
	con_run "dmesg | grep -iE 'i8042|atkbd|psmouse|serio'" >/run/serio
	sed 's/^/# /' /run/serio
	grep -q 'i8042 KBD port' /run/serio && grep -q 'i8042 AUX port' /run/serio &&
		! grep -iE 'error|fail|time.?out|lost|unknown|spurious|can.t' /run/serio
}

stage "cloud VM boots"
check "the cloud VM is up" l1_need || exit 0

stage "run 1, without bypass: user VM boots"
control_boot "$SECRET1"
check "control: login works" con_login "$SECRET1"
reader_on AT
check "control: the administrator types" admin_types 0fa1
printf '11 1\n11 0\n33 1\n33 0\n30 1\n30 0\n2 1\n2 0\n' >/run/want
check "control: it arrives" keys_are
check "control: the tap sees the keys" sh -c "echo $(l1 tap_keys) | grep 0fa1"
check "control: so does the log of QEMU" l1 "grep -q ps2_put_keycode /run/tap/ps2.log"
con_close
l1 relay_stop
check "control: user VM ends" l1 l2_kill vm1

stage "run 2, with bypass: user VM boots, its boot menu is entered by key"
check "bypass is set up" bypass_on vm1=0x3f8-0x3ff,ps2 || exit 0
l1 'rm -f /run/tap/ps2.log'
check "the tap is set" l1 tap_on
check "user VM is started" keyboard_start vm1 "$SECRET2" menu
check "SSH reaches the console" ssh_console
check "firmware offers its boot menu" con_wait 300 "for boot menu"
check "a key is pressed" vsbctl send-key vm1 esc
check "it is taken: the menu is there" con_wait 300 "Select boot device"
check "a choice is typed" vsbctl send-key vm1 1
check "login prompt" con_wait 1200 "vm1 login:"
check "login works" con_login "$SECRET2"
proxy=$(of_vm1 proxy_pid)
mouse_there() { con_run "keys all" | grep "Mouse"; }
check "Linux finds the mouse" wait_for 60 mouse_there || con_run "keys all; dmesg | tail -n 30"
check "Linux finds controller, keyboard and mouse, without trouble" no_trouble

stage "typing"
cost() { echo "$(of_vm1 reads) $(of_vm1 writes) $(of_vm1 irq_edges)"; }
check "200 random keys arrive in order" type_random 200
before=$(cost)
check "ten more" vsbctl send-key vm1 a b c d e f g h i j
note "reads, writes, edges: $before before ten keys, $(cost) behind them"
reader_on AT
printf 'Ab 1\n' >/run/text
check "vsbctl type: a text" sh -c 'vsbctl type vm1 </run/text'
printf '42 1\n30 1\n30 0\n42 0\n48 1\n48 0\n57 1\n57 0\n2 1\n2 0\n28 1\n28 0\n' >/run/want
check "it arrives" keys_are
check "Alt-SysRq-h" vsbctl send-key vm1 alt-sysrq-h
check "Linux prints its help" con_run 'dmesg | grep "sysrq: HELP"'
check "that was it" sh -c "grep -q 'sysrq: HELP' $CON/log"

stage "VNC over SSH"
vnc_types "$VNC_SSH"
reader_on Mouse
check "a VNC client moves and clicks" /lab/tests/vnc_send "$VNC_SSH" "move 100 100" "pause 1000" \
	"move 110 95" "pause 2000" "buttons 1" "pause 2000" "buttons 0" "pause 3000"
mouse_is "2 0 10,2 1 -5,1 272 1,1 272 0,"
con_run "keys light 1" >/dev/null
check "a light that the user VM switches on shines there" \
	/lab/tests/vnc_send "$VNC_SSH" "leds 4"
con_run "keys light 0" >/dev/null
check "and goes out" /lab/tests/vnc_send "$VNC_SSH" "leds 0"

stage "the administrator"
reader_on AT
check "he types" admin_types 0fa1
check "the user VM's own keys arrive meanwhile" vsbctl send-key vm1 x y z
printf '45 1\n45 0\n21 1\n21 0\n44 1\n44 0\n' >/run/want
check "his do not" keys_are
check "he floods the lines" l1 admin_floods
check "keys arrive in order all the same" type_random 20
reader_on AT
if [ "$IRQ" = agent ]; then
	check "the agent is stopped" l1 agent_stop
	check "no interrupt, no key: that is said" sh -c '! vsbctl send-key vm1 a 2>/run/err && cat /run/err'
	l1 agent_start
	check "the agent is back: keys arrive" wait_for 60 vsbctl send-key vm1 b
	keys_seen
	check "and are the last ones" sh -c 'tail -n 2 /run/got | tr "\n" , | grep -q "48 1,48 0,"'
fi
check "tap: no access to the ports but what the module has shown" tap_explained
check "tap: its controller saw us and the administrator alone" l1 tap_only_us

stage "a proxy goes and comes"
check "it is killed" kill -9 "$proxy"
check "another one comes" wait_for 200 sh -c "vsbctl status --json | grep -q '\"state\" *: *\"bound\"'"
check "keys arrive in order" type_random 20
reader_on Mouse
check "and the mouse moves" /lab/tests/vnc_send "$VNC_SSH" "move 100 100" "pause 1000" \
	"move 90 93" "pause 2000"
mouse_is "2 0 -10,2 1 -7,"

stage "a proxy that is a domain"
con_close
# its monitor is what virsh send-key uses, its VNC server virt-viewer
check "a QEMU with a VM of its own" dom_start -monitor tcp:127.0.0.1:7002,server=on,wait=off \
	-device VGA,romfile= -vnc 127.0.0.1:2
check "it is the proxy" vsbctl serve --pid "$(dom)" c1 vm1 console1
con_pipes $DOM
check "its serial port is the user VM's" con_shell "$SECRET2"
reader_on AT
{ printf 'sendkey %s\n' d o m; sleep 3; } | nc 127.0.0.1 7002 >/dev/null
printf '32 1\n32 0\n24 1\n24 0\n50 1\n50 0\n' >/run/want
check "keys of its monitor arrive" keys_are
vnc_types "nc 127.0.0.1 5902"
reader_on Mouse
check "and moves" /lab/tests/vnc_send "nc 127.0.0.1 5902" "move 100 100" "pause 1000" \
	"move 110 95" "pause 2000"
mouse_is "2 0 10,2 1 -5,"
check "vsbctl send-key: whose keyboard it is" sh -c 'vsbctl send-key vm1 a 2>&1 | grep "virsh send-key"'
kill -9 "$(dom)"
check "vsbypassd has a proxy again" wait_for 100 of_vsbypassd
con_close
check "SSH reaches the console" ssh_console
check "the console works" con_shell "$SECRET2"
check "keys arrive in order" type_random 20
proxy=$(of_vm1 proxy_pid)

stage "the user VM reboots"
con_send 'reboot -f\r'
check "reboot=k: it boots again" con_wait 1200 "vm1 login:"
check "with the same proxy" test "$(of_vm1 proxy_pid)" = "$proxy"
check "a reset was seen" test "$(of_vm1 resets)" -ge 1
check "Ctrl-Alt-Del is typed" vsbctl send-key vm1 ctrl-alt-delete
check "it boots again" con_wait 1200 "vm1 login:"
check "with the same proxy" test "$(of_vm1 proxy_pid)" = "$proxy"

stage "a user VM that writes what it likes"
check "login works" con_login "$SECRET2"
con_send 'while :; do for p in 96 100; do dd if=/dev/urandom of=/dev/port bs=1 count=1 seek=$p 2>/dev/null; done; done\r'
sleep 60
check "the proxy is there" vsbctl status
con_close
check "user VM ends" l2_end vm1
l1 dmesg | klog_of l1
