# SPDX-License-Identifier: GPL-2.0
# Objects of vsbypassd and vsbctl and of their unit tests; the Makefile includes it.

# All of the daemon but main() and what touches module, cage, /proc and service manager.
identity-objs	:= identity-store.o key-file.o key-text.o
daemon-objs	:= access.o agent-link.o agent-wire.o authkey.o cloud.o command.o conlog.o \
		   conlog-file.o consoles.o control.o daemon.o error.o json-line.o keyboard.o keymap.o keys.o lineio.o \
		   listen.o log.o log-limit.o log-names.o log-sink.o names.o proxy.o proxy-cmd.o qmp.o rundir.o \
		   $(identity-objs)

cage-objs	:= cage.o cage-filter.o cage-group.o cage-scope.o cage-view.o

vsbypassd-objs	:= vsbypassd.o fdstore.o module.o procfd.o ready.o $(cage-objs) $(daemon-objs)
vsbypassd-pkgs	:= libsystemd libseccomp
vsbctl-objs	:= vsbctl.o vsbctl-args.o vsbctl-metrics.o vsbctl-show.o control-client.o \
		   error.o json-line.o keymap.o keys.o listen.o names.o $(identity-objs)

UNIT_TESTS		+= unit-agent-wire
unit-agent-wire-objs	:= unit-agent-wire.o agent-wire.o

UNIT_TESTS		+= unit-names
unit-names-objs		:= unit-names.o names.o error.o

UNIT_TESTS		+= unit-lineio
unit-lineio-objs	:= unit-lineio.o lineio.o

UNIT_TESTS		+= unit-backoff
unit-backoff-objs	:= unit-backoff.o

UNIT_TESTS		+= unit-edges
unit-edges-objs		:= unit-edges.o

UNIT_TESTS		+= unit-command
unit-command-objs	:= unit-command.o authkey.o command.o json-line.o keymap.o keys.o names.o error.o \
			   $(identity-objs)

UNIT_TESTS		+= unit-keys
unit-keys-objs		:= unit-keys.o keymap.o keys.o error.o

UNIT_TESTS		+= unit-proxy-cmd
unit-proxy-cmd-objs	:= unit-proxy-cmd.o proxy-cmd.o names.o error.o

UNIT_TESTS		+= unit-cage
unit-cage-objs		:= unit-cage.o cage-filter.o cage-view.o error.o
unit-cage-pkgs		:= libseccomp

UNIT_TESTS		+= unit-vsbctl-args
unit-vsbctl-args-objs	:= unit-vsbctl-args.o vsbctl-args.o vsbctl-show.o json-line.o keymap.o \
			   keys.o names.o error.o \
			   $(identity-objs)

UNIT_TESTS		+= unit-conlog
unit-conlog-objs	:= unit-conlog.o conlog.o conlog-file.o listen.o error.o

UNIT_TESTS		+= unit-log-sink
unit-log-sink-objs	:= unit-log-sink.o log-sink.o

UNIT_TESTS		+= unit-log-limit
unit-log-limit-objs	:= unit-log-limit.o log-limit.o

UNIT_TESTS		+= unit-log-names
unit-log-names-objs	:= unit-log-names.o log-names.o names.o error.o

UNIT_TESTS			+= unit-vsbctl-metrics
unit-vsbctl-metrics-objs	:= unit-vsbctl-metrics.o vsbctl-metrics.o json-line.o names.o error.o

UNIT_TESTS			+= unit-identity-store
unit-identity-store-objs	:= unit-identity-store.o names.o error.o $(identity-objs)

UNIT_TESTS		+= unit-agent-link
unit-agent-link-objs	:= unit-agent-link.o agent-link.o agent-wire.o listen.o error.o

UNIT_TESTS		+= unit-daemon
unit-daemon-objs	:= unit-daemon.o unit-fake-module.o $(daemon-objs)
