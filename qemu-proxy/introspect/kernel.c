// SPDX-License-Identifier: GPL-2.0
/*
 * The Linux of a VM; see kernel.h.
 *
 * The interrupt descriptor table of a vCPU has addresses of handlers, which are in the kernel's
 * text. Around these is its image, wherever it was put (KASLR), and in there the rest.
 */
#include "kernel.h"

#include <string.h>

#include "error.h"

/* Where images are (Documentation/arch/x86/x86_64/mm.rst). */
#define LOWEST		0xffffffff80000000ull
#define HIGHEST		0xffffffffc0000000ull
/* An image begins at such a multiple, and a hole in it, what only its start needed, is smaller. */
#define ALIGNMENT	(2ull << 20)
#define MAX_HOLE	(32ull << 20)
#define MAX_IMAGE	(256ull << 20)
#define MAX_BTF		(32ull << 20)
#define MAX_BANNER	256
#define MAX_VCPUS	64

#define CR4_LA57	(1ull << 12)
/* A user's table is the page behind the kernel's (page-table isolation). */
#define USER_TABLE	0x1000ull

#define GATE_SIZE	16
/* Divide error, breakpoint, page fault. */
static const guint gates[] = { 0, 3, 14 };

/* Where gate @n leads (SDM vol. 3, 6.14.1), or 0. */
static guint64 handler(struct guest *guest, const struct guest_vcpu *vcpu, guint n)
{
	guint8 gate[GATE_SIZE];
	guint16 low, middle;
	guint32 high;
	guint64 at;

	if (n * GATE_SIZE + GATE_SIZE - 1 > vcpu->idt_limit ||
	    !guest_read(guest, vcpu->idt + n * GATE_SIZE, gate, sizeof(gate)))
		return 0;
	memcpy(&low, gate, 2);
	memcpy(&middle, gate + 6, 2);
	memcpy(&high, gate + 8, 4);
	at = (guint64)high << 32 | (guint64)middle << 16 | low;
	return gate[5] & 0x80 && at >= LOWEST && at < HIGHEST ? at : 0;
}

/* From @va on: the end of what is mapped, with small holes, and how much that is. */
static guint64 mapped_up(struct guest *guest, guint64 va, guint64 *there)
{
	guint64 end = va, limit = MIN(HIGHEST, va + MAX_IMAGE), pa, run;

	while (va < limit && va - end < MAX_HOLE) {
		gboolean mapped = guest_translate(guest, va, &pa, &run);

		run = MIN(run, limit - va);
		va += run;
		if (mapped) {
			end = va;
			*there += run;
		}
	}
	return end;
}

/* The other way: what is below @va, in steps. An image has no hole before its text. */
static guint64 mapped_down(struct guest *guest, guint64 va)
{
	guint64 begin = va & ~(ALIGNMENT - 1), pa, run;

	while (begin - ALIGNMENT >= LOWEST && va - begin < MAX_IMAGE / 2 &&
	       guest_translate(guest, begin - ALIGNMENT, &pa, &run))
		begin -= ALIGNMENT;
	return begin;
}

/* An image that a vCPU shows. */
struct place {
	guint64 begin, end, there;
	guint64 root;
	guint levels;
};

/* An address in the kernel's text, or 0. */
static guint64 text_address(struct guest *guest, const struct guest_vcpu *vcpu)
{
	for (guint i = 0; i < G_N_ELEMENTS(gates); i++) {
		guint64 at = handler(guest, vcpu, gates[i]);

		if (at)
			return at;
	}
	/* With FRED there is no table; most vCPUs of a kernel that has nothing to do are in there. */
	return vcpu->rip >= LOWEST && vcpu->rip < HIGHEST ? vcpu->rip : 0;
}

static void look_at(struct guest *guest, const struct guest_vcpu *vcpu, guint64 root,
		    struct place *best)
{
	struct place place = { .root = root, .levels = vcpu->cr4 & CR4_LA57 ? 5 : 4 };
	guint64 at;

	guest_set_table(guest, root, place.levels);
	at = text_address(guest, vcpu);
	if (!at)
		return;
	place.begin = mapped_down(guest, at);
	place.end = mapped_up(guest, place.begin, &place.there);
	if (place.there > best->there)
		*best = place;
}

/* The largest image that any of them shows: a user's table has little of it. */
static gboolean find_place(struct guest *guest, const GArray *vcpus, struct place *place,
			   GError **error)
{
	*place = (struct place){ 0 };
	for (guint i = 0; i < MIN(vcpus->len, MAX_VCPUS); i++) {
		const struct guest_vcpu *vcpu = &g_array_index(vcpus, struct guest_vcpu, i);

		look_at(guest, vcpu, vcpu->cr3, place);
		if (vcpu->cr3 & USER_TABLE)
			look_at(guest, vcpu, vcpu->cr3 & ~USER_TABLE, place);
	}
	if (place->there) {
		guest_set_table(guest, place->root, place->levels);
		return TRUE;
	}
	g_set_error_literal(error, VSB_ERROR, VSB_ERROR_FAILED, vcpus->len ?
			    "no 64-bit Linux runs in it (no vCPU's interrupt table leads to one)" :
			    "the registers of no vCPU are known");
	return FALSE;
}

static gboolean find_symbols(struct kernel *k, const struct place *place, GError **error)
{
	gsize len = (gsize)(place->end - place->begin);
	g_autofree guint8 *image = g_malloc(len);

	guest_read_image(k->guest, place->begin, image, len);
	k->symbols = kallsyms_find(image, len, place->begin, error);
	return k->symbols != NULL;
}

gboolean kernel_symbol(const struct kernel *k, const char *name, guint64 *address, GError **error)
{
	*address = kallsyms_address(k->symbols, name);
	if (*address)
		return TRUE;
	g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED, "the kernel has no symbol %s", name);
	return FALSE;
}

/* Its own page table in place of that of some process. */
static gboolean take_table(struct kernel *k, guint levels, GError **error)
{
	guint64 at, pa, run;

	if (!kernel_symbol(k, "init_top_pgt", &at, error))
		return FALSE;
	if (!guest_translate(k->guest, at, &pa, &run)) {
		g_set_error_literal(error, VSB_ERROR, VSB_ERROR_FAILED,
				    "the kernel's page table is not mapped");
		return FALSE;
	}
	guest_set_table(k->guest, pa, levels);
	return TRUE;
}

static gboolean take_layout(struct kernel *k, GError **error)
{
	g_autofree guint8 *data = NULL;
	guint64 from, to;

	if (!kernel_symbol(k, "__start_BTF", &from, error) ||
	    !kernel_symbol(k, "__stop_BTF", &to, error))
		return FALSE;
	if (to <= from || to - from > MAX_BTF) {
		g_set_error_literal(error, VSB_ERROR, VSB_ERROR_FAILED,
				    "the kernel has no type information (BTF) of a possible size");
		return FALSE;
	}
	data = g_malloc((gsize)(to - from));
	guest_read_image(k->guest, from, data, (gsize)(to - from));
	k->layout = layout_new(data, (gsize)(to - from), error);
	return k->layout != NULL;
}

static gboolean take_banner(struct kernel *k, GError **error)
{
	g_auto(GStrv) words = NULL;
	guint64 at;

	if (!kernel_symbol(k, "linux_banner", &at, error) ||
	    !kernel_symbol(k, "_text", &k->text, error))
		return FALSE;
	k->banner = guest_string(k->guest, at, MAX_BANNER);
	words = g_strsplit(k->banner ? k->banner : "", " ", 4);
	k->release = g_strdup(g_strv_length(words) > 2 ? words[2] : "unknown");
	return TRUE;
}

struct kernel *kernel_find(struct guest *guest, const GArray *vcpus, GError **error)
{
	struct kernel *k = g_new0(struct kernel, 1);
	struct place place;

	k->guest = guest;
	if (find_place(guest, vcpus, &place, error) && find_symbols(k, &place, error) &&
	    take_table(k, place.levels, error) && take_layout(k, error) && take_banner(k, error))
		return k;
	kernel_free(k);
	return NULL;
}

void kernel_free(struct kernel *k)
{
	if (!k)
		return;
	if (k->symbols)
		kallsyms_free(k->symbols);
	layout_free(k->layout);
	g_free(k->banner);
	g_free(k->release);
	g_free(k);
}
