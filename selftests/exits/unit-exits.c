// SPDX-License-Identifier: GPL-2.0
/*
 * Exit reasons with every flag beside them, which kind each is, and exit information of all
 * accesses, read and written.
 */
#include <glib.h>

#include <linux/bits.h>

#include "kvm/exits.h"

/* SDM vol. 3, appendix C; APM vol. 2, appendix C. */
#define VMX_IO		30
#define VMX_VMLAUNCH	20
#define VMX_VMRESUME	24
#define VMX_FAILED	BIT(31)
#define SVM_IOIO	0x7b
#define SVM_VMRUN	0x80

static const guint8 sizes[] = { 1, 2, 4 };

static void check_pio(const struct vsb_pio *pio, guint port, guint size, gboolean in)
{
	g_assert_cmpuint(pio->port, ==, port);
	g_assert_cmpuint(pio->size, ==, size);
	g_assert_cmpint(pio->in, ==, in);
}

/* Bits 16 to 30, one by one and all: bus lock (26), enclave mode (27), pending MTF (28), ... */
static void test_vmx_flags(void)
{
	struct vsb_pio pio;

	for (guint bit = 16; bit <= 31; bit++) {
		guint32 flags = bit < 31 ? BIT(bit) : 0x7fff0000;

		g_assert_true(vsb_vmx_exit_pio(VMX_IO | flags, 0x3f80000, &pio));
		check_pio(&pio, 0x3f8, 1, FALSE);
		g_assert_true(vsb_vmx_exit_enters(VMX_VMLAUNCH | flags));
		g_assert_true(vsb_vmx_exit_enters(VMX_VMRESUME | flags));
		/* A failed entry has executed nothing. */
		g_assert_false(vsb_vmx_exit_pio(VMX_IO | flags | VMX_FAILED, 0x3f80000, &pio));
		g_assert_false(vsb_vmx_exit_enters(VMX_VMLAUNCH | flags | VMX_FAILED));
	}
}

/* No other reason is one of these. */
static void test_vmx_reasons(void)
{
	struct vsb_pio pio;

	for (guint32 reason = 0; reason <= G_MAXUINT16; reason++) {
		g_assert_cmpint(vsb_vmx_exit_pio(reason, 0, &pio), ==, reason == VMX_IO);
		g_assert_cmpint(vsb_vmx_exit_enters(reason), ==,
				reason == VMX_VMLAUNCH || reason == VMX_VMRESUME);
	}
}

/* SDM vol. 3, table 28-5: bits 15:7 and those above 31 say nothing of the access. */
static void test_vmx_info(void)
{
	static const guint64 rest[] = { 0, 0xff80, 0xffffffff00000000, 0x70 };
	struct vsb_pio pio;

	for (guint port = 0; port <= G_MAXUINT16; port++)
		for (guint i = 0; i < G_N_ELEMENTS(sizes) * 2 * G_N_ELEMENTS(rest); i++) {
			guint size = sizes[i % 3];
			gboolean in = i / 3 & 1;
			guint64 info = (guint64)port << 16 | in << 3 | (size - 1) | rest[i / 6];

			g_assert_true(vsb_vmx_exit_pio(VMX_IO, info, &pio));
			check_pio(&pio, port, size, in);
		}
}

/* A code is a number: with any other bit it is another one. */
static void test_svm_codes(void)
{
	struct vsb_pio pio;

	g_assert_true(vsb_svm_exit_pio(SVM_IOIO, 0, &pio));
	g_assert_true(vsb_svm_exit_enters(SVM_VMRUN));
	for (guint bit = 0; bit < 32; bit++) {
		g_assert_false(vsb_svm_exit_pio(SVM_IOIO ^ BIT(bit), 0, &pio));
		g_assert_false(vsb_svm_exit_enters(SVM_VMRUN ^ BIT(bit)));
	}
	g_assert_false(vsb_svm_exit_pio(G_MAXUINT32, 0, &pio));	/* VMEXIT_INVALID */
	g_assert_false(vsb_svm_exit_enters(G_MAXUINT32));
}

/* APM vol. 2, 15.10.2: string, REP, address size, segment beside the access. */
static void test_svm_info(void)
{
	static const guint64 rest[] = { 0, 0xff80, 0xffffffff00000000, 0xc };
	struct vsb_pio pio;

	for (guint port = 0; port <= G_MAXUINT16; port++)
		for (guint i = 0; i < G_N_ELEMENTS(sizes) * 2 * G_N_ELEMENTS(rest); i++) {
			guint size = sizes[i % 3];
			gboolean in = i / 3 & 1;
			guint64 info = (guint64)port << 16 | in | size << 4 | rest[i / 6];

			g_assert_true(vsb_svm_exit_pio(SVM_IOIO, info, &pio));
			check_pio(&pio, port, size, in);
		}
}

/* Is it one of those that are looked at, whatever its exit information is? */
static gboolean vmx_is_any(guint32 reason)
{
	struct vsb_pio pio;

	return vsb_vmx_exit_pio(reason, 0, &pio) || vsb_vmx_exit_enters(reason) ||
	       vsb_vmx_exit_hosts(reason) || vsb_vmx_exit_halts(reason) ||
	       vsb_vmx_exit_wrmsr(reason, 0) || vsb_vmx_exit_pages(reason);
}

static gboolean svm_is_any(guint32 reason)
{
	struct vsb_pio pio;

	return vsb_svm_exit_pio(reason, 0, &pio) || vsb_svm_exit_enters(reason) ||
	       vsb_svm_exit_hosts(reason) || vsb_svm_exit_halts(reason) ||
	       vsb_svm_exit_wrmsr(reason, 0) || vsb_svm_exit_wrmsr(reason, 1) ||
	       vsb_svm_exit_pages(reason);
}

/* One that is plain is looked at no further: it is none of the others, and all else is. */
static void test_vmx_plain(void)
{
	guint any = 0;

	for (guint32 reason = 0; reason <= G_MAXUINT16; reason++) {
		any += vmx_is_any(reason);
		g_assert_cmpint(vsb_vmx_exit_plain(reason), ==, !vmx_is_any(reason));
		for (guint bit = 16; bit < 31; bit++)
			g_assert_cmpint(vsb_vmx_exit_plain(reason | BIT(bit)), ==,
					!vmx_is_any(reason | BIT(bit)));
		/* That is none of them, plain or not. */
		g_assert_false(vmx_is_any(reason | VMX_FAILED));
	}
	g_assert_cmpuint(any, ==, 8);
}

static void test_svm_plain(void)
{
	guint any = 0;

	/* VMEXIT_INVALID and its neighbours, of which later CPUs have some, are above. */
	for (guint64 i = 0; i <= 2 * G_MAXUINT16; i++) {
		guint32 code = i <= G_MAXUINT16 ? i : -(guint32)(i - G_MAXUINT16);

		any += svm_is_any(code);
		g_assert_cmpint(vsb_svm_exit_plain(code), ==, !svm_is_any(code));
		for (guint bit = 16; bit < 32; bit++)
			g_assert_cmpint(vsb_svm_exit_plain(code ^ BIT(bit)), ==,
					!svm_is_any(code ^ BIT(bit)));
	}
	g_assert_cmpuint(any, ==, 7);
}

/* Each kind by its number: SDM vol. 3, appendix C; APM vol. 2, appendix C. */
static void test_kinds(void)
{
	g_assert_true(vsb_vmx_exit_halts(12));
	g_assert_true(vsb_vmx_exit_wrmsr(32, 0));
	g_assert_false(vsb_vmx_exit_wrmsr(31, 0));	/* RDMSR */
	g_assert_true(vsb_vmx_exit_hosts(27));		/* VMXON */
	g_assert_false(vsb_vmx_exit_enters(27));
	g_assert_true(vsb_vmx_exit_hosts(VMX_VMLAUNCH));
	g_assert_true(vsb_vmx_exit_hosts(VMX_VMRESUME));
	g_assert_true(vsb_vmx_exit_pages(48));
	g_assert_true(vsb_vmx_exit_pages(49));
	g_assert_true(vsb_svm_exit_halts(0x78));
	g_assert_true(vsb_svm_exit_wrmsr(0x7c, 1));
	g_assert_false(vsb_svm_exit_wrmsr(0x7c, 0));	/* RDMSR */
	g_assert_true(vsb_svm_exit_hosts(SVM_VMRUN));
	g_assert_true(vsb_svm_exit_hosts(0x84));	/* STGI */
	g_assert_true(vsb_svm_exit_hosts(0x85));	/* CLGI */
	g_assert_false(vsb_svm_exit_enters(0x85));
	g_assert_true(vsb_svm_exit_pages(0x400));
}

/* Those at which it has to look at the instruction: its bytes are shown to it behind a veil. */
static void test_vmx_decodes(void)
{
	for (guint32 reason = 0; reason <= G_MAXUINT16; reason++) {
		/* APIC access, EPT violation and misconfiguration */
		gboolean decodes = reason == 44 || reason == 48 || reason == 49;

		g_assert_cmpint(vsb_vmx_exit_decodes(reason, 0, 0), ==, decodes);
		g_assert_cmpint(vsb_vmx_exit_decodes(reason | BIT(26), 0, 0), ==, decodes);
		g_assert_false(vsb_vmx_exit_decodes(reason | VMX_FAILED, 0, 0));
		/* INS and OUTS */
		g_assert_cmpint(vsb_vmx_exit_decodes(reason, BIT(4), 0), ==, decodes || reason == VMX_IO);
		/* #UD */
		g_assert_cmpint(vsb_vmx_exit_decodes(reason, 0, BIT(31) | 0x306), ==, decodes || !reason);
		g_assert_cmpint(vsb_vmx_exit_decodes(reason, 0, BIT(31) | 0x30e), ==, decodes);
	}
}

/* What a guest hypervisor is shown it reads as that access: nothing else is set. */
static void test_shown(void)
{
	for (guint port = 0; port <= G_MAXUINT16; port++)
		for (guint i = 0; i < G_N_ELEMENTS(sizes) * 2; i++) {
			const struct vsb_pio shown = {
				.port = port, .size = sizes[i % 3], .in = i / 3,
			};
			struct vsb_pio pio;
			guint64 info;

			info = vsb_vmx_io_info(&shown);
			g_assert_true(vsb_vmx_exit_pio(VMX_IO, info, &pio));
			check_pio(&pio, port, shown.size, shown.in);
			g_assert_cmphex(info & ~0xffff000full, ==, 0);
			info = vsb_svm_io_info(&shown);
			g_assert_true(vsb_svm_exit_pio(SVM_IOIO, info, &pio));
			check_pio(&pio, port, shown.size, shown.in);
			g_assert_cmphex(info & ~0xffff0071ull, ==, 0);
		}
}

/* What the guest hypervisor needs no look at an instruction for, and what lies beside it. */
static void test_svm_decodes(void)
{
	static const guint32 not[] = { 0x40, 0x45, 0x47, 0x4d, 0x4e, 0x5f, 0x60, 0x61, 0x62, 0x63,
				       0x64, 0x74, 0x7e, 0x7f, 0x401, 0x403, G_MAXUINT32 };
	static const guint32 does[] = { 0, 0x10, 0x20, 0x3f, 0x46, 0x65, 0x6e, 0x72, 0x78, 0x7c, 0x81,
					0x8d, 0x400 };

	for (gsize i = 0; i < G_N_ELEMENTS(not); i++)
		g_assert_false(vsb_svm_exit_decodes(not[i], 0));
	for (gsize i = 0; i < G_N_ELEMENTS(does); i++)
		g_assert_true(vsb_svm_exit_decodes(does[i], 0));
	/* Of string I/O it does; bit 2. */
	g_assert_false(vsb_svm_exit_decodes(SVM_IOIO, 0x3f8fffb));
	g_assert_true(vsb_svm_exit_decodes(SVM_IOIO, 4));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/exits/vmx/flags", test_vmx_flags);
	g_test_add_func("/exits/vmx/reasons", test_vmx_reasons);
	g_test_add_func("/exits/vmx/info", test_vmx_info);
	g_test_add_func("/exits/svm/codes", test_svm_codes);
	g_test_add_func("/exits/svm/info", test_svm_info);
	g_test_add_func("/exits/vmx/plain", test_vmx_plain);
	g_test_add_func("/exits/svm/plain", test_svm_plain);
	g_test_add_func("/exits/kinds", test_kinds);
	g_test_add_func("/exits/vmx/decodes", test_vmx_decodes);
	g_test_add_func("/exits/shown", test_shown);
	g_test_add_func("/exits/svm/decodes", test_svm_decodes);
	return g_test_run();
}
