# SPDX-License-Identifier: GPL-2.0
# iPXE over SeaBIOS' sercon, up to its shell, which a script from QEMU's own server starts.
. /lab/guests.sh

GUEST_BIOS=1
steps() {
	step shell 900 "iPXE> " "help\r" || return
	step help 900 "iPXE> " "echo ab$((40 + 2))cd\b\bef\r"
	step editing 900 "ab42ef" "show net0/mac\r"
	step setting 900 "net0/mac:" "\0020\0020\r"
	step history 900 "iPXE> " ""
}
l1_need && l1 'mkdir -p /run/tftp; printf "#!ipxe\necho loaded\nshell\n" >/run/tftp/shell.ipxe'
guest ipxe steps -machine graphics=off -netdev user,id=n,restrict=on,tftp=/run/tftp,bootfile=shell.ipxe \
	-device e1000,netdev=n,romfile=/lab/guests/pxe.rom,bootindex=0
