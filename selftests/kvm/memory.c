// SPDX-License-Identifier: GPL-2.0
/* A cloud VM with one user VM whose memory is read. */
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "test_util.h"
#include "kvm_util.h"

#include "memory.h"
#include "tap.h"

struct memory m;

static uint64_t *table(uint64_t entry)
{
	return addr_gpa2hva(m.c->vm, entry & ADDRESS);
}

static uint64_t first_entry(uint64_t root)
{
	return table(table(table(table(root)[0])[0])[0])[0];
}

uint64_t memory_first_page(uint64_t root)
{
	return first_entry(root) & ADDRESS;
}

int memory_open(struct proxy *p)
{
	return OK(ioctl(p->fd, VSB_GET_MEMORY, 0));
}

void memory_begin(unsigned int cpus)
{
	struct proxy *other;
	uint64_t *pd;

	m.c = cloud_new_with(cpus, 2);
	m.size = memslot2region(m.c->vm, 0)->region.memory_size;
	m.base = addr_gpa2hva(m.c->vm, 0);
	proxy_start_pair(m.c, &m.p, &other);
	L2_RUN(m.c, 0, OUT(COM1, 1, 1));
	EXPECT(m.p, WR(COM1, 1, 1));
	m.root = table(m.c->root[0][0]);
	m.pdpt = table(m.root[0]);
	pd = table(m.pdpt[0]);
	m.table = m.root[0] & ~ADDRESS;
	m.large = pd[1] & ~ADDRESS;
	m.leaf = first_entry(m.c->root[0][OTHER_MEMORY]) & ~ADDRESS;
	m.fd = memory_open(m.p);
}

void memory_is(int fd, uint64_t gpa, const void *want, size_t n)
{
	uint8_t *got = malloc(n);

	CHECK_EQ(OK(pread(fd, got, n, gpa)), n);
	for (size_t i = 0; i < n; i++)
		if (got[i] != ((const uint8_t *)want)[i])
			FAIL("byte at %#llx: saw %#x, wanted %#x",
			     (unsigned long long)gpa + i, got[i], ((const uint8_t *)want)[i]);
	free(got);
}

uint64_t memory_page(void **page, unsigned int seed)
{
	uint64_t gpa, *p = cloud_page(m.c, &gpa);

	for (unsigned int i = 0; i < 512; i++)
		p[i] = (i + 1) * 0x9e3779b97f4a7c15ull ^ (uint64_t)seed << 32;
	*page = p;
	return gpa;
}
