# SPDX-License-Identifier: GPL-2.0
#
# VSBypass, all parts. 'make help' lists what there is.
#
# (Inside of a kernel tree this file is not used: Kbuild and Kconfig are.)

O		?= build
override O	:= $(abspath $(O))
V		?= 0
PREFIX		?= /usr/local
DESTDIR		?=
HOST		?= amd
# Kernels of the lab: of the host, and of its VMs; none: that of this machine's Debian
KERNEL		?=
GUEST_KERNEL	?=
T		?=
# of make fuzz and make soak
HOURS		?= 1
SEED		?=
WHAT		?=
# The kernel to build the module for: headers of this Debian's own kernel unless told
# otherwise (Debian 12: 6.1, 13: 6.12). The newest if there are several; none before
# 'make deps' has run.
SERIES		:= $(if $(filter trixie,$(shell . /etc/os-release && echo $$VERSION_CODENAME)),6.12,6.1)
KDIR		?= $(lastword $(shell ls -d /usr/src/linux-headers-$(SERIES).*-amd64 2>/dev/null | sort -V))

PROGRAMS	:= $(addprefix qemu-proxy/,common introspect vsbypassd vsb-console vsbctl) libvirt-hooks l1-agent guest-tools
# Of any architecture: it is a package of its own
WEB		:= qemu-proxy/vsb-web
PARTS		:= $(PROGRAMS) $(WEB) selftests/kvm selftests/check selftests/uart selftests/exits selftests/dummy \
		   selftests/vector selftests/bars selftests/crossing selftests/keyboard selftests/screen \
		   selftests/bench selftests/micro selftests/cage selftests/console selftests/core selftests/walk \
		   selftests/fuzz
export O V PREFIX DESTDIR KDIR KERNEL GUEST_KERNEL
# Variables of the command line reach sub-makes as environment: kbuild would take
# O= from the command line for its own.
MAKEOVERRIDES	:=
# the module's sources are mirrored: the clone stays clean, also for two kernels
MODULE_DIR	:= $(O)/kvm-vsbypass
MODULE_SRC	:= $(MODULE_DIR)/src

Q		:= $(if $(filter 1,$(V)),,@)

.PHONY: all module tests check check-list check-debug coverage fuzz soak lint bench bench-screen bench-connections bench-plot demo deps lab install clean help
all: module $(PARTS)

help:
	@echo 'make              build everything into $$(O), default build/'
	@echo 'make deps         install the Debian packages that are missing (root), or say which'
	@echo 'make demo         see it work: an emulated host, with and without the bypass'
	@echo '                  HOST=intel: on Bochs instead of QEMU (slower)'
	@echo 'make check        build and run all tests; T=prefix: those whose name begins so'
	@echo 'make check-list   list the tests'
	@echo 'make check-debug  the tests of the module on a kernel that checks itself (KASAN, lockdep,'
	@echo '                  kmemleak), which is built once. Half an hour and more'
	@echo 'make coverage     what the tests execute of the module, there, and of user space;'
	@echo '                  WHAT=module or programs: one of them'
	@echo 'make fuzz HOURS=1 the ioctl interface, there, and beside it the parsers of user space, for so'
	@echo '                  long; WHAT=ioctl or parsers: one of them; SEED= repeats a round'
	@echo 'make soak HOURS=1 user VMs start, print, are typed at and end for so long: each byte, and'
	@echo '                  memory over time'
	@echo 'make lint         static checks: checkpatch, sparse, gcc -fanalyzer, coccinelle,'
	@echo '                  clang-tidy, cppcheck, shellcheck, codespell'
	@echo 'make bench        how fast it is, beside a VM that is not nested and one without'
	@echo '                  the bypass; HOST=intel: on Bochs. 10 to 20 minutes'
	@echo 'make bench-screen    the same of a screen, and its memory'
	@echo 'make bench-connections   memory of an SSH connection to vsb-console'
	@echo 'make bench-plot   draw what was measured, into Documentation/performance.svg'
	@echo 'make lab          a root shell in the emulated host, HOST=amd or intel'
	@echo '                  demo, lab and bench: KERNEL=6.1, 6.12 or 7.3 for the host, with the'
	@echo '                  QEMU of its Debian; GUEST_KERNEL= for the VMs; IRQ=auto, exit or agent'
	@echo 'make module       the kernel module only; KDIR=folder for another kernel'
	@echo 'make docs         the manuals as HTML, into $$(O)/docs'
	@echo 'make house        draw the rooms and what flows between them, Documentation/house.svg'
	@echo 'make deb          the Debian packages, into $$(O)'
	@echo 'make install      with DESTDIR and PREFIX, default /usr/local'
	@echo 'make clean        remove $$(O)'
	@echo 'V=1 shows commands. Downloads and images: $${XDG_CACHE_HOME:-~/.cache}/vsbypass'

# What a package has; the module is built on the host that it is for.
.PHONY: programs install-programs deb
programs: $(PROGRAMS)

install-programs: programs
	$(Q)set -e; for p in $(PROGRAMS); do $(MAKE) --no-print-directory -C $$p install; done

.PHONY: docs house
house:
	$(Q)command -v dot >/dev/null || { echo "dot is missing: package graphviz" >&2; exit 1; }
	$(Q)dot -Tsvg -o Documentation/house.svg Documentation/house.dot

docs:
	$(Q)sphinx-build -E -W --keep-going -q -b html -d $(O)/docs.cache Documentation $(O)/docs
	$(Q)echo "$(O)/docs/index.html"

deb: deps
	$(Q)mkdir -p $(O)
	$(Q)selftests/deb $(O)

module:
	$(Q)test -n "$(KDIR)" || { echo "no kernel headers found; run 'make deps' as root, or give KDIR=" >&2; exit 1; }
	$(Q)selftests/mirror kvm-vsbypass $(MODULE_SRC)
	$(Q)$(MAKE) --no-print-directory -C $(KDIR) M=$(MODULE_SRC) CONFIG_KVM_VSBYPASS=m \
		V=$(V) $(if $(filter 1,$(V)),,-s) modules
	$(Q)cmp -s $(MODULE_SRC)/kvm-vsbypass.ko $(MODULE_DIR)/kvm-vsbypass.ko || \
		cp $(MODULE_SRC)/kvm-vsbypass.ko $(MODULE_DIR)/kvm-vsbypass.ko

# for selftests/coverage
.PHONY: print-programs
print-programs:
	@echo $(PROGRAMS)

.PHONY: $(PARTS)
$(PARTS):
	$(Q)$(MAKE) --no-print-directory -C $@ all

# A part makes the libraries that it uses, but no two at once.
qemu-proxy/common: guest-tools
$(addprefix qemu-proxy/,introspect vsb-console vsbctl) libvirt-hooks l1-agent: qemu-proxy/common
qemu-proxy/vsbctl: qemu-proxy/introspect
qemu-proxy/vsbypassd: l1-agent

tests: all
	$(Q)set -e; for p in $(PARTS); do $(MAKE) --no-print-directory -C $$p tests; done

deps:
	$(Q)selftests/lab/deps.sh $(if $(filter web%,$(T)),web) $(if $(filter fuzz%,$(T)),fuzz)

# On a fresh machine there are no headers and no compiler before deps, so what
# needs them is a make of its own.
check: deps
	$(Q)$(MAKE) --no-print-directory tests
	$(Q)selftests/run --build $(O) $(T)

check-debug: deps
	$(Q)$(MAKE) --no-print-directory tests
	$(Q)selftests/run --build $(O) debug-

coverage: deps
	$(Q)$(MAKE) --no-print-directory tests
	$(Q)selftests/coverage --build $(O) $(if $(WHAT),--only $(WHAT))

# Both at once: the lab has a core for itself.
fuzz: deps
	$(Q)selftests/lab/deps.sh fuzz
	$(Q)$(MAKE) --no-print-directory tests
	$(Q)$(MAKE) --no-print-directory -j2 $(addprefix fuzz-,$(or $(WHAT),ioctl parsers))

.PHONY: fuzz-ioctl fuzz-parsers
fuzz-ioctl:
	$(Q)selftests/lab/lab --build $(O) --kernel debug --job fuzz --set HOURS=$(HOURS) \
		--set SEED=$(SEED) --timeout 1000000

fuzz-parsers:
	$(Q)selftests/fuzz/long --build $(O) --hours $(HOURS)

soak: deps
	$(Q)$(MAKE) --no-print-directory tests
	$(Q)selftests/soak --build $(O) --hours $(HOURS)

lint:
	$(Q)selftests/lab/deps.sh lint
	$(Q)$(MAKE) --no-print-directory programs
	$(Q)selftests/run --build $(O) checkpatch sparse lint-

check-list: deps
	$(Q)$(MAKE) --no-print-directory tests >&2
	$(Q)selftests/run --build $(O) --list $(T)

bench: deps
	$(Q)$(MAKE) --no-print-directory tests
	$(Q)selftests/bench/bench --build $(O) --host $(HOST)

bench-screen: deps
	$(Q)$(MAKE) --no-print-directory tests
	$(Q)selftests/bench/screen --build $(O) --host $(HOST)

bench-connections: deps
	$(Q)$(MAKE) --no-print-directory all
	$(Q)selftests/bench/connections.py --server $(O)/qemu-proxy/vsb-console/vsb-console

bench-plot:
	$(Q)selftests/bench/plot $(O) Documentation/performance.svg

demo: deps
	$(Q)$(MAKE) --no-print-directory all
	$(Q)selftests/lab/demo --build $(O) --host $(HOST)

lab: deps
	$(Q)$(MAKE) --no-print-directory tests
	$(Q)selftests/lab/lab --build $(O) --host $(HOST) --shell

# The module goes where modprobe looks for what is not the distribution's.
install: all
	$(Q)set -e; for p in $(PARTS); do $(MAKE) --no-print-directory -C $$p install; done
	$(Q)install -D -m 644 $(MODULE_DIR)/kvm-vsbypass.ko \
		$(DESTDIR)/lib/modules/$(subst linux-headers-,,$(notdir $(KDIR)))/updates/kvm-vsbypass.ko
	$(Q)install -D -m 644 kvm-vsbypass/include/uapi/linux/kvm_vsbypass.h \
		$(DESTDIR)$(PREFIX)/include/linux/kvm_vsbypass.h
	$(Q)test -n "$(DESTDIR)" || depmod -a $(subst linux-headers-,,$(notdir $(KDIR)))

clean:
	$(Q)rm -rf $(O)
