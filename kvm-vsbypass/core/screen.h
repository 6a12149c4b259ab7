/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The memory of a user VM's graphics card: which addresses are its, and what an access there
 * does. A user VM that has a screen outside (VSB_DEV_VGA) has the memory of its proxy's card
 * (core/vram.h) at these addresses, and the guest hypervisor none of it.
 */
#ifndef VSB_CORE_SCREEN_H
#define VSB_CORE_SCREEN_H

#include <linux/types.h>

struct kvm_vcpu;
struct vsb_cloud;
struct vsb_ident;
struct vsb_l2;
struct vsb_pio;
struct vsb_vram;

/* What is at an address. */
enum vsb_area {
	VSB_AREA_NONE,		/* nothing of a card's */
	VSB_AREA_WINDOW,	/* of a PC's */
	VSB_AREA_FRAME,		/* frame buffer, */
	VSB_AREA_REGS,		/* and registers, where PCI has them */
};

/*
 * Callback context: is an access of the user VM that shows @id, at this address, ours? @linear:
 * where the vCPU executes, if its paging is off, else U64_MAX.
 */
bool vsb_screen_takes(struct vsb_cloud *cloud, const struct vsb_ident *id, u64 gpa, u64 linear);

/* Callback context: it leaves system management mode. Return: true: vsb_screen_moved(). */
bool vsb_screen_leaves(struct vsb_cloud *cloud, const struct vsb_ident *id);

/*
 * Callback context: the user VM has made an access to the configuration of PCI, which is the
 * guest hypervisor's. Return: false: who it is has to be learned first, or it has moved its
 * card (vsb_screen_moved()).
 */
bool vsb_screen_pci(struct vsb_cloud *cloud, const struct vsb_ident *id,
		    const struct vsb_pio *pio, u32 value);

/*
 * vCPU context: one has been made, and the instruction is to be emulated. Return: VSB_GO, or
 * the vCPU has to execute it again; see vsb_attempt_end().
 */
enum vsb_verdict vsb_screen_prepare(struct vsb_cloud *cloud, struct kvm_vcpu *vcpu,
				    const struct vsb_ident *id);

/**
 * struct vsb_screen_access - an access to the memory of a card
 * @cloud:	of a user VM of it,
 * @id:		which shows this
 * @gpa:	where
 * @size:	bytes, at most 8, within a page
 * @in:		a read
 * @data:	to write, or as read
 * @port:	put here: it is one to a port, to be made by vsb_nested_access(), or 0. If that
 *		is the data port of VBE:
 * @index:	of its register
 */
struct vsb_screen_access {
	struct vsb_cloud *cloud;
	struct vsb_ident id;
	u64 gpa;
	u32 size;
	bool in;
	u8 *data;
	u16 port;
	u16 index;
};

/**
 * struct vsb_screen_show - frame buffer of a user VM
 * @vram:	of its proxy, referenced and locked
 * @at:		where the user VM has it
 */
struct vsb_screen_show {
	struct vsb_vram *vram;
	u64 at;
};

/*
 * vCPU context, may sleep: may the user VM have the memory that @gpa is in? Return: true:
 * vsb_screen_shown() has to follow.
 */
bool vsb_screen_show(struct vsb_cloud *cloud, const struct vsb_ident *id, u64 gpa,
		     struct vsb_screen_show *show);
/* @done: it has. */
void vsb_screen_shown(struct vsb_screen_show *show, bool done);

/*
 * vCPU context, may sleep: has the user VM moved its card? What it had at the old place it has
 * no more then, and what is at the new one has to be taken out of the hypervisor's tables.
 */
bool vsb_screen_moved(struct vsb_cloud *cloud, const struct vsb_ident *id);

/* vCPU context, may sleep. What cannot be served reads as ones, and is dropped. */
void vsb_screen_access(struct vsb_screen_access *a);

#endif
