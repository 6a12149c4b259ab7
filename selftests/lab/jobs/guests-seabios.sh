# SPDX-License-Identifier: GPL-2.0
# SeaBIOS with its screen and keyboard on the serial port (sercon): boot menu, and what is
# chosen there.
. /lab/guests.sh

steps() {
	step prompt 900 "for boot menu" "$ESC" || return
	step menu 900 "Legacy option rom" x1
	step chosen 900 "third of the test" "$DOWN"
	step arrow-down 900 "second of" ""
}
guest seabios steps -machine graphics=off -boot menu=on,splash-time=60000 \
	-drive file=/lab/guests/grub.img,format=raw,if=virtio,readonly=on
