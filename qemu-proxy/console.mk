# SPDX-License-Identifier: GPL-2.0
# Objects of vsb-console and of its unit tests; the Makefile includes it.

PKGS			+= libssh libseccomp
SBIN_PROGRAMS		+= vsb-console
MANPAGES		+= vsb-console.8

console-objs		:= console-chardev.o console-control.o console-escape.o \
			   console-hostkey.o console-hub.o console-keys.o console-log.o \
			   console-ring.o console-sandbox.o \
			   console-server.o console-session.o names.o error.o
console-libs		:= $(shell $(PKG_CONFIG) --libs libssh libseccomp)

vsb-console-objs	:= vsb-console.o $(console-objs)
vsb-console-libs	:= $(console-libs)
