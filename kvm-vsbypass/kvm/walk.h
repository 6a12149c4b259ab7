/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Through a nested page table of the guest hypervisor (EPT: SDM vol. 3, 29.3.2; NPT: APM vol. 2,
 * 15.25), from what L2 has for physical to what the cloud VM has. All of it may be garbage, a
 * loop, or change meanwhile: each step reads one page that the reader has checked, and steps are
 * counted.
 *
 *	struct vsb_walk w = { .read = vsb_ept_read, .of = vcpu, .max = 1000,
 *			      .state = TASK_KILLABLE, .root = EPTP or nCR3, .levels = 4 };
 *
 *	ret = vsb_walk_begin(&w);
 *	while (!(ret = vsb_walk_next(&w, gfn, end, &m)))
 *		gfn = m.gfn + m.nr;
 *	vsb_walk_end(&w);
 *
 * A walk is one thread's. It remembers the tables that it has last been in.
 */
#ifndef VSB_KVM_WALK_H
#define VSB_KVM_WALK_H

#include <linux/bits.h>
#include <linux/types.h>

#define VSB_WALK_LEVELS	5
#define VSB_PTES	512	/* entries of a table */
#define VSB_PTE_ADDR	GENMASK_ULL(51, 12)

/* What an entry is, for struct vsb_vendor. */
enum vsb_pte {
	VSB_PTE_NONE,	/* nothing that L2 could read, or reserved bits are set */
	VSB_PTE_TABLE,
	VSB_PTE_PAGE,	/* of 4 KiB, 2 MiB or 1 GiB */
};

/* pte.c: what an entry of a table of this level (1: its pages are of 4 KiB) is. */
enum vsb_pte vsb_svm_pte(u64 pte, int level);
enum vsb_pte vsb_vmx_pte(u64 pte, int level);

/**
 * struct vsb_mapping - what a table says
 * @gfn:	frames of L2 from here on,
 * @nr:		so many, in one entry, or none in several: of 4 KiB
 * @mapped:	there is something
 * @l1_gfn:	the cloud VM's frame behind the first one; may be no memory
 * @pte:	the entry
 * @level:	of its table; 1: its entries map 4 KiB
 */
struct vsb_mapping {
	u64 gfn;
	u64 nr;
	bool mapped;
	u64 l1_gfn;
	u64 pte;
	int level;
};

/**
 * struct vsb_walk - a walk; what begins with @page is its own
 * @read:	a frame of the cloud VM. Return: 0; -EFAULT: no memory, the walk goes on; or
 *		another error, which ends it
 * @of:		for that
 * @root:	EPT pointer or nCR3
 * @levels:	3 to VSB_WALK_LEVELS. Of 3 the root is a whole table, as with EPT
 * @max:	tables that it may come to, the same one again included; then -ELOOP
 * @state:	TASK_KILLABLE or TASK_INTERRUPTIBLE: which signals end it
 * @page:	a table for each level
 * @table:	frame of that, and
 * @first:	first frame of L2 that it is about; @has: a bit for each level that has one
 * @steps:	tables that it came to
 */
struct vsb_walk {
	int (*read)(struct vsb_walk *w, u64 gfn, void *page);
	void *of;
	u64 root;
	int levels;
	unsigned int max;
	unsigned int state;
	u64 (*page)[VSB_PTES];
	u64 table[VSB_WALK_LEVELS + 1];
	u64 first[VSB_WALK_LEVELS + 1];
	unsigned int has;
	unsigned int steps;
};

/* Sleeps. Return: 0, -ENOMEM, -EINVAL: levels. To be ended if 0. */
int vsb_walk_begin(struct vsb_walk *w);
void vsb_walk_end(struct vsb_walk *w);
/* Forget what was read, and how many steps it took. */
void vsb_walk_again(struct vsb_walk *w);

/*
 * What is at @gfn? @m->gfn is not behind it. Return: 0, -ELOOP, -EINTR, or what the reader says.
 */
int vsb_walk_at(struct vsb_walk *w, u64 gfn, struct vsb_mapping *m);
/* What is mapped first, from @gfn on and before @end? -ENOENT: nothing; else as vsb_walk_at(). */
int vsb_walk_next(struct vsb_walk *w, u64 gfn, u64 end, struct vsb_mapping *m);
/* Frames of L2 that a table of so many levels can be about. */
u64 vsb_walk_frames(int levels);

#endif
