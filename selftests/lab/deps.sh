#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The Debian packages that building, testing and the lab need: install those
# that are missing (root), or print the command that does (anyone else).
# POSIX sh: on a fresh machine there is not even Python.
#
# usage: deps.sh [lint | web | fuzz]	lint: of 'make lint', too; web: of 'make check T=web';
#	fuzz: of 'make check T=fuzz' and 'make fuzz'.
# Exit 0: all there; 1: something is missing

set -u

# the kernel's compiler, and what is in one release only
codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
case $codename in
trixie) own="gcc-14 bochs bochs-term bochsbios vgabios" ;;
*) own="gcc-12 linux-source-6.1" ;;
esac

build="build-essential pkg-config libglib2.0-dev libjson-glib-dev libssh-dev
libsystemd-dev libxml2-dev
libseccomp-dev libbpf-dev libvterm-dev nettle-dev linux-headers-amd64 pahole kmod python3 python3-docutils
python3-sphinx esbuild node-xterm"
# the kernel tree for build-intree, checkpatch and KVM's selftest library
check="xz-utils bzip2 bc bison flex libelf-dev libssl-dev
perl sparse openssh-client systemd"
# the clients of vsb-console, and who watches over its algorithms
clients="openssh-client putty-tools dropbear-bin python3-paramiko python3-asyncssh
python3-cryptography ssh-audit bsdutils"
# the gateway of the web page
web="novnc python3-websockify openssl util-linux"
bench="gnuplot-nox"
package="debhelper dh-dkms lintian mmdebstrap e2fsprogs fakeroot systemd-container
openssh-client procps"
lab="busybox-static bubblewrap qemu-system-x86 qemu-system-data seabios isolinux syslinux-common xorriso"

# user VMs that nobody here wrote, and a terminal to look at their screens
guests="grub-pc-bin grub-common memtest86+ u-boot-qemu ovmf ipxe-qemu zstd python3-pyte"

# only for make lint: 300 MB
lint=
[ "${1:-}" != lint ] || lint="clang-tidy cppcheck coccinelle shellcheck codespell"

# only for web-browser: 500 MB
browser=
[ "${1:-}" != web ] || browser="chromium chromium-driver python3-selenium fonts-dejavu-core"

# only for fuzz-parsers: 400 MB, if the other clang is not there; llvm has the symbolizer
fuzz=
[ "${1:-}" != fuzz ] || fuzz="clang libclang-rt-dev llvm"

missing=
for p in $lint $browser $fuzz $own $build $check $clients $web $bench $package $lab $guests; do
	case $(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null) in
	installed) ;;
	*) missing="$missing $p" ;;
	esac
done
[ -n "$missing" ] || exit 0

cmd="apt-get install -y --no-install-recommends$missing"
if [ "$(id -u)" != 0 ]; then
	echo "deps: Debian packages are missing; install them as root, then try again:" >&2
	echo "  apt-get update && $cmd" >&2
	exit 1
fi

echo "deps: installing$missing" >&2
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
if ! { apt-get update && $cmd; } >"$log" 2>&1; then
	tail -n 30 "$log" >&2
	echo "deps: '$cmd' failed, see above; try again by hand" >&2
	exit 1
fi
