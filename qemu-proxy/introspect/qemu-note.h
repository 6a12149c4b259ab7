/* SPDX-License-Identifier: GPL-2.0 */
/* The note "QEMU" of a core: registers of a vCPU (target/i386/arch_dump.c of QEMU). */
#ifndef VSB_INTROSPECT_QEMU_NOTE_H
#define VSB_INTROSPECT_QEMU_NOTE_H

#include <glib.h>

#define QEMU_NOTE		"QEMU"
#define QEMU_NOTE_VERSION	1

struct qemu_segment {
	guint32 selector, limit, flags, pad;
	guint64 base;
};

/* As crash(8) and others read it. */
struct qemu_cpu_state {
	guint32 version, size;
	guint64 rax, rbx, rcx, rdx, rsi, rdi, rsp, rbp;
	guint64 r8, r9, r10, r11, r12, r13, r14, r15;
	guint64 rip, rflags;
	struct qemu_segment cs, ds, es, fs, gs, ss, ldt, tr, gdt, idt;
	guint64 cr[5];
	guint64 kernel_gs_base;
};

#endif
