# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=busybox
#
# The screen of a user VM, for jobs: /run/NAME.ppm is a picture of it, /run/NAME.txt what is on it.

VNC_SSH="$(echo $SSH) -s vm1@127.0.0.1 vnc"
# screen_read knows no font: it learns the digits from this line
DIGITS="0123456789abcdef 0123456789abcdef"

read_picture() {
	/lab/tests/screen_read <"/run/$1.ppm" >"/run/$1.txt" && grep -v '^$' "/run/$1.txt"
}

# outside NAME: as a VNC client gets it over SSH
outside() {
	/lab/tests/vnc_send "$VNC_SSH" "pause 3000" "picture /run/$1.ppm" && read_picture "$1"
}

# The administrator of the cloud VM has three ways: his screendump, his VNC server,
inside() {
	l1 "l2_$1 && l2_file" | base64 -d | gunzip >"/run/$2.ppm" && read_picture "$2"
}
dump() { inside screendump "$1"; }
client() { inside vnc "$1"; }
# and the memory of the card, of which so much is a picture. /run/NAME.written: how many bytes of it
# are not 0
WIDTH=1024 HEIGHT=768
video() {
	l1 "l2_video && l2_written" >"/run/$1.written" || return
	l1 "l2_file $((WIDTH * HEIGHT * 4))" | base64 -d | gunzip >"/run/$1.video" &&
		/lab/tests/screen_read $WIDTH $HEIGHT <"/run/$1.video" >"/run/$1.txt" &&
		grep -v '^$' "/run/$1.txt"
}
# of a card that shows text
video_text() {
	l1 "l2_video && l2_written" >"/run/$1.written" || return
	l1 "l2_file 8000" | base64 -d | gunzip | od -An -v -tu1 |
		awk '{ for (i = 1; i <= NF; i += 4) printf "%c", $i ? $i : 32 }' >"/run/$1.txt"
	cat "/run/$1.txt"
}

# sees HOW NAME TEXT: it comes; who draws it may need a while
sees() {
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		"$1" "$2" && grep -q "$3" "/run/$2.txt" && return
		sleep 3
	done
	return 1
}

# shown NAME: for whoever collects pictures
shown() { echo; echo "@picture $1 $(gzip -9 -c "/run/$1.ppm" | base64 -w 0)"; }

# screen_start NAME PASSWORD: as keyboard_start, with a screen. Before the first instruction there is
# a picture of it, which is what a card shows that no guest has touched.
screen_start() {
	keyboard_start "$1" "$2" screen && dump untouched && l1 "admin cont"
}

# untouched HOW NAME: he sees what he saw then, to the pixel
untouched() { "$1" "$2"; cmp "/run/$2.ppm" /run/untouched.ppm; }
# nothing_written NAME: there is nothing in the memory of the card
nothing_written() { video "$1"; cat "/run/$1.written"; grep -qx 0 "/run/$1.written"; }

# words NAME: what is on it, as one line
words() { sed 1d "/run/$1.txt" | tr -c ' -~' ' ' | tr -s ' .'; }
