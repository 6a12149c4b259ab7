# SPDX-License-Identifier: GPL-2.0
# Objects of vsbypassd and vsbctl; included by the Makefile.

vsbypassd-objs	:= vsbypassd.o
vsbctl-objs	:= vsbctl.o
