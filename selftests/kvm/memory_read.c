// SPDX-License-Identifier: GPL-2.0
/* What is read of a user VM's memory, and what is not there. */
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "test_util.h"
#include "kvm_util.h"

#include "memory_cases.h"
#include "memory.h"
#include "tap.h"

static const uint8_t zeros[3 * 4096];

static uint64_t buf_gpa(void)
{
	return addr_hva2gpa(m.c->vm, m.c->mbox->buf);
}

/* What L2 has written is there, and what was there before was as well. */
static void check_written(const char *text)
{
	uint8_t before[16];

	memcpy(before, m.c->mbox->buf, sizeof(before));
	memory_is(m.fd, buf_gpa(), before, sizeof(before));
	memcpy(m.p->shm->reg + PLAIN, text, 4);
	L2_RUN(m.c, 0, INS(PLAIN, 4, 0), INS(PLAIN, 4, 4), INS(PLAIN, 1, 9));
	CHECK(memcmp(before, m.c->mbox->buf, sizeof(before)));
	CHECK(!memcmp(m.c->mbox->buf + 4, text, 4));
	memory_is(m.fd, buf_gpa(), m.c->mbox->buf, sizeof(before));
	memory_is(m.fd, buf_gpa() + 4, text, 4);
}

void memory_bytes(void)
{
	memory_begin(1);
	check_written("wxyz");
	/* Across pages, and all of it. */
	memory_is(m.fd, buf_gpa() + 4090, m.c->mbox->buf + 4090, 12);
	memory_is(m.fd, 0, m.base, m.size);
	/* By 4 KiB, through another root. */
	m.c->mbox->root[0] = m.c->root[0][OTHER_MEMORY];
	check_written("WXYZ");
}

/* Pages of each size, at addresses of their own. */
void memory_pages(void)
{
	uint64_t pd_gpa, pt_gpa, *pd, *pt, page_gpa;
	void *page;

	memory_begin(1);
	pd = cloud_page(m.c, &pd_gpa);
	pt = cloud_page(m.c, &pt_gpa);
	page_gpa = memory_page(&page, 1);
	m.pdpt[2] = pd_gpa | m.table;
	pd[3] = pt_gpa | m.table;
	pt[511] = page_gpa | m.leaf;
	pd[4] = m.large;
	m.pdpt[5] = m.large;
	memory_is(m.fd, 2 * GIB + (4ull << 21) - 4096, page, 4096);
	memory_is(m.fd, 2 * GIB + (4ull << 21), m.base, 2 << 20);
	memory_is(m.fd, 5 * GIB, m.base, m.size);
	/* The bit that is PAT or nothing is no address. */
	if (m.c->mbox->amd) {
		pd[4] |= 1 << 12;
		memory_is(m.fd, 2 * GIB + (4ull << 21), m.base, 2 << 20);
	}
	/* Upper half of the table. */
	m.root[511] = m.root[0];
	memory_is(m.fd, (511ull << 39) + 2 * GIB + (4ull << 21) - 4096, page, 4096);
}

static void check_seek(int whence, uint64_t from, uint64_t want)
{
	int64_t got = lseek(m.fd, from, whence);

	if (got < 0 || (uint64_t)got != want)
		FAIL("lseek(%#llx, %s): saw %#llx (%s), wanted %#llx", (unsigned long long)from,
		     whence == SEEK_DATA ? "SEEK_DATA" : whence == SEEK_HOLE ? "SEEK_HOLE" :
		     "SEEK_END", (long long)got, got < 0 ? strerror(errno) : "no error",
		     (unsigned long long)want);
	CHECK_EQ(lseek(m.fd, 0, SEEK_CUR), want);
}

void memory_holes(void)
{
	uint64_t pd_gpa, pt_gpa, *pd, *pt, a, b, at = 2 * GIB;
	static uint8_t got[8 * 4096];
	void *pa, *pb;

	memory_begin(1);
	check_seek(SEEK_DATA, 0, 0);
	check_seek(SEEK_HOLE, 0, m.size);
	check_seek(SEEK_END, 0, m.size);
	CHECK_ERR(lseek(m.fd, m.size, SEEK_DATA), ENXIO);
	CHECK_ERR(lseek(m.fd, m.size, SEEK_HOLE), ENXIO);
	CHECK_EQ(OK(pread(m.fd, got, sizeof(got), m.size)), 0);
	CHECK_EQ(OK(pread(m.fd, got, sizeof(got), m.size - 5)), 5);

	pd = cloud_page(m.c, &pd_gpa);
	pt = cloud_page(m.c, &pt_gpa);
	a = memory_page(&pa, 1);
	b = memory_page(&pb, 2);
	m.pdpt[2] = pd_gpa | m.table;
	pd[0] = pt_gpa | m.table;
	pt[5] = a | m.leaf;
	pt[6] = b | m.leaf;
	pt[8] = a | m.leaf;
	pd[3] = m.large;
	check_seek(SEEK_HOLE, 0, m.size);
	check_seek(SEEK_HOLE, m.size + 1, m.size + 1);
	check_seek(SEEK_DATA, m.size, at + 5 * 4096);
	check_seek(SEEK_DATA, at + 5 * 4096 + 17, at + 5 * 4096 + 17);
	check_seek(SEEK_HOLE, at + 5 * 4096 + 17, at + 7 * 4096);
	check_seek(SEEK_DATA, at + 7 * 4096, at + 8 * 4096);
	check_seek(SEEK_HOLE, at + 8 * 4096, at + 9 * 4096);
	check_seek(SEEK_DATA, at + 9 * 4096, at + (3 << 21));
	check_seek(SEEK_HOLE, at + (3 << 21), at + (4 << 21));
	check_seek(SEEK_END, 0, at + (4 << 21));
	check_seek(SEEK_END, -1, at + (4 << 21) - 1);
	CHECK_EQ(OK(pread(m.fd, got, sizeof(got), at + 2 * 4096)), sizeof(got));
	CHECK(!memcmp(got, zeros, 3 * 4096));
	CHECK(!memcmp(got + 3 * 4096, pa, 4096));
	CHECK(!memcmp(got + 4 * 4096, pb, 4096));
	CHECK(!memcmp(got + 5 * 4096, zeros, 4096));
	CHECK(!memcmp(got + 6 * 4096, pa, 4096));
	CHECK(!memcmp(got + 7 * 4096, zeros, 4096));
	/* read(2) goes on where it was. */
	OK(lseek(m.fd, at + 4 * 4096 + 100, SEEK_SET));
	CHECK_EQ(OK(read(m.fd, got, 4096)), 4096);
	CHECK(!memcmp(got, zeros, 4096 - 100));
	CHECK(!memcmp(got + 4096 - 100, pa, 100));
	CHECK_EQ(OK(read(m.fd, got, 4096)), 4096);
	CHECK(!memcmp(got, pa + 100, 4096 - 100));
	/* Not for L2 to be read: nothing is there. */
	pt[8] = m.c->mbox->amd ? pt[8] & ~4ull : pt[8] & ~5ull;
	check_seek(SEEK_DATA, at + 7 * 4096, at + (3 << 21));
	pt[6] &= ~7ull;
	check_seek(SEEK_HOLE, at + 5 * 4096, at + 6 * 4096);
}

/* A root that the user VM has had in use since, without an access to a port of ours. */
void memory_new_root(void)
{
	uint64_t other;
	void *page;

	memory_begin(1);
	other = memory_first_page(m.c->root[0][OTHER_MEMORY]);
	page = addr_gpa2hva(m.c->vm, other);
	memset(page, 0x5a, 4096);
	CHECK(memcmp(page, m.base, 4096));
	memory_is(m.fd, 0, m.base, 4096);
	m.c->mbox->root[0] = m.c->root[0][OTHER_MEMORY];
	L2_RUN(m.c, 0, { .kind = OP_CPUID, .count = 1 });
	memory_is(m.fd, 0, page, 4096);
	m.c->mbox->root[0] = m.c->root[0][0];
	L2_RUN(m.c, 0, { .kind = OP_CPUID, .count = 1 });
	memory_is(m.fd, 0, m.base, 4096);
	/* The other user VM's roots are not this one's. */
	L2_RUN(m.c, 1, { .kind = OP_CPUID, .count = 1 });
	memory_is(m.fd, 0, m.base, 4096);
}

/* Of a user VM without a veil there is no more to be seen. */
void memory_no_veil(void)
{
	struct vsb_memory_info info = { 0 };
	int fd;

	memory_begin(1);
	fd = OK(ioctl(m.p->fd, VSB_GET_MEMORY, VSB_MEMORY_PRIVATE));
	memory_is(fd, 0, m.base, 4096);
	OK(ioctl(fd, VSB_GET_MEMORY_INFO, &info));
	CHECK_EQ(info.private_mask, 0);
	CHECK_EQ(lseek(fd, 0, SEEK_END), lseek(m.fd, 0, SEEK_END));
}

void memory_args(void)
{
	struct vsb_memory_info info = { 0 };
	struct vsb_vcpu_state vcpu = { 0 };
	void *volatile bad = (void *)16;
	uint8_t byte;

	memory_begin(1);
	CHECK_ERR(ioctl(m.p->fd, VSB_GET_MEMORY, 2), EINVAL);
	CHECK_ERR(ioctl(m.p->fd, VSB_GET_MEMORY, -1ul), EINVAL);
	CHECK_ERR(ioctl(m.c->fd, VSB_GET_MEMORY, 0), ENOTTY);
	CHECK_ERR(ioctl(m.fd, VSB_GET_MEMORY, 0), ENOTTY);
	CHECK_ERR(ioctl(m.fd, VSB_GET_USERVM, 0), ENOTTY);

	OK(ioctl(m.fd, VSB_GET_MEMORY_INFO, &info));
	CHECK_EQ(info.ept_pointer & ADDRESS, m.c->root[0][0]);
	CHECK_EQ(info.levels, 4);
	CHECK_EQ(info.vcpus, 1);
	CHECK_EQ(info.limit, m.size);
	CHECK_ERR(ioctl(m.fd, VSB_GET_MEMORY_INFO, &info), EINVAL);
	memset(&info, 0, sizeof(info));
	info.pad[3] = 1;
	CHECK_ERR(ioctl(m.fd, VSB_GET_MEMORY_INFO, &info), EINVAL);
	CHECK_ERR(ioctl(m.fd, VSB_GET_MEMORY_INFO, bad), EFAULT);

	vcpu.index = 1;
	CHECK_ERR(ioctl(m.fd, VSB_GET_VCPU, &vcpu), ENOENT);
	vcpu.index = 0;
	vcpu.flags = 1;
	CHECK_ERR(ioctl(m.fd, VSB_GET_VCPU, &vcpu), EINVAL);
	CHECK_ERR(ioctl(m.fd, VSB_GET_VCPU, bad), EFAULT);

	CHECK_ERR(ioctl(m.fd, VSB_STOP, VSB_MAX_STOP_MS + 1), EINVAL);
	OK(ioctl(m.fd, VSB_STOP, 0));

	CHECK_ERR(write(m.fd, &byte, 1), EBADF);
	CHECK_ERR(pwrite(m.fd, &byte, 1, 0), ESPIPE);
	CHECK(mmap(NULL, 4096, PROT_READ, MAP_SHARED, m.fd, 0) == MAP_FAILED && errno == ENODEV);
	CHECK_ERR(pread(m.fd, &byte, 1, -1), EINVAL);
	CHECK_ERR(pread(m.fd, bad, 1, 0), EFAULT);
	CHECK_ERR(pread(m.fd, bad, 1, m.size / 2), EFAULT);
	CHECK_EQ(OK(pread(m.fd, &byte, 0, 0)), 0);
	CHECK_EQ(OK(pread(m.fd, &byte, 1, 1ull << 62)), 0);
	CHECK_ERR(lseek(m.fd, 0, 77), EINVAL);
	CHECK_ERR(lseek(m.fd, -1, SEEK_SET), EINVAL);
	CHECK_ERR(lseek(m.fd, -1, SEEK_DATA), ENXIO);
	CHECK_ERR(lseek(m.fd, 1ull << 52, SEEK_DATA), ENXIO);
	CHECK_ERR(lseek(m.fd, 1ull << 52, SEEK_HOLE), ENXIO);
	CHECK_ERR(lseek(m.fd, (1ull << 52) + 1, SEEK_SET), EINVAL);
}

/* This cloud VM, attached. Return: its only proxy. */
static struct proxy *attached(struct cloud *c)
{
	struct proxy *p;

	m.c = c;
	cloud_attach(c, 0, VSB_UNCLAIMED_ABSORB);
	p = proxy_add(c, "vm1");
	cloud_start(c);
	return p;
}

void memory_unbound(void)
{
	struct proxy *p = attached(cloud_new());

	CHECK_ERR(ioctl(p->fd, VSB_GET_MEMORY, 0), ENOENT);
	L2_RUN(m.c, 0, OUT(COM1, 1, 1));
	OK(close(memory_open(p)));
}

/* Without nested paging there is no table that says what memory is. */
void memory_shadow(void)
{
	struct proxy *p = attached(cloud_new_shadow());

	L2_RUN(m.c, 0, OUT(COM1, 1, 1));
	CHECK_ERR(ioctl(p->fd, VSB_GET_MEMORY, 0), EOPNOTSUPP);
}
