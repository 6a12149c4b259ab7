# SPDX-License-Identifier: GPL-2.0
# memtest86+ on a serial port: it writes all over the screen and asks the port for keys now
# and then.
. /lab/guests.sh

steps() {
	step tests 900 "Core #" 1 || return
	step settings 900 "Settings" 1
	step tests-list 900 "Test Selection" ""
}
# it looks for keys after each piece of memory
guest memtest steps -m 32 -kernel /lab/guests/memtest.bin -append console=ttyS0,115200
