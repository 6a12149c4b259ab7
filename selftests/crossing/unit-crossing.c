// SPDX-License-Identifier: GPL-2.0
/*
 * Random accesses about the ends of a card's memory, made by an emulator that does as KVM's: page
 * for page, each translated for itself. Pages are the card's, memory, or not in the guest
 * hypervisor's table. Whatever crosses into, or from, the card has to be done to its end: no fault
 * may be shown, as the guest hypervisor would make the whole access. All else has to be as
 * without us.
 */
#include <string.h>
#include <glib.h>

#include "asm/svm.h"
#include "kvm/calls.h"
#include "kvm/crossing.h"
#include "kvm/vendor.h"
#include "linux/mm.h"

#define ROUNDS	200000
#define BASE	0xfd000000ull
#define NR	6

const struct vsb_vendor vsb_svm, *vsb_vendor = &vsb_svm;

/* What a page of L2 is: of its tables, of the card, of memory, missing; not in L2's own tables. */
enum page { CARD, MEMORY, MISSING, UNMAPPED };

/* struct x86_emulate_ctxt, as the test has it */
struct ctxt {
	guint32 unused;
	struct {
		guint32 type;
		guint32 bytes;
	} src, dst;
};

static struct {
	struct kvm_vcpu vcpu;
	struct vmcb vmcb;
	enum page page[NR];
	gboolean tables;	/* L2's own are missing in the guest hypervisor's */
	struct ctxt ctxt;
	guint64 from;		/* the instruction reads that first, or 0 */
	guint64 access;		/* PFERR_* */
	guint64 linear;		/* the access: */
	guint32 size;
	guint32 times;		/* by a string instruction */
	/* what came of it: bytes that the card, memory, and nobody got */
	guint8 card[NR * 4096], memory[NR * 4096], nobody[NR * 4096];
	gboolean faulted;
} m;

struct vmcb *vsb_kvm_vmcb(struct kvm_vcpu *vcpu)
{
	return &m.vmcb;
}

/* translate_nested_gpa(): what the redirection says, or the table. */
static gpa_t nested(struct kvm_vcpu *vcpu, gpa_t gpa)
{
	guint page = (gpa - BASE) / PAGE_SIZE;

	if (vsb_crossing_nobody(vcpu, gpa))
		return gpa | VSB_TRAPPED | VSB_NOBODY;
	if (gpa < BASE)	/* L2's tables */
		return m.tables ? INVALID_GPA : gpa;
	if (m.page[page] == CARD)
		return gpa | VSB_TRAPPED;
	return m.page[page] == MEMORY ? gpa : INVALID_GPA;
}

/* Here linear addresses are physical ones, if L2's tables have them. */
static gpa_t walk(struct kvm_vcpu *vcpu, struct kvm_mmu *mmu, gpa_t linear, u64 access,
		  struct x86_exception *exception)
{
	guint page = (linear - BASE) / PAGE_SIZE;
	gpa_t table = nested(vcpu, 0x1000), gpa = INVALID_GPA;

	g_assert_cmpuint(page, <, NR);
	/* a table is read where there is memory, or not at all */
	if (table != INVALID_GPA && !(table & VSB_TRAPPED) && m.page[page] != UNMAPPED)
		gpa = nested(vcpu, linear & PAGE_MASK);
	if (gpa != INVALID_GPA)
		return gpa | offset_in_page(linear);
	if (exception)
		exception->address = linear;
	return INVALID_GPA;
}

/* emulator_read_write_onepage() */
static gboolean part(guint64 linear, guint32 size)
{
	struct x86_exception exception;
	struct kvm_mmu *mmu = &m.vcpu.arch.nested_mmu;
	gpa_t gpa = mmu->gva_to_gpa(&m.vcpu, mmu, linear, m.access, &exception);
	guint64 at = linear - BASE;

	if (gpa == INVALID_GPA)
		return FALSE;
	g_assert_cmpuint((gpa & ~(VSB_TRAPPED | VSB_NOBODY)), ==, linear);
	for (guint32 done = 0, n; done < size && gpa & VSB_TRAPPED; done += n) {
		n = MIN(size - done, 8);
		vsb_crossing_access(&m.vcpu, gpa + done, n);
	}
	for (guint32 i = 0; i < size; i++)
		(gpa & VSB_NOBODY ? m.nobody : gpa & VSB_TRAPPED ? m.card : m.memory)[at + i]++;
	return TRUE;
}

static gboolean once(guint64 linear, guint32 size)
{
	guint32 first = MIN(PAGE_SIZE - offset_in_page(linear), size);

	return part(linear, first) && (first == size || part(linear + first, size - first));
}

int vsb_kvm_emulate(struct kvm_vcpu *vcpu, gpa_t gpa, void *insn, int insn_len)
{
	for (guint32 i = 0; i < m.times && !m.faulted; i++) {
		m.faulted = (m.from && !once(m.from, m.size)) || !once(m.linear + i * m.size, m.size);
		if (m.times > 1) {
			vcpu->arch.regs[VCPU_REGS_RCX]--;
			vcpu->arch.regs[VCPU_REGS_RDI] += m.size;
		}
	}
	if (m.faulted) {
		/* else nested_svm_inject_npf_exit() says where another one was */
		g_assert_cmphex(m.vmcb.control.exit_code, !=, SVM_EXIT_NPF);
		m.vmcb.control.exit_code = SVM_EXIT_NPF;
	}
	return 1;
}

static enum page of(guint64 linear)
{
	return m.page[(linear - BASE) / PAGE_SIZE];
}

/* Has everybody got his bytes of the element there? */
static void judge(guint64 linear)
{
	enum page first = of(linear), last = of(linear + m.size - 1);
	gboolean crosses = offset_in_page(linear) + m.size > PAGE_SIZE;
	gboolean cut = crosses && ((first == CARD && last == MISSING) || (first == MISSING && last == CARD));

	for (guint32 i = 0; i < m.size; i++) {
		guint64 at = linear + i - BASE;
		enum page p = of(linear + i);

		g_assert_cmpuint(m.card[at], ==, p == CARD);
		g_assert_cmpuint(m.memory[at], ==, p == MEMORY);
		g_assert_cmpuint(m.nobody[at], ==, cut && p == MISSING);
	}
}

/* May an element there be done, and has it to be? */
static gboolean whole(guint64 linear)
{
	enum page first = of(linear), last = of(linear + m.size - 1);

	if (m.tables || first == UNMAPPED || last == UNMAPPED)
		return FALSE;
	if (first == MISSING)
		return last == CARD;
	return last != MISSING || first == CARD;
}

static void any_access(void)
{
	static const guint32 sizes[] = { 1, 2, 4, 8, 16 };

	memset(&m, 0, sizeof(m));
	m.vcpu.arch.nested_mmu.gva_to_gpa = walk;
	m.vcpu.arch.emulate_ctxt = &m.ctxt;
	m.vmcb.control.exit_code = SVM_EXIT_NPF;
	m.size = sizes[g_random_int_range(0, G_N_ELEMENTS(sizes))];
	m.times = g_random_int_range(0, 4) ? 1 : g_random_int_range(2, 20);
	m.vcpu.arch.regs[VCPU_REGS_RCX] = m.times;
	m.tables = !g_random_int_range(0, 20);
	for (guint i = 0; i < NR; i++)
		m.page[i] = g_random_int_range(0, UNMAPPED + 1);
	m.ctxt.src.type = g_random_int_range(0, 3);
	m.ctxt.src.bytes = m.size;
	m.ctxt.dst.type = m.ctxt.src.type ? g_random_int_range(0, 3) : 1;
	m.ctxt.dst.bytes = m.size;
	m.linear = BASE + PAGE_SIZE * g_random_int_range(1, 3) - g_random_int_range(0, 40);
}

static void test_random(void)
{
	guint cut = 0, faulted = 0;

	vsb_emulator = (struct vsb_emulator){ 4, 12, 4 };
	for (guint round = 0; round < ROUNDS; round++) {
		guint32 done;

		any_access();
		g_assert_cmpint(vsb_crossing_emulate(&m.vcpu, 0, NULL, 0), ==, 1);
		for (done = 0; done < m.times && whole(m.linear + done * m.size); done++)
			judge(m.linear + done * m.size);
		g_assert_cmpint(m.faulted, ==, done < m.times);
		g_assert_true(m.vcpu.arch.nested_mmu.gva_to_gpa == walk);
		g_assert_cmphex(m.vmcb.control.exit_code, ==, SVM_EXIT_NPF);
		faulted += m.faulted;
		for (guint i = 0; i < sizeof(m.nobody); i++)
			cut += m.nobody[i];
	}
	/* both occur */
	g_assert_cmpuint(cut, >, ROUNDS / 100);
	g_assert_cmpuint(faulted, >, ROUNDS / 100);
}

/* Not known how long: what ends with its page may be taken for longer, and never for shorter. */
static void test_unknown(void)
{
	vsb_emulator = (struct vsb_emulator){ 0 };
	for (guint round = 0; round < ROUNDS / 10; round++) {
		any_access();
		m.times = 1;
		vsb_crossing_emulate(&m.vcpu, 0, NULL, 0);
		if (whole(m.linear)) {
			judge(m.linear);
			g_assert_false(m.faulted);
		}
	}
}

/* From the card to what is missing: that is another operand, which the guest hypervisor may have. */
static void test_copies(void)
{
	vsb_emulator = (struct vsb_emulator){ 4, 12, 4 };
	for (guint32 before = 0; before < 16; before++) {
		any_access();
		m.page[0] = m.page[2] = CARD;
		m.page[1] = MISSING;
		m.tables = FALSE;
		m.size = 8;
		m.times = 1;
		m.from = BASE + 2 * PAGE_SIZE + before;
		m.linear = BASE + PAGE_SIZE;
		vsb_crossing_emulate(&m.vcpu, 0, NULL, 0);
		g_assert_true(m.faulted);
	}
}

/* An instruction that lies across the card's begin is the guest hypervisor's. */
static void test_fetches(void)
{
	any_access();
	m.page[0] = MISSING;
	m.page[1] = CARD;
	m.tables = FALSE;
	/* what the instruction before that had */
	m.ctxt.dst.type = 1;
	m.ctxt.dst.bytes = 8;
	m.size = 8;
	m.times = 1;
	m.access = PFERR_FETCH_MASK;
	m.linear = BASE + PAGE_SIZE - 4;
	vsb_crossing_emulate(&m.vcpu, 0, NULL, 0);
	g_assert_true(m.faulted);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/crossing/random", test_random);
	g_test_add_func("/crossing/unknown", test_unknown);
	g_test_add_func("/crossing/copies", test_copies);
	g_test_add_func("/crossing/fetches", test_fetches);
	return g_test_run();
}
