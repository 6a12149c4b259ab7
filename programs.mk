# SPDX-License-Identifier: GPL-2.0
#
# How programs in C, their unit tests and man pages are built. A part's Makefile
# says what, then includes this:
#
#   PART             its folder
#   USES             folders of other parts whose headers and library it uses, each
#                    before those that it uses itself
#   INCLUDES         other folders with headers
#   PKGS             packages for pkg-config that all its programs use
#   SBIN_PROGRAMS BIN_PROGRAMS UNIT_TESTS MANPAGES
#   LIBRARY          objects that its programs and tests are linked with as far as they
#                    need them, and those of the parts that use it
#   NAME-objs        what else a program or test consists of, NAME.o if not said;
#                    sources are found by VPATH
#   NAME-uses        as USES, for one program or test; its headers are for all
#   NAME-pkgs        packages that only this one uses
#   NAME-ldflags     how only this program or test is linked
#
#   make all | tests | install | clean      [O=../build] [DESTDIR=] [PREFIX=/usr/local] [V=1]
#
# Unit tests are built from objects of their own, with the sanitizers. Of a program
# $(ASAN)/NAME is the same. COVERAGE=--coverage: they say what they have executed
# (make coverage).

.DEFAULT_GOAL := all

TOP		:= $(dir $(abspath $(lastword $(MAKEFILE_LIST))))
O		?= $(TOP)build
override O := $(abspath $(O))
PREFIX		?= /usr/local
DESTDIR		?=
V		?= 0

BINDIR		= $(DESTDIR)$(PREFIX)/bin
SBINDIR		= $(DESTDIR)$(PREFIX)/sbin
MANDIR		= $(DESTDIR)$(PREFIX)/share/man
# of systemd, kmod; no multiarch
LIBDIR		= $(DESTDIR)$(PREFIX)/lib

OUT		:= $(O)/$(PART)
ASAN		:= $(OUT)/asan
TESTS		:= $(O)/tests

CC		?= cc
PKG_CONFIG	?= pkg-config
INSTALL		?= install
RST2MAN		?= $(firstword $(shell command -v rst2man rst2man.py 2>/dev/null))

Q		:= $(if $(filter 1,$(V)),,@)
say		= $(if $(filter 1,$(V)),@:,@printf '  %-8s%s\n' $(1) $(2))

all-uses	:= $(sort $(USES) $(foreach n,$(SBIN_PROGRAMS) $(BIN_PROGRAMS) $(UNIT_TESTS),$($(n)-uses)))
all-pkgs	:= $(sort $(PKGS) $(foreach n,$(SBIN_PROGRAMS) $(BIN_PROGRAMS) $(UNIT_TESTS),$($(n)-pkgs)))
libs-of		= $(shell $(PKG_CONFIG) --libs $(PKGS) $($(1)-pkgs))
# objs-of NAME FOLDER, FOLDER being empty or /asan
objs-of		= $(addprefix $(OUT)$(2)/,$(or $($(1)-objs),$(1).o) $(if $(LIBRARY),lib.a)) \
		  $(patsubst %,$(O)/%$(2)/lib.a,$($(1)-uses) $(USES))

CFLAGS		?= -O2 -g
VSB_CFLAGS	:= -std=gnu11 -Wall -Wextra -Werror -Wno-unused-parameter \
		   -Wstrict-prototypes -Wmissing-prototypes -Wshadow \
		   -fstack-protector-strong -fPIE -D_GNU_SOURCE \
		   -DGLIB_VERSION_MIN_REQUIRED=GLIB_VERSION_2_74 \
		   $(addprefix -I$(TOP),$(all-uses)) $(INCLUDES) $(if $(all-pkgs),$(shell $(PKG_CONFIG) --cflags $(all-pkgs)))
# _FORTIFY_SOURCE hides overflows from AddressSanitizer: not in the tests.
HARDEN		:= -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
SANITIZE	:= -O1 -g -fno-omit-frame-pointer \
		   -fsanitize=address,undefined -fno-sanitize-recover $(COVERAGE)
VSB_LDFLAGS	:= -pie -Wl,-z,relro,-z,now,--as-needed

PROGRAMS	:= $(SBIN_PROGRAMS) $(BIN_PROGRAMS)

MAN_OUT		:= $(if $(RST2MAN),$(addprefix $(OUT)/man/,$(MANPAGES)))

.PHONY: all tests install clean
all: $(addprefix $(OUT)/,$(PROGRAMS)) $(MAN_OUT)
	@:
ifeq ($(RST2MAN),)
	@echo "  note: no man pages, rst2man is missing (package python3-docutils)"
endif

tests: $(addprefix $(TESTS)/,$(UNIT_TESTS))
	@:

.PHONY: asan-programs
asan-programs: $(addprefix $(ASAN)/,$(PROGRAMS))
	@:

$(OUT)/%.o: %.c | $(OUT)
	$(call say,CC,$(notdir $@))
	$(Q)$(CC) $(VSB_CFLAGS) $(HARDEN) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(ASAN)/%.o: %.c | $(ASAN)
	$(call say,CC,asan/$(notdir $@))
	$(Q)$(CC) $(VSB_CFLAGS) $(SANITIZE) -MMD -MP -c -o $@ $<

define program
$(OUT)/$(1): $(call objs-of,$(1))
	$$(call say,LD,$(1))
	$(Q)$(CC) $(VSB_LDFLAGS) $($(1)-ldflags) $(LDFLAGS) -o $$@ $$^ $$(call libs-of,$(1))
$(ASAN)/$(1): $(call objs-of,$(1),/asan)
	$$(call say,LD,asan/$(1))
	$(Q)$(CC) -fsanitize=address,undefined $(COVERAGE) -pie -o $$@ $$^ $$(call libs-of,$(1))
endef
$(foreach p,$(PROGRAMS),$(eval $(call program,$(p))))

define unit_test
$(TESTS)/$(1): $(call objs-of,$(1),/asan) | $(TESTS)
	$$(call say,LD,$(1))
	$(Q)$(CC) -fsanitize=address,undefined $(COVERAGE) $($(1)-ldflags) -pie -o $$@ $$^ $$(call libs-of,$(1))
endef
$(foreach p,$(UNIT_TESTS),$(eval $(call unit_test,$(p))))

define library
$(1)/lib.a: $(addprefix $(1)/,$(LIBRARY))
	$$(call say,AR,$(2)lib.a)
	$(Q)rm -f $$@ && $(AR) rcs $$@ $$^
endef
ifneq ($(LIBRARY),)
$(eval $(call library,$(OUT)))
$(eval $(call library,$(ASAN),asan/))
all: library
endif
.PHONY: library asan-library
library: $(OUT)/lib.a
	@:
asan-library: $(ASAN)/lib.a
	@:

# Only the other part knows whether its library is up to date.
define used
$(O)/$(1)/lib.a: FORCE
	$(Q)$$(MAKE) --no-print-directory -C $(TOP)$(1) library
$(O)/$(1)/asan/lib.a: FORCE
	$(Q)$$(MAKE) --no-print-directory -C $(TOP)$(1) asan-library
endef
$(foreach u,$(all-uses),$(eval $(call used,$(u))))
.PHONY: FORCE
FORCE:

$(OUT)/man/%: $(TOP)Documentation/man/%.rst | $(OUT)/man
	$(call say,MAN,$*)
	$(Q)$(RST2MAN) --halt=warning $< $@

$(OUT) $(ASAN) $(TESTS) $(OUT)/man:
	$(Q)mkdir -p $@

define newline


endef
# put-unit NAME: a service from NAME.service.in
put-unit = $(Q)$(INSTALL) -d $(LIBDIR)/systemd/system && \
	sed 's|@SBINDIR@|$(PREFIX)/sbin|' $(1).service.in > $(LIBDIR)/systemd/system/$(1).service && \
	chmod 644 $(LIBDIR)/systemd/system/$(1).service
# put LIST MODE FOLDER
put = $(if $(1),$(Q)$(INSTALL) -d $(3) && $(INSTALL) -m $(2) $(1) $(3))
install: all
	$(call put,$(addprefix $(OUT)/,$(SBIN_PROGRAMS)),755,$(SBINDIR))
	$(call put,$(addprefix $(OUT)/,$(BIN_PROGRAMS)),755,$(BINDIR))
	$(foreach s,1 4 5 8,$(call put,$(filter %.$(s),$(MAN_OUT)),644,$(MANDIR)/man$(s))$(newline))

clean:
	$(Q)rm -rf $(OUT) $(addprefix $(TESTS)/,$(UNIT_TESTS))

-include $(wildcard $(OUT)/*.d $(ASAN)/*.d)
