# SPDX-License-Identifier: GPL-2.0
# The screen of a user VM, without and with the bypass: what is on it is to be seen outside, and
# the administrator of the cloud VM sees nothing. Text of a boot loader, then Linux at 1024x768.
#
# On Bochs run 1 alone takes half an hour: there the control is that of the job eavesdrop, and one of three
# rounds at the end is enough (lab --set LONG=1: all of it).

. /lab/screen.sh

long() { [ "$HOST" = amd ] || [ -n "$LONG" ]; }

# His dummy shows what a QEMU's screen does that no guest has touched, to the pixel, in a screendump
# and on his VNC server, and in the window and the memory of its card there is nothing.
dummy_is_blank() {
	untouched dump "$1" && untouched client "$1-client" && nothing_written "$1-video" || return
	# ones, where nobody answers
	l1 "l2_window && l2_written '\\000\\377'" >/run/window || return
	cat /run/window
	grep -qx 0 /run/window
}

# A BIOS has room for 15 keys.
in_parts() {
	local text=$2 part
	while [ -n "$text" ]; do
		part=$(printf %s "$text" | cut -c-8)
		text=$(printf %s "$text" | cut -c9-)
		"$1" "$part" || return
		sleep 2
	done
}
# at the administrator's monitor, as whoever sits at his VNC server would
type_inside() { l1 "admin $(printf %s "$1" | sed 's/ /_/g; s/./"sendkey &" /g; s/sendkey _/sendkey spc/g')"; }
type_outside() { printf %s "$1" | vsbctl type vm1; }

# linux_start PASSWORD
linux_start() {
	l2_start vm1 "$1" "" "L2_APPEND='vsb.screen reboot=k' L2_ARGS=\"\$(l2_monitor) \$(l2_screen)\""
}

# edge-card has been run: of these accesses (NAME BYTES...) the card has so much
edges_are() {
	while [ $# -gt 0 ]; do
		con_answers "grep '^$1 ' /tmp/edges" "^$1 [0-9a-f]* [0-9a-f]*$2" || return
		shift 2
	done
}
# what a proxy that is away would have said is lost
fuzzed() { con_shell "$SECRET2" && con_answers "cat /tmp/fuzz" "^1500 steps, "; }

# grub_start [ARGUMENT...]: for QEMU
grub_start() {
	l1 "l2_qemu vm1 $(l1 l2_monitor) $(l1 l2_screen) -drive file=/lab/guests/grub-vga.img,format=raw,if=virtio,readonly=on $*"
}
# GRUB's frame, and what is below that, which it draws last
menu_up() { "$1" "$2" && [ "$(sed -n '1s/.*, \([0-9]*\) letters.*/\1/p' "/run/$2.txt")" -gt 420 ]; }
# its command line, behind the menu: reading what commands there are takes a while
prompt_up() { "$1" "$2" && grep -q '^[.]\{5\}$' "/run/$2.txt"; }
bound() { vsbctl status | grep -q "^ *vm1 *bound"; }

stage "cloud VM boots"
check "the cloud VM is up" l1_need || exit 0

control_grub() {
	stage "run 1, without bypass: GRUB"
	check "control: no bypass is loaded" bypass_off
	check "control: user VM is started, and stands" grub_start -S
	check "control: the administrator's screendump has nothing of it" dump untouched
	l1 'admin cont'
	check "control: the administrator's screendump has GRUB's menu" wait_for 400 menu_up dump control-menu
	l1 'admin "sendkey c"'
	check "control: and its command line" wait_for 200 prompt_up dump control-prompt
	in_parts type_inside "$DIGITS $SECRET1"
	check "control: he reads the secret on it" sees dump control-secret "$SECRET1"
	shown control-secret
	check "control: his VNC server shows it" sees client control-client "$SECRET1"
	check "control: it is in the memory of his card" sees video_text control-video "$SECRET1"
	check "control: user VM ends" l1 l2_kill vm1
}

# The user VM's console goes by the cloud VM, its card does not.
control_edges() {
	stage "run 1, without a screen outside: accesses across the ends of the card"
	check "control: bypass is set up, without a screen" bypass_on vm1=0x3f8-0x3ff || return
	check "control: user VM is started" linux_start "$SECRET1"
	check "control: SSH reaches the console" ssh_console
	check "control: login prompt" con_wait 1200 "vm1 login:"
	check "control: login works" con_login "$SECRET1"
	check "control: they end" con_answers "edge-card >/tmp/edges; tail -n 1 /tmp/edges" "^done"
	check "control: what they write is there" edges_are before-frame-mov 1415161718 behind-frame-mov a1a2a3a4a5a6
	check "control: and in the memory of the administrator's card" l1 "l2_video && tail -c 6 \$SCREEN_FILE | od -An -tx1 | grep 'c1 c2 c3 c4 c5 c6'"
	con_close
	check "control: user VM ends" l2_end vm1
	check "control: bypass is taken away" bypass_off
}

if long; then
	control_grub
	control_edges
fi

stage "run 2, with bypass: GRUB"
check "bypass is set up" bypass_on vm1=0x3f8-0x3ff,ps2,vga || exit 0
check "user VM is started, and stands" grub_start -S
[ -e /run/untouched.ppm ] || check "the administrator's screendump has nothing of it" dump untouched
l1 'admin cont'
check "VNC over SSH shows GRUB's menu" wait_for 400 menu_up outside grub-menu
shown grub-menu
check "a key is pressed" vsbctl send-key vm1 c
check "VNC over SSH shows its command line" wait_for 200 prompt_up outside grub-prompt
check "the secret is typed" in_parts type_outside "$DIGITS $SECRET2"
check "VNC over SSH shows it" sees outside grub-secret "$SECRET2"
shown grub-secret
check "the administrator has nothing of it" dummy_is_blank dummy-text
shown dummy-text

stage "a proxy goes and comes"
check "it is killed" kill -9 "$(of_vm1 proxy_pid)"
check "another one comes" wait_for 200 bound
check "the screen is what it was" sees outside grub-again "$SECRET2"
check "keys arrive" in_parts type_outside " $SECRET1"
check "and are on it" sees outside grub-more "$SECRET1"
check "the administrator has nothing of it" dummy_is_blank dummy-again
check "user VM ends" l2_end vm1
wait_for 100 sh -c '! vsbctl status | grep -q "^ *vm1 *bound"'

stage "run 2: Linux at 1024x768"
check "user VM is started" linux_start "$SECRET2"
check "SSH reaches the console" ssh_console
check "login prompt" con_wait 1200 "vm1 login:"
check "login works" con_login "$SECRET2"
con_run "dmesg | grep -E 'bochs-drm|drm\]|fbcon'" | tr -d '\r' | grep '^\[' | sed 's/^/# /'
check "Linux has a screen of 1024x768" con_answers "cat /sys/class/graphics/fb0/virtual_size" "1024,768"
con_run "printf '\\\\033[2J\\\\033[H$DIGITS\\\\n$SECRET2\\\\n' >/dev/tty1" >/dev/null
check "VNC over SSH shows what it writes" sees outside linux-secret "$SECRET2"
shown linux-secret
check "the administrator has nothing of it" dummy_is_blank dummy-linux
before=$(of_vm1 writes)
note "1000 lines scrolled:" $(con_run "time seq 1 1000 >/dev/tty1" | tr -d '\r' | grep real)
note "3 MiB drawn:" $(con_run "time dd if=/dev/zero of=/dev/fb0 bs=1M count=3" | tr -d '\r' | grep real)
note "accesses for that: $(($(of_vm1 writes) - before)); memory of the proxy:" \
	$(grep Pss: "/proc/$(of_vm1 proxy_pid)/smaps_rollup")

# What is written at one place, first where no tables of 2 MiB fit, is at the next: the card's.
stage "the card is moved"
con_run 'card() { for c in /sys/bus/pci/devices/*; do ! grep -q 0x0300 $c/class || echo $c/config; done; }; bar() { printf "$1" | dd of=$(card) bs=4 seek=4 conv=notrunc 2>/dev/null; }' >/dev/null
check "to 0xbfe00000, behind which 8 MiB cross a GiB" con_answers "bar '\\\\010\\\\000\\\\340\\\\277'; devmem 0xbfe00ffc 32 287454020; devmem 0xc05ffffc 32 1432778632; devmem 0xc05ffffc" 0x55667788
check "to 0xbf011000" con_answers "bar '\\\\010\\\\020\\\\001\\\\277'; devmem 0xbf011ffc" 0x11223344
check "and its end" con_answers "devmem 0xbf810ffc" 0x55667788
check "to 0xbf000000" con_answers "bar '\\\\010\\\\000\\\\000\\\\277'; devmem 0xbf000ffc" 0x11223344
check "and its end" con_answers "devmem 0xbf7ffffc" 0x55667788
check "the administrator has nothing of it" dummy_is_blank dummy-moved
con_run "bar '\\\\010\\\\000\\\\000\\\\375'; printf '\\\\033[2J\\\\033[H$DIGITS\\\\n$SECRET1\\\\n' >/dev/tty1" >/dev/null
check "and back: VNC over SSH shows what it writes" sees outside linux-back "$SECRET1"

stage "nobody serves"
# with VBE on the window is at the begin of the picture, which is black
con_run "(while :; do dd if=/dev/mem bs=16 skip=40960 count=1 2>/dev/null | od -An -v -tx1 | tr -dc 0-9a-f; echo; usleep 100000; done >/tmp/window) & :" >/dev/null
sleep 2
proxy=$(of_vm1 proxy_pid)
check "vsbypassd ends" stop_daemon vsbypassd
check "the proxy is killed" kill -9 "$proxy"
sleep 3
check "the administrator has nothing of it" dummy_is_blank dummy-nobody
con_close
start_daemon vsbypassd vsbypassd
check "vsbypassd is there again" wait_for 100 vsbypassd_ready
check "a proxy serves" wait_for 200 bound
check "SSH reaches the console" ssh_console
check "shell on the console" con_shell "$SECRET2"
con_run "wc -l /tmp/window; sort /tmp/window | uniq -c | head -n 5" | tr -d '\r' | grep '^ *[0-9]' | sed 's/^/# /'
check "the card was unplugged meanwhile: ones" con_answers "sort /tmp/window | uniq -c" "f\{32\}"
con_run "printf '\\\\033[2J\\\\033[H$DIGITS\\\\n$SECRET1\\\\n' >/dev/tty1" >/dev/null
check "VNC over SSH shows what it writes" sees outside linux-again "$SECRET1"
check "the administrator has nothing of it" dummy_is_blank dummy-end

stage "the user VM is reset"
started=$(of_vm1 bound_ns)
con_send 'reboot -f\r'
check "it boots again" con_wait 1200 "vm1 login:"
check "it is the same user VM" test "$(of_vm1 bound_ns)" = "$started"
check "a reset was seen" test "$(of_vm1 resets)" -ge 1
check "login works" con_login "$SECRET2"
con_run "printf '\\\\033[2J\\\\033[H$DIGITS\\\\n$SECRET2\\\\n' >/dev/tty1" >/dev/null
check "VNC over SSH shows what it writes" sees outside linux-reset "$SECRET2"
check "the administrator has nothing of it" dummy_is_blank dummy-reset

# Behind that the picture is anything.
stage "accesses across the ends of the card"
check "they end" con_answers "edge-card >/tmp/edges; tail -n 1 /tmp/edges" "^done"
check "the card has its part of each" edges_are \
	before-frame-mov 1415161718 before-frame-movsb 2425262728 before-frame-movups 3435363738 \
	in-frame-mov 4142434445464748 in-frame-movsb 5152535455565758 in-frame-movups 6162636465666768 \
	middle-of-frame-mov 7172 middle-of-frame-movsb 8182 middle-of-frame-movups 9192 \
	before-window-mov 33343536373839 in-window-mov 6163646566676869
check "where nothing is they read ones" edges_are before-frame-mov "[0-9a-f]* ffffff1415161718" \
	behind-frame-mov "[0-9a-f]* ffffffffffffffff"
check "the administrator has nothing of it" dummy_is_blank dummy-edges

stage "accesses that nobody makes"
for round in $(long && echo 1 2 3 || echo 2); do
	seed=$(od -An -N2 -tu2 /dev/urandom | tr -d ' ')
	con_run "(fuzz-card $seed 1500 >/tmp/fuzz 2>&1) & :" >/dev/null
	if [ $round = 2 ]; then
		sleep 3
		check "the proxy is killed" kill -9 "$(of_vm1 proxy_pid)"
		check "another one comes" wait_for 200 bound
	fi
	check "round $round, seed $seed" wait_for 600 fuzzed
done
check "the user VM is as it was" con_answers "md5sum </bin/busybox" "$(md5sum </bin/busybox | cut -d' ' -f1)"
check "the administrator has nothing of it" dummy_is_blank dummy-fuzz

con_close
check "user VM ends" l2_end vm1
check "bypass is taken away" bypass_off
l1 dmesg | klog_of l1
