# SPDX-License-Identifier: GPL-2.0
# The experiment: the same login on the same setup, the same password at the keyboard, and on
# the screen, without and with the bypass; what does the administrator of the cloud VM get
# of it, and does what he types arrive?
#
# Lines "@result KEY VALUE" are for the table of make demo.

. /lab/screen.sh

result() { echo "@result $*"; }

# taps RUN: what they have after a run, as @result lines and in /run/tap.*
taps() {
	local answered
	l1 tap_lines >/run/tap.lines
	l1 tap_typed >/run/tap.typed
	answered=$?
	l1 "cat /run/tap/vm1.log" >/run/tap.log
	result "$1-accesses" "$(cat /run/tap.lines)"
	result "$1-logged" "$(l1 "wc -c </run/tap/vm1.log")"
	# one line, printable: it is shown to people
	[ $answered = 124 ] || result "$1-typed" "$(tr -c ' -~' ' ' </run/tap.typed)"
}

# explained: see tap_explained
explained() {
	if check "tap: no access but those that the module has shown, and as many" tap_explained; then
		result run2-explained yes
	else
		result run2-explained no
	fi
	sed -n '1s/^/# /p' /run/check.out
}

# listed: what is installed in the cloud VM, as its administrator sees it
listed() {
	result run2-programs "$(l1 programs | tr '\n' ' ')"
	l1 ours_here >/run/ours
	[ $? = 124 ] || result run2-ours "$(tr '\n' ' ' </run/ours)"
	has_agent || check "nothing of VSBypass is in the cloud VM" nothing_of_ours
}
nothing_of_ours() { cat /run/ours; [ ! -s /run/ours ]; }

# keyboard RUN SECRET COMMAND...: the secret is typed with that
keyboard() {
	local run=$1 secret=$2
	shift 2
	reader_on AT
	check "$run: the password is typed at the keyboard" "$@" || return
	check "$run: it arrives" wait_for 100 keys_text_is "$secret"
	l1 tap_keys >/run/tap.keys && result "$run-keys" "$(tr -c ' -~' ' ' </run/tap.keys)"
	reader_on AT
	check "$run: the administrator types" admin_types "$ADMIN_TEXT"
}
ADMIN_TEXT=e11e
keyboard_outside() {
	stage "run 2: password at the keyboard, over vsbctl type"
	keyboard run2 "$SECRET2" type_outside
	# time for what must not come: until a key typed behind it has
	check "what the administrator types does not arrive" vsbctl send-key vm1 5
	check "only what was typed outside does" wait_for 100 keys_text_is 5 &&
		result run2-admin "does not arrive"
}
type_outside() { printf %s "$SECRET2" | vsbctl type vm1; }

# on_screen SECRET: the user VM shows it
on_screen() {
	con_run "printf '\\\\033[2J\\\\033[H$DIGITS\\\\n$1\\\\n' >/dev/tty1" >/dev/null
}
screen_inside() {
	stage "run 1: password on the screen that the cloud VM has"
	on_screen "$SECRET1"
	check "control: the administrator's screendump shows it" sees dump run1-screendump "$SECRET1"
	WIDTH=$(sed -n '1s/ x .*//p' /run/run1-screendump.txt)
	HEIGHT=$(sed -n '1s/.* x \([0-9]*\),.*/\1/p' /run/run1-screendump.txt)
	check "control: it is in the memory of his card" sees video run1-video "$SECRET1"
	check "control: his VNC server shows it" sees client run1-vnc "$SECRET1" && result run1-screen shown
	for way in screendump video vnc; do result "run1-$way" "$(words "run1-$way")"; done
}
screen_outside() {
	stage "run 2: password on the screen, over VNC and SSH"
	on_screen "$SECRET2"
	check "VNC over SSH shows it" sees outside run2-screen "$SECRET2" && result run2-screen shown
	WIDTH=1024 HEIGHT=768
	check "his screendump is that of a card that no guest has touched" untouched dump run2-screendump
	saw run2-screendump $?
	check "nothing was written to the memory of his card" nothing_written run2-video
	saw run2-video $?
	check "his VNC server shows what his screendump does" untouched client run2-vnc
	saw run2-vnc $?
}
# saw NAME STATUS: a picture that is as it must be says nothing; any other, what is on it
saw() {
	[ -s "/run/$1.txt" ] || return
	if [ "$2" = 0 ]; then
		result "$1" ""
	else
		result "$1" "another picture: $(words "$1")"
	fi
}

stage "cloud VM boots"
check "the cloud VM is up" l1_need || exit 0

stage "run 1, without bypass: user VM boots"
control_boot "$SECRET1" screen_start
stage "run 1: login on the console that the cloud VM offers"
check "control: login with the secret works" con_login "$SECRET1" &&
	result run1-login ok || result run1-login failed
taps run1
check "control: the tap sees the secret in the port accesses" grep -q "$SECRET1" /run/tap.typed
stage "run 1: password at the keyboard that the cloud VM offers"
# the person's VNC client is a monitor command here: the way into QEMU is the same
keyboard run1 "$SECRET1" admin_types "$SECRET1"
check "control: the tap sees the secret in the keys" grep -q "$SECRET1" /run/tap.keys
check "control: what the administrator types arrives" wait_for 100 keys_text_is "$ADMIN_TEXT" &&
	result run1-admin arrives
check "control: the log of the character device has the prompt" grep -q "vm1 login:" /run/tap.log
grep -q "$SECRET1" /run/tap.typed && result run1-secret "$SECRET1"
screen_inside
con_close
l1 relay_stop
check "control: user VM ends" l1 l2_kill vm1

stage "run 2, with bypass: module, daemons, proxy"
# where the firmware of the user VM writes its messages, and where they are to be read
debug=
[ -n "$DEMO" ] || debug=0x402
firmware=/var/log/vsbypass/vm1.0x402.log
(umask 077; mkdir -p ${firmware%/*}; : >$firmware)
check "bypass is set up" bypass_on "vm1=0x3f8-0x3ff,0x2f8-0x2ff,ps2,vga${debug:+,$debug}" || exit 0
check "the tap is set" l1 "tap_on 0x2f8-0x2ff 0x3b0-0x3df 0x1ce-0x1d1 $debug"
stage "run 2: user VM boots"
check "user VM is started" screen_start vm1 "$SECRET2"
check "SSH reaches the console" ssh_console
check "login prompt over SSH" con_wait 1200 "vm1 login:"
if [ -n "$INTERACTIVE" ]; then
	# the person at the terminal of make demo; Ctrl-E c . comes back
	con_close
	sleep 1
	echo "@@lab $TOKEN interactive -"
	$SSH -tt vm1@127.0.0.1 </dev/ttyS1 >/dev/ttyS1 2>&1
	stty -F /dev/ttyS1 raw -echo
	echo
	echo "@@lab $TOKEN interactive-end -"
	if ssh_console && con_shell "$SECRET2"; then
		keyboard_outside
		screen_outside
	fi
	taps run2
	explained
	listed
	check "tap: not one byte in the character device's log" test ! -s /run/tap.log
	result run2-login person
	con_close
	exit 0
fi
stage "run 2: login over SSH"
check "login with the secret works" con_login "$SECRET2" &&
	result run2-login ok || result run2-login failed
check "commands work" con_run "uname -r; cat /proc/uptime"
keyboard_outside
screen_outside
taps run2
explained
listed
# warnings and what is worse; all of it would take minutes on this console
[ -n "$DEMO" ] || con_run "dmesg -r | grep '^<[0-4]>'" | klog_of l2
check "vsbctl says that the user VM is bound" sh -c 'vsbctl status --json | tr -d " \n" | grep -q "\"state\":\"bound\""'
[ -z "$debug" ] || check "the debug console's log has what SeaBIOS says" grep -a SeaBIOS $firmware
check "tap: not one byte in the character device's log" test ! -s /run/tap.log
check "tap: the secret is nowhere in the trace" \
	sh -c "! grep -q '$SECRET2' /run/tap.typed && ! grep -q . /run/tap.keys"
con_send "exit\r"
con_close
# Those that follow want what a user VM without a screen has, a domain as its proxy for one.
if [ -z "$DEMO" ]; then
	check "user VM ends" l2_end vm1
	check "bypass is taken away" bypass_off
fi
l1 dmesg | klog_of l1
