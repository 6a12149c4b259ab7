// SPDX-License-Identifier: GPL-2.0
/* Page tables of a guest hypervisor that lie: what is read is the cloud VM's, or nothing. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "test_util.h"
#include "kvm_util.h"

#include "memory_cases.h"
#include "memory.h"
#include "tap.h"

static uint64_t data_from(uint64_t from)
{
	int64_t got = lseek(m.fd, from, SEEK_DATA);

	if (got < 0 && errno != ENXIO)
		FAIL("lseek(%#llx, SEEK_DATA): %s", (unsigned long long)from, strerror(errno));
	return got < 0 ? 0 : got;
}

/* Tables and pages that are no memory of the cloud VM. */
void memory_no_memory(void)
{
	uint64_t pd_gpa, *pd;
	uint8_t byte;

	memory_begin(1);
	pd = cloud_page(m.c, &pd_gpa);
	for (unsigned int i = 2; i < 512; i++)
		m.pdpt[i] = BEYOND | (i & 1 ? m.table : m.large);
	for (unsigned int i = 1; i < 512; i++)
		m.root[i] = (i & 1 ? ADDRESS : 0xfee00000) | m.table;
	CHECK_EQ(lseek(m.fd, 0, SEEK_END), m.size);
	CHECK_EQ(data_from(m.size), 0);
	/* A large page of which memory begins in the midst, and ends. */
	m.pdpt[9] = pd_gpa | m.table;
	pd[511] = (m.size & ~((2ull << 20) - 1)) | m.large;
	m.pdpt[10] = m.large;
	CHECK_EQ(data_from(m.size), m.size % (2 << 20) ? 10 * GIB - (2 << 20) : 10 * GIB);
	CHECK_EQ(lseek(m.fd, 0, SEEK_END), 10 * GIB + m.size);
	CHECK_EQ(OK(pread(m.fd, &byte, 1, 10 * GIB + m.size)), 0);
	/* Where the local APIC is, KVM for VMX has a slot of its own. */
	pd[511] = 0xfee00000 | m.large;
	m.pdpt[10] = 0;
	CHECK_EQ(lseek(m.fd, 0, SEEK_END), m.size);
	CHECK_EQ(data_from(m.size), 0);
}

/* Bits that have to be 0, and others that say that nothing is there. */
void memory_reserved(void)
{
	static const uint64_t npt[] = {
		~0ull & ~1, 0x66, 0x63,			/* not present, not for users */
	};
	static const uint64_t ept[] = {
		~0ull & ~7, 6, 2,			/* not present, and misconfigured */
		7 | 2 << 3, 7 | 3 << 3, 7 | 7 << 3,	/* no such type of memory */
	};
	uint64_t pd_gpa, pt_gpa, *pd, *pt;
	bool amd;

	memory_begin(1);
	amd = m.c->mbox->amd;
	pd = cloud_page(m.c, &pd_gpa);
	pt = cloud_page(m.c, &pt_gpa);
	m.pdpt[2] = pd_gpa | m.table;
	pd[0] = pt_gpa | m.table;
	for (unsigned int i = 0; i < (amd ? 3 : 6); i++)
		pt[i] = amd ? npt[i] : ept[i];
	CHECK_EQ(data_from(m.size), 0);
	/* Entries of the upper levels that are pages, and tables that have a type. */
	m.root[5] = m.large;
	m.root[6] = m.root[0] | (amd ? 1 << 7 : 6 << 3);
	/* Large pages at odd addresses: bit 12 is PAT, or reserved. */
	m.pdpt[7] = m.large | 1ull << 21;
	m.pdpt[8] = m.large | 1ull << 29;
	pd[5] = m.large | 1ull << 13;
	pd[6] = m.large | 1ull << 20;
	if (!amd) {
		pd[7] = m.large | 1ull << 12;
		pd[8] = pt_gpa | m.table | 1 << 3;
		m.root[7] = m.root[0] | 1 << 7;
	}
	pt[3] = pt[4] = pt[5] = 0;
	CHECK_EQ(data_from(m.size), 0);
	CHECK_EQ(lseek(m.fd, 0, SEEK_END), m.size);
	/* Control: the same without. */
	pt[100] = m.leaf;
	CHECK_EQ(data_from(m.size), 2 * GIB + 100 * 4096);
	pd[5] = m.large;
	CHECK_EQ(data_from(2 * GIB + 101 * 4096), 2 * GIB + (5 << 21));
}

/* Tables that are in themselves: each address is something, and there is no end. */
void memory_loops(void)
{
	uint64_t pd_gpa, root_gpa, *pd;
	uint8_t got[4096];

	memory_begin(1);
	root_gpa = m.c->root[0][0];
	pd = cloud_page(m.c, &pd_gpa);
	for (unsigned int i = 0; i < 512; i++)
		pd[i] = pd_gpa | m.table;
	for (unsigned int i = 2; i < 512; i++)
		m.pdpt[i] = pd_gpa | m.table;
	for (unsigned int i = 1; i < 512; i++)
		m.root[i] = i & 1 ? root_gpa | m.table : pd_gpa | m.table;
	/* The last level's pages are that page. */
	memory_is(m.fd, 2 * GIB + 77 * 4096, pd, 4096);
	/* Without a bound each would look at 512^3 tables, and the test not end in its time. */
	CHECK_ERR(lseek(m.fd, 0, SEEK_END), ELOOP);
	CHECK_ERR(lseek(m.fd, 2 * GIB, SEEK_HOLE), ELOOP);
	/* Nothing but tables, and none of them ends. */
	for (unsigned int i = 0; i < 512; i++)
		pd[i] = i == 511 ? BEYOND | m.leaf : pd_gpa | m.table;
	OK(pread(m.fd, got, sizeof(got), 2 * GIB));
	/* What was not touched is there all the same. */
	memory_is(m.fd, 0, m.base, 4096);
}

/* ---- changes ---- */

static volatile bool stop;
static uint64_t spare[4];

/* A table at @gpa and all below it become something else all the time. */
static void *changer(void *arg)
{
	uint64_t flags[] = { m.table, m.leaf, m.large, 0 };
	unsigned int seed = 1;

	(void)arg;
	while (!stop) {
		uint64_t *page = addr_gpa2hva(m.c->vm, spare[rand_r(&seed) % 4]);
		uint64_t to;

		switch (rand_r(&seed) % 6) {
		case 0:
			to = (uint64_t)rand_r(&seed) << 12;
			break;
		case 1:
			to = (m.size - 4096) & ADDRESS;
			break;
		case 2:
			to = ~0ull & ADDRESS;
			break;
		default:
			to = spare[rand_r(&seed) % 4];
		}
		__atomic_store_n(&page[rand_r(&seed) % 512], to | flags[rand_r(&seed) % 4],
				 __ATOMIC_RELAXED);
	}
	return NULL;
}

static void *seeker(void *arg)
{
	int fd = memory_open(m.p);

	(void)arg;
	for (uint64_t at = 2 * GIB; !stop;) {
		int64_t got = lseek(fd, at, SEEK_DATA);

		if (got >= 0)
			got = lseek(fd, got, SEEK_HOLE);
		if (got < 0 && errno != ENXIO && errno != ELOOP)
			FAIL("lseek(%#llx): %s", (unsigned long long)at, strerror(errno));
		at = got < 0 ? 2 * GIB : got;
	}
	close(fd);
	return NULL;
}

void memory_changes(void)
{
	const size_t size = 1 << 20;
	uint8_t *got = malloc(size);
	pthread_t changes, seeks;
	double end;

	memory_begin(1);
	for (unsigned int i = 0; i < 4; i++)
		cloud_page(m.c, &spare[i]);
	for (unsigned int i = 2; i < 512; i++)
		m.pdpt[i] = spare[i % 4] | m.table;
	CHECK(!pthread_create(&changes, NULL, changer, NULL));
	CHECK(!pthread_create(&seeks, NULL, seeker, NULL));
	end = tap_now() + 5;
	for (unsigned int i = 0; tap_now() < end; i++) {
		ssize_t n = pread(m.fd, got, size, 2 * GIB + ((uint64_t)i * 7919 << 12));

		if (n < 0 && errno != EIO && errno != ELOOP)
			FAIL("pread: %s", strerror(errno));
		/* The user VM runs meanwhile, on what nobody changes. */
		if (!(i % 64))
			L2_RUN(m.c, 0, OUT(PLAIN, 1, i));
		memory_is(m.fd, 0, m.base, 4096);
	}
	stop = true;
	pthread_join(changes, NULL);
	pthread_join(seeks, NULL);
}

/* Memory slots of the cloud VM come and go, and what is behind them is something else then. */
void memory_slots_go(void)
{
	const uint64_t size = 64 * 4096, at = 0x40000000;
	uint8_t *memory, *got = malloc(size);
	unsigned int seen = 0;

	memory_begin(1);
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(memory != MAP_FAILED);
	m.pdpt[2] = at | m.large;
	for (unsigned int i = 0; i < 20; i++) {
		memset(memory, 0x11, size);
		vm_set_user_memory_region(m.c->vm, 9, 0, at, size, memory);
		CHECK_EQ(OK(pread(m.fd, got, size, 2 * GIB)), size);
		CHECK(!memcmp(got, memory, size));
		seen++;
		vm_set_user_memory_region(m.c->vm, 9, 0, at, 0, memory);
		memset(memory, 0x22, size);	/* is the VMM's own now */
		CHECK_EQ(OK(pread(m.fd, got, size, 2 * GIB)), 0);
	}
	CHECK_EQ(seen, 20);
	/* What the VMM has taken away without a word cannot be read. */
	vm_set_user_memory_region(m.c->vm, 9, 0, at, size, memory);
	OK(munmap(memory, size));
	CHECK_ERR(pread(m.fd, got, size, 2 * GIB), EIO);
}
