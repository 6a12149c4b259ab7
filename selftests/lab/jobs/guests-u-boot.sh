# SPDX-License-Identifier: GPL-2.0
# U-Boot instead of a BIOS: boot, command line, its editing and its history.
. /lab/guests.sh

steps() {
	step prompt 900 "^=> " "version\r" || return
	step version 900 "gcc" "echo ab$((40 + 2))cd\b\bef\r"
	step editing 900 "ab42ef" "$UP$UP\r"
	step history 900 "gcc" "help\r"
	step help 900 "^version" "printenv baudrate\r"
	step variable 900 "baudrate=" "md.b f0000 40\r"
	step memory 900 "000f0030" ""
}
guest u-boot steps -bios /lab/guests/u-boot.rom
