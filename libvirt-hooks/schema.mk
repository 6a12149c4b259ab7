# SPDX-License-Identifier: GPL-2.0
# The schema as an object of a program; for a Makefile that includes programs.mk before.

VPATH += $(OUT)

$(OUT)/schema.c: ../libvirt-hooks/vsbypass-domain.rng ../libvirt-hooks/schema.mk | $(OUT)
	$(call say,GEN,$(notdir $@))
	$(Q)( echo '#include "schema.h"'; echo 'const char vsbypass_schema[] ='; \
		sed 's/\\/\\\\/g; s/"/\\"/g; s/.*/"&\\n"/' $<; echo ';' ) > $@.new && mv $@.new $@

$(OUT)/schema.o $(ASAN)/schema.o: $(OUT)/schema.c
