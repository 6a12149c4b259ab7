// SPDX-License-Identifier: GPL-2.0
/* Makes the cloud VM, its page tables for L2, and runs its vCPU. */
#include <signal.h>
#include <string.h>

#include "test_util.h"
#include "kvm_util.h"
#include "processor.h"
#include "svm_util.h"
#include "vmx.h"

#include "cloud.h"
#include "tap.h"
#include "vsb.h"

/* The library adds 1 in 128 of these, for page tables; ours are among them. */
#define EXTRA_PAGES	16384
#define UCALL_PORT	0x1000	/* the library's */

/* Entries of both formats (SDM 29.3.2, APM 15.25.5). */
#define NPT_TABLE	0x67ull	/* P, RW, US, A, D */
#define NPT_2M		(NPT_TABLE | 0x80)
#define EPT_TABLE	0x107ull	/* R, W, X, A */
#define EPT_2M		(EPT_TABLE | 0x200 | 0x80 | 6 << 3)	/* D, write-back */

uint64_t *cloud_page(struct cloud *c, uint64_t *gpa)
{
	vm_vaddr_t gva = vm_vaddr_alloc_page(c->vm);
	uint64_t *hva = addr_gva2hva(c->vm, gva);

	memset(hva, 0, 4096);
	*gpa = addr_gva2gpa(c->vm, gva);
	return hva;
}

#define NPT_4K		NPT_TABLE
#define EPT_4K		(EPT_TABLE | 0x200 | 6 << 3)

/* A table like that at @pd, but that frame 0, which nobody uses, is a new one. */
static uint64_t other_memory(struct cloud *c, const uint64_t *pd, uint64_t table)
{
	uint64_t leaf = c->mbox->amd ? NPT_4K : EPT_4K, pd_gpa, pt_gpa, page_gpa;
	uint64_t *pt = cloud_page(c, &pt_gpa);
	uint64_t *new = cloud_page(c, &pd_gpa);

	cloud_page(c, &page_gpa);
	for (uint64_t i = 0; i < 512; i++)
		pt[i] = (i ? i << 12 : page_gpa) | leaf;
	memcpy(new, pd, 4096);
	new[0] = pt_gpa | table;
	return pd_gpa;
}

/* The first GiB onto itself in pages of 2 MiB, under all roots. */
static void make_roots(struct cloud *c, unsigned int l2)
{
	uint64_t table = c->mbox->amd ? NPT_TABLE : EPT_TABLE;
	uint64_t leaf = c->mbox->amd ? NPT_2M : EPT_2M;
	uint64_t *pdpt, *pd, *root, pdpt_gpa, pd_gpa;

	pdpt = cloud_page(c, &pdpt_gpa);
	pd = cloud_page(c, &pd_gpa);
	pdpt[0] = pd_gpa | table;
	for (uint64_t i = 0; i < 512; i++)
		pd[i] = i << 21 | leaf;
	for (unsigned int i = 0; i < NR_ROOTS; i++) {
		root = cloud_page(c, &c->root[l2][i]);
		root[0] = pdpt_gpa | table;
	}
	pdpt = cloud_page(c, &pdpt_gpa);
	pdpt[0] = other_memory(c, pd, table) | table;
	root[0] = pdpt_gpa | table;
}

static void make_l2(struct cloud *c, unsigned int l2)
{
	struct l2_state *states = addr_gva2hva(c->vm, (vm_vaddr_t)l2_state);
	vm_vaddr_t data, page;

	if (c->mbox->amd) {
		vcpu_alloc_svm(c->vm, &data);
		/* I/O permission map: three pages, every port */
		page = vm_vaddr_alloc_pages(c->vm, 3);
		for (int i = 0; i < 3; i++)
			memset(addr_gva2hva(c->vm, page + i * 4096), 0xff, 4096);
	} else {
		vcpu_alloc_vmx(c->vm, &data);
		page = vm_vaddr_alloc_page(c->vm);
		memset(addr_gva2hva(c->vm, page), 0, 4096);
	}
	states[l2].data = (void *)data;
	states[l2].page = addr_gva2gpa(c->vm, page);
}

/* Lets L1 run on this CPU until its next GUEST_SYNC. */
static void l1_resume_on(struct cloud *c, struct kvm_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	struct ucall uc;

	for (;;) {
		if (__vcpu_run(vcpu) < 0) {
			if (errno != EINTR)
				FAIL("KVM_RUN of the cloud VM: %s", strerror(errno));
			c->interrupted++;
			continue;
		}
		if (run->exit_reason != KVM_EXIT_IO)
			FAIL("KVM_RUN of the cloud VM: exit reason %u (%s), suberror %u",
			     run->exit_reason, exit_reason_str(run->exit_reason),
			     run->internal.suberror);
		if (run->io.port != UCALL_PORT) {
			c->l1_io++;
			c->l1_port = run->io.port;
			if (run->io.direction == KVM_EXIT_IO_IN)
				memset((char *)run + run->io.data_offset, 0xc1,
				       run->io.size * run->io.count);
			continue;
		}
		switch (get_ucall(vcpu, &uc)) {
		case UCALL_SYNC:
			return;
		case UCALL_ABORT:
			FAIL("L1 or L2: %s at %s:%ld", (const char *)uc.args[0],
			     (const char *)uc.args[1], (long)uc.args[2]);
		case UCALL_UNHANDLED:
			FAIL("L1 or L2: unexpected exception %ld", (long)uc.args[0]);
		default:
			FAIL("L1 or L2: unknown call %ld", (long)uc.cmd);
		}
	}
}

static void l1_resume(struct cloud *c)
{
	l1_resume_on(c, c->vcpu);
}

void cloud_dont_fork(struct cloud *c, uint32_t slot)
{
	struct userspace_mem_region *region = memslot2region(c->vm, slot);

	OK(madvise(region->host_mem, region->region.memory_size, MADV_DONTFORK));
}

static struct cloud *make(unsigned int cpus, unsigned int l2s, bool nested_paging)
{
	struct cloud *c = calloc(1, sizeof(*c));

	c->fd = -1;
	c->vm = __vm_create_with_vcpus(VM_MODE_DEFAULT, cpus, EXTRA_PAGES, l1_main, c->cpus);
	cloud_dont_fork(c, 0);
	vm_init_descriptor_tables(c->vm);
	for (unsigned int i = 0; i < cpus; i++) {
		vcpu_init_descriptor_tables(c->cpus[i]);
		vcpu_args_set(c->cpus[i], 1, (uint64_t)i);
	}
	vm_install_exception_handler(c->vm, DB_VECTOR, (void *)guest_db_handler);
	c->mbox = addr_gva2hva(c->vm, (vm_vaddr_t)&mbox);
	c->mbox->amd = kvm_cpu_has(X86_FEATURE_SVM);
	if (!c->mbox->amd && !kvm_cpu_has(X86_FEATURE_VMX))
		tap_skip("KVM here has no nested virtualization");
	c->mbox->intercept = true;
	c->mbox->nr_cpus = cpus;
	c->mbox->nr_l2 = l2s;
	for (unsigned int i = 0; i < l2s; i++) {
		make_l2(c, i);
		make_roots(c, i);
		c->mbox->root[i] = nested_paging ? c->root[i][0] : 0;
	}
	/* mov $BOOT_PORT, %edx; mov $BOOT_BYTE, %al; out %al, %dx; vmcall or vmmcall */
	memcpy(c->mbox->boot, (uint8_t[]){ 0xba, BOOT_PORT & 0xff, BOOT_PORT >> 8, 0, 0,
		0xb0, BOOT_BYTE, 0xee, 0x0f, 0x01, c->mbox->amd ? 0xd9 : 0xc1 }, 11);
	c->mbox->boot_code = addr_gva2gpa(c->vm, (vm_vaddr_t)&mbox.boot);
	for (unsigned int i = 0; i < cpus; i++) {
		cloud_use_cpu(c, i);
		l1_resume(c);	/* its setup */
	}
	cloud_use_cpu(c, 0);
	return c;
}

struct cloud *cloud_new(void)
{
	return make(1, 2, true);
}

struct cloud *cloud_new_with(unsigned int cpus, unsigned int l2s)
{
	return make(cpus, l2s, true);
}

struct cloud *cloud_new_shadow(void)
{
	return make(1, 2, false);
}

void cloud_use_cpu(struct cloud *c, unsigned int cpu)
{
	c->vcpu = c->cpus[cpu];
}

void cloud_attach(struct cloud *c, uint32_t flags, uint32_t unclaimed)
{
	int dev = OK(vsb_open());

	c->fd = OK(vsb_cloud(dev, c->vm->fd, flags, unclaimed));
	close(dev);
}

void cloud_start(struct cloud *c)
{
	OK(vsb_start(c->fd));
}

void cloud_close(struct cloud *c)
{
	OK(close(c->fd));
	c->fd = -1;
}

static void load(struct cloud *c, unsigned int request, unsigned int l2,
		 const struct op *ops, size_t n)
{
	struct mbox *m = c->mbox;

	m->request = request;
	m->l2 = l2;
	m->stop = false;
	m->trouble = 0;
	m->nr_exits = 0;
	m->nr_ops = n;
	memcpy(m->ops, ops, n * sizeof(*ops));
}

/* Every access was executed once and L2 came to its end. */
static void check_end(struct cloud *c)
{
	struct mbox *m = c->mbox;

	if (m->trouble)
		FAIL("L2 stopped with exit code %#llx",
		     (unsigned long long)(m->trouble & ~(1ull << 63)));
	for (uint32_t i = 0; i < m->nr_ops; i++)
		if (m->ops[i].done != 1)
			FAIL("access %u of the list was executed %u times", i, m->ops[i].done);
}

void l2_run(struct cloud *c, unsigned int l2, const struct op *ops, size_t n)
{
	load(c, L1_RUN_L2, l2, ops, n);
	l1_resume(c);
	check_end(c);
}

void l2_boot(struct cloud *c, unsigned int l2, const struct op *ops, size_t n)
{
	load(c, L1_BOOT_L2, l2, ops, 0);
	l1_resume(c);
	check_end(c);
	l2_run(c, l2, ops, n);
}

void l2_smi(struct cloud *c, unsigned int l2, uint64_t root)
{
	uint64_t before = c->mbox->root[l2];

	c->mbox->root[l2] = root;
	load(c, L1_SMI_L2, l2, NULL, 0);
	l1_resume(c);
	check_end(c);
	c->mbox->root[l2] = before;
}

uint64_t l2_fails(struct cloud *c, unsigned int l2, const struct op *ops, size_t n)
{
	load(c, L1_RUN_L2, l2, ops, n);
	l1_resume(c);
	if (!c->mbox->trouble)
		FAIL("L2 runs");
	return c->mbox->trouble & ~(1ull << 63);
}

void l2_enter(struct cloud *c, unsigned int l2, unsigned int inner, const struct op *ops,
	      size_t n)
{
	static uint64_t which;
	struct op enter = { .kind = OP_ENTER, .value = which++ };
	struct mbox *m = c->mbox;

	memcpy(m->inner_ops, ops, n * sizeof(*ops));
	m->nr_inner_ops = n;
	m->inner = inner;
	m->enters = 0;
	l2_run(c, l2, &enter, 1);
	CHECK_EQ(m->enters, 1);
	for (size_t i = 0; l2 != inner && i < n; i++)
		CHECK_EQ(m->inner_ops[i].done, 1);
}

void l1_io(struct cloud *c, const struct op *ops, size_t n)
{
	load(c, L1_OWN_IO, 0, ops, n);
	l1_resume(c);
	check_end(c);
}

static void nothing(int sig)
{
	(void)sig;
}

static void *run_thread(void *p)
{
	struct cloud *c = p;

	l1_resume(c);
	c->running = false;
	return NULL;
}

void l2_go(struct cloud *c, unsigned int l2, const struct op *ops, size_t n)
{
	struct sigaction sa = { .sa_handler = nothing };	/* without SA_RESTART */

	sigaction(SIGUSR1, &sa, NULL);
	load(c, L1_RUN_L2, l2, ops, n);
	c->running = true;
	if (pthread_create(&c->thread, NULL, run_thread, c))
		FAIL("pthread_create");
}

void l2_wait(struct cloud *c)
{
	WAIT_FOR(!c->running);
	pthread_join(c->thread, NULL);
	check_end(c);
}

static void *call_thread(void *p)
{
	struct cloud_cpu *call = p;

	l1_resume_on(call->cloud, call->vcpu);
	call->running = false;
	return NULL;
}

void cloud_call(struct cloud *c, unsigned int cpu,
		void (*fn)(const struct l1_ops *l1, unsigned int cpu))
{
	struct cloud_cpu *call = &c->calls[cpu];

	c->mbox->request = L1_CALL;
	c->mbox->call = fn;
	call->cloud = c;
	call->vcpu = c->cpus[cpu];
	call->running = true;
	if (pthread_create(&call->thread, NULL, call_thread, call))
		FAIL("pthread_create");
}

void cloud_returned(struct cloud *c, unsigned int cpu)
{
	WAIT_FOR(!c->calls[cpu].running);
	pthread_join(c->calls[cpu].thread, NULL);
}

uint64_t rax_after(unsigned int size, uint32_t v)
{
	switch (size) {
	case 1:
		return (POISON & ~0xffull) | (v & 0xff);
	case 2:
		return (POISON & ~0xffffull) | (v & 0xffff);
	default:
		return v;
	}
}

int64_t step_off_after_retry(struct cloud *c)
{
	struct op touch = { .kind = OP_STEP_TOUCH };

	OK(madvise(c->mbox->buf + STEP_PAGE, 4096, MADV_DONTNEED));
	l2_run(c, 0, &touch, 1);
	CHECK_EQ(c->mbox->ops[0].steps, 1);
	return c->mbox->ops[0].step_off;
}
