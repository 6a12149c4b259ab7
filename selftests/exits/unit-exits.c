// SPDX-License-Identifier: GPL-2.0
/* Exit reasons with every flag beside them, and exit information of all accesses. */
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

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/exits/vmx/flags", test_vmx_flags);
	g_test_add_func("/exits/vmx/reasons", test_vmx_reasons);
	g_test_add_func("/exits/vmx/info", test_vmx_info);
	g_test_add_func("/exits/svm/codes", test_svm_codes);
	g_test_add_func("/exits/svm/info", test_svm_info);
	return g_test_run();
}
