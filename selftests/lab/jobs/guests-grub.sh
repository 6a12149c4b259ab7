# SPDX-License-Identifier: GPL-2.0
# GRUB on a serial port: menu, arrow keys, its editor and its command line. It asks SeaBIOS
# where the port is, and that asks the port.
. /lab/guests.sh

steps() {
	step menu 900 "third of the test" "$DOWN" || return
	step arrow-down 900 "second of" "$DOWN"
	step arrow-down-again 900 "third of" "$UP"
	step arrow-up 900 "second of" e
	step editor 900 "Ctrl-x" "$DOWN$DOWN${DOWN}x"
	step editor-key 900 . "$ESC"
	step back 900 "third of the test" c
	step command-line 900 "grub>" "echo ab$((40 + 2))cd\b\b\r"
	step command 900 "ab42" "ls\r"
	step listing 900 "(hd0)" "$ESC"
	step menu-again 900 "third of the test" "\r"
	step chosen 900 "was chosen"
}
guest grub steps -drive file=/lab/guests/grub.img,format=raw,if=virtio,readonly=on
