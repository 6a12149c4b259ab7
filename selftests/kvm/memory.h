/* SPDX-License-Identifier: GPL-2.0 */
/* A cloud VM with one user VM whose memory is read. All calls end the case if they fail. */
#ifndef VSB_MEMORY_H
#define VSB_MEMORY_H

#include "cloud.h"
#include "proxy.h"

#define ADDRESS		0x000ffffffffff000ull
#define GIB		(1ull << 30)
#define BEYOND		(1ull << 38)	/* no memory of the cloud VM is there */

/**
 * struct memory - see above
 * @fd:		of its memory
 * @size:	of the cloud VM's, from 0 on
 * @base:	that, as we see it
 * @table:	flags of an entry that leads to a table,
 * @leaf:	to a page of 4 KiB,
 * @large:	to one of 2 MiB or 1 GiB
 * @root, @pdpt: of the page table that user VM 0 uses; it maps the first GiB onto itself,
 *		as the user VM needs it, and of @pdpt nothing else
 */
struct memory {
	struct cloud *c;
	struct proxy *p;
	int fd;
	uint64_t size;
	uint8_t *base;
	uint64_t table, leaf, large;
	uint64_t *root, *pdpt;
};

extern struct memory m;

/* Two user VMs, the first is bound, on so many CPUs. */
void memory_begin(unsigned int cpus);
int memory_open(struct proxy *p);
/* @n bytes from @gpa on are those. */
void memory_is(int fd, uint64_t gpa, const void *want, size_t n);
/* The cloud VM's page behind address 0, in a table that has 4 KiB pages there. */
uint64_t memory_first_page(uint64_t root);
/* A page with pseudo-random bytes. */
uint64_t memory_page(void **page, unsigned int seed);

#endif
