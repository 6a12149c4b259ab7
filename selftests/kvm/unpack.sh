#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Unpacks KVM's selftests library from the kernel source package into a folder
# of the cache, unless it is there already and unchanged.
#
#   unpack.sh TARBALL FOLDER
set -eu

tarball=$1
folder=$2

if [ ! -r "$tarball" ]; then
	echo "unpack.sh: $tarball: not there; package linux-source-6.1 of Debian 12 has it" >&2
	exit 1
fi

# The stamp names the package's file and this script, then every file unpacked
# with its sum.
want="$(stat -c '%n %s %Y' "$tarball") $(sha256sum < "$0")"
if [ -e "$folder/.stamp" ] && [ "$(head -n1 "$folder/.stamp")" = "$want" ] &&
   (cd "$folder" && tail -n+2 .stamp | sha256sum -c --quiet --strict) >/dev/null 2>&1; then
	exit 0
fi

echo "  UNPACK  $tarball"
mkdir -p "$(dirname "$folder")"
new=$(mktemp -d "$folder.XXXXXX")
trap 'rm -rf "$new"' EXIT
tar -xJf "$tarball" -C "$new" --strip-components=1 --wildcards \
	'*/tools/include/*' \
	'*/tools/arch/x86/include/*' \
	'*/tools/lib/rbtree.c' \
	'*/tools/testing/selftests/kselftest.h' \
	'*/tools/testing/selftests/kvm/include/*' \
	'*/tools/testing/selftests/kvm/lib/*'
(
	cd "$new"
	sums=$(find tools -type f -exec sha256sum {} +)
	printf '%s\n%s\n' "$want" "$sums" > .stamp
)
rm -rf "$folder"
mv -T "$new" "$folder"
trap - EXIT
