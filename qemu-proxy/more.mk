# SPDX-License-Identifier: GPL-2.0
# What ../programs.mk has no rule for: units, and the test of the whole console.

# unit-console runs the whole server, sanitized, with the OpenSSH client. The
# script stays where it is: a test that fails can be read and run alone.
CONSOLE_TEST		:= $(abspath ../selftests/console/unit-console.py)

tests: $(TESTS)/unit-console

$(ASAN)/vsb-console: $(addprefix $(ASAN)/,$(vsb-console-objs))
	$(call say,LD,asan/vsb-console)
	$(Q)$(CC) -fsanitize=address,undefined -pie -o $@ $^ $(call libs-of,vsb-console)

$(TESTS)/unit-console: $(CONSOLE_TEST) $(ASAN)/vsb-console | $(TESTS)
	$(call say,GEN,unit-console)
	$(Q)printf '#!/bin/sh\nexec python3 %s --server %s "$$@"\n' \
		$(CONSOLE_TEST) $(abspath $(ASAN)/vsb-console) > $@.new
	$(Q)chmod 755 $@.new && mv $@.new $@

# It compares the help with the manual.
$(ASAN)/unit-console-escape.o: VSB_CFLAGS += \
	-DMANUAL='"$(abspath ../Documentation/man/vsb-console.8.rst)"'

clean: clean-console
.PHONY: clean-console
clean-console:
	$(Q)rm -f $(TESTS)/unit-console

# All that a running host needs beside programs.
install: install-units
.PHONY: install-units
install-units:
	$(call put-unit,vsbypassd)
	$(call put-unit,vsb-console)
	$(Q)$(INSTALL) -D -m 644 vsbctl.bash-completion \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/vsbctl
	$(Q)$(INSTALL) -D -m 644 vsbypass.sysusers $(LIBDIR)/sysusers.d/vsbypass.conf
	$(Q)$(INSTALL) -D -m 644 vsbypass.tmpfiles $(LIBDIR)/tmpfiles.d/vsbypass.conf
	$(Q)$(INSTALL) -D -m 644 vsbypass.modules-load $(LIBDIR)/modules-load.d/vsbypass.conf
	$(Q)$(INSTALL) -D -m 644 vsbypass.modprobe $(LIBDIR)/modprobe.d/vsbypass.conf
