# SPDX-License-Identifier: GPL-2.0
# Objects of vsb-console and of its tests; the Makefile includes it.

console-objs		:= console-bind.o console-channel.o console-chardev.o console-control.o console-escape.o \
			   console-forward.o console-hostkey.o console-hub.o console-identity.o \
			   console-keys.o console-limits.o console-log.o console-login.o console-modes.o \
			   console-peer.o console-put.o console-replay.o console-ring.o \
			   console-sandbox.o console-server.o console-session.o console-spawner.o \
			   console-tty.o console-vnc.o console-wire.o listen.o log-sink.o names.o error.o ready.o
console-pkgs		:= libssh libseccomp libsystemd vterm

vsb-console-objs	:= vsb-console.o $(console-objs)
vsb-console-pkgs	:= $(console-pkgs)

UNIT_TESTS			+= unit-console-ring
unit-console-ring-objs		:= unit-console-ring.o console-ring.o

UNIT_TESTS			+= unit-console-escape
unit-console-escape-objs	:= unit-console-escape.o console-escape.o

UNIT_TESTS			+= unit-console-keys
unit-console-keys-objs		:= unit-console-keys.o $(console-objs)
unit-console-keys-pkgs		:= $(console-pkgs)

UNIT_TESTS			+= unit-console-hub
unit-console-hub-objs		:= unit-console-hub.o $(console-objs)
unit-console-hub-pkgs		:= $(console-pkgs)

UNIT_TESTS			+= unit-console-control
unit-console-control-objs	:= unit-console-control.o console-control.o console-identity.o

UNIT_TESTS			+= unit-console-replay
unit-console-replay-objs	:= unit-console-replay.o console-modes.o console-replay.o
unit-console-replay-pkgs	:= vterm
