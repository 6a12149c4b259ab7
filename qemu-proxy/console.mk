# SPDX-License-Identifier: GPL-2.0
# Objects of vsb-console and of its tests; the Makefile includes it.

PKGS			+= libssh libseccomp
SBIN_PROGRAMS		+= vsb-console
MANPAGES		+= vsb-console.8

console-objs		:= console-chardev.o console-control.o console-escape.o \
			   console-hostkey.o console-hub.o console-keys.o console-log.o \
			   console-ring.o console-sandbox.o console-server.o \
			   console-session.o names.o error.o
console-libs		:= $(shell $(PKG_CONFIG) --libs libssh libseccomp)

vsb-console-objs	:= vsb-console.o $(console-objs)
vsb-console-libs	:= $(console-libs)

UNIT_TESTS			+= unit-console-ring
unit-console-ring-objs		:= unit-console-ring.o console-ring.o

UNIT_TESTS			+= unit-console-escape
unit-console-escape-objs	:= unit-console-escape.o console-escape.o

UNIT_TESTS			+= unit-console-keys
unit-console-keys-objs		:= unit-console-keys.o $(console-objs)
unit-console-keys-libs		:= $(console-libs)

UNIT_TESTS			+= unit-console-hub
unit-console-hub-objs		:= unit-console-hub.o $(console-objs)
unit-console-hub-libs		:= $(console-libs)

UNIT_TESTS			+= unit-console-control
unit-console-control-objs	:= unit-console-control.o console-control.o

# unit-console runs the whole server, sanitized, with the OpenSSH client. The
# script stays where it is: a test that fails can be read and run alone.
CONSOLE_TEST		:= $(abspath ../selftests/console/unit-console.py)

tests: $(TESTS)/unit-console

$(ASAN)/vsb-console: $(addprefix $(ASAN)/,$(vsb-console-objs))
	$(call say,LD,asan/vsb-console)
	$(Q)$(CC) -fsanitize=address,undefined -pie -o $@ $^ $(GLIB_LIBS) $(vsb-console-libs)

$(TESTS)/unit-console: $(CONSOLE_TEST) $(ASAN)/vsb-console | $(TESTS)
	$(call say,GEN,unit-console)
	$(Q)printf '#!/bin/sh\nexec python3 %s --server %s "$$@"\n' \
		$(CONSOLE_TEST) $(abspath $(ASAN)/vsb-console) > $@.new
	$(Q)chmod 755 $@.new && mv $@.new $@

clean: clean-console
.PHONY: clean-console
clean-console:
	$(Q)rm -f $(TESTS)/unit-console

install: install-console
.PHONY: install-console
install-console:
	$(Q)$(INSTALL) -d $(DESTDIR)$(PREFIX)/lib/systemd/system $(DESTDIR)$(PREFIX)/lib/sysusers.d
	$(Q)sed 's|@SBINDIR@|$(PREFIX)/sbin|' vsb-console.service.in \
		> $(DESTDIR)$(PREFIX)/lib/systemd/system/vsb-console.service
	$(Q)$(INSTALL) -m 644 vsbypass.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/vsbypass.conf
