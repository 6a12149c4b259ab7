# SPDX-License-Identifier: GPL-2.0
# Objects of vsbypassd and vsbctl and of their unit tests; the Makefile includes it.

vsbypassd-objs	:= vsbypassd.o
vsbctl-objs	:= vsbctl.o

UNIT_TESTS		+= unit-agent-wire
unit-agent-wire-objs	:= unit-agent-wire.o agent-wire.o
