// SPDX-License-Identifier: GPL-2.0
/* An ELF core of the memory of a user VM; see vsbctl-core.h. */
#include "vsbctl-core.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/procfs.h>
#include <unistd.h>

#include "error.h"
#include "qemu-note.h"

#define PAGE		4096
#define CHUNK		(1 << 20)
/* A hole that is smaller is written as a part of its segment. It costs no space in the file. */
#define SMALL_HOLE	(2 << 20)
#define MAX_LOADS	(PN_XNUM - 3)
/* Readers want notes before memory, in which the last one is found: there is room for it. */
#define SPARE		(2 * PAGE)

/* A run of memory, and where it is in the file. */
struct load {
	guint64 from, to, offset;
};

/**
 * struct core - one that is being written
 * @source:	what is dumped,
 * @out:	where to
 * @loads:	of struct load, in order
 * @notes:	all of them, the last one when it is found
 * @top:	virtual address of Linux' own top-level page table, 0: unknown,
 * @top_at:	and its physical address
 * @info:	for the caller
 * @buf:	CHUNK bytes
 */
struct core {
	const struct core_source *source;
	int out;
	GArray *loads;
	GByteArray *notes;
	guint64 top, top_at;
	struct core_info *info;
	char *buf;
};

static gboolean failed(GError **error, const char *what)
{
	g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED, "%s: %s", what,
		    errno == ELOOP ? "the guest hypervisor's page table for it is garbage" :
		    errno == ENODEV ? "the user VM or its cloud VM has ended" :
		    g_strerror(errno));
	return FALSE;
}

/* ---- which memory ---- */

static gboolean add_run(struct core *c, guint64 from, guint64 to, GError **error)
{
	struct load *last = c->loads->len ?
			    &g_array_index(c->loads, struct load, c->loads->len - 1) : NULL;
	struct load load = { from, to, 0 };

	c->info->bytes += to - from;
	if (c->info->bytes > c->source->limit) {
		g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED,
			    "the guest hypervisor's page table for it shows more than the %"
			    G_GUINT64_FORMAT " MiB of memory that the cloud VM has",
			    c->source->limit >> 20);
		return FALSE;
	}
	if (last && from - last->to <= SMALL_HOLE) {
		last->to = to;
		return TRUE;
	}
	if (c->loads->len == MAX_LOADS) {
		g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED,
			    "its memory is in more than %d pieces", MAX_LOADS);
		return FALSE;
	}
	g_array_append_val(c->loads, load);
	return TRUE;
}

static gboolean find_runs(struct core *c, GError **error)
{
	off_t from, to = 0;

	while ((from = lseek(c->source->fd, to, SEEK_DATA)) >= 0) {
		to = lseek(c->source->fd, from, SEEK_HOLE);
		if (to < 0)
			break;
		/* A table may change meanwhile; whatever it says, this comes to an end. */
		to = MAX(to, from + PAGE);
		if (!add_run(c, (guint64)from, (guint64)to, error))
			return FALSE;
	}
	if (errno != ENXIO)
		return failed(error, "looking for memory");
	if (c->loads->len)
		return TRUE;
	g_set_error_literal(error, VSB_ERROR, VSB_ERROR_FAILED, "it has no memory");
	return FALSE;
}

/* ---- notes ---- */

static void add_padded(GByteArray *notes, gconstpointer data, gsize len)
{
	static const guint8 zeros[4];

	g_byte_array_append(notes, data, (guint)len);
	g_byte_array_append(notes, zeros, (guint)(-len & 3));
}

static void add_note(GByteArray *notes, const char *name, guint32 type, gconstpointer desc,
		     gsize len)
{
	Elf64_Nhdr head = {
		.n_namesz = (guint32)strlen(name) + 1, .n_descsz = (guint32)len, .n_type = type,
	};

	g_byte_array_append(notes, (const guint8 *)&head, sizeof(head));
	add_padded(notes, name, head.n_namesz);
	add_padded(notes, desc, len);
}

static void add_prstatus(GByteArray *notes, const struct vsb_vcpu_state *v, guint n)
{
	const struct kvm_regs *r = &v->regs;
	struct elf_prstatus status = { .pr_pid = (pid_t)n + 1 };
	/* In the order of struct user_regs_struct, <sys/user.h>. */
	const guint64 regs[ELF_NGREG] = {
		r->r15, r->r14, r->r13, r->r12, r->rbp, r->rbx, r->r11, r->r10, r->r9, r->r8,
		r->rax, r->rcx, r->rdx, r->rsi, r->rdi, r->rax, r->rip, v->sregs.cs.selector,
		r->rflags, r->rsp, v->sregs.ss.selector, v->sregs.fs.base, v->sregs.gs.base,
		v->sregs.ds.selector, v->sregs.es.selector, v->sregs.fs.selector,
		v->sregs.gs.selector,
	};

	memcpy(status.pr_reg, regs, sizeof(regs));
	add_note(notes, "CORE", NT_PRSTATUS, &status, sizeof(status));
}

/* The attributes where a descriptor has them (SDM vol. 3, 3.4.5). */
static struct qemu_segment segment(const struct kvm_segment *s)
{
	return (struct qemu_segment){
		.selector = s->selector, .limit = s->limit, .base = s->base,
		.flags = (guint32)s->type << 8 | (guint32)s->s << 12 | (guint32)s->dpl << 13 |
			 (guint32)s->present << 15 | (guint32)s->avl << 20 |
			 (guint32)s->l << 21 | (guint32)s->db << 22 | (guint32)s->g << 23,
	};
}

static void add_qemu(GByteArray *notes, const struct vsb_vcpu_state *v)
{
	const struct kvm_regs *r = &v->regs;
	const struct kvm_sregs *s = &v->sregs;
	const struct qemu_cpu_state state = {
		.version = QEMU_NOTE_VERSION, .size = sizeof(state),
		.rax = r->rax, .rbx = r->rbx, .rcx = r->rcx, .rdx = r->rdx, .rsi = r->rsi,
		.rdi = r->rdi, .rsp = r->rsp, .rbp = r->rbp, .r8 = r->r8, .r9 = r->r9,
		.r10 = r->r10, .r11 = r->r11, .r12 = r->r12, .r13 = r->r13, .r14 = r->r14,
		.r15 = r->r15, .rip = r->rip, .rflags = r->rflags,
		.cs = segment(&s->cs), .ds = segment(&s->ds), .es = segment(&s->es),
		.fs = segment(&s->fs), .gs = segment(&s->gs), .ss = segment(&s->ss),
		.ldt = segment(&s->ldt), .tr = segment(&s->tr),
		.gdt = { .limit = s->gdt.limit, .base = s->gdt.base },
		.idt = { .limit = s->idt.limit, .base = s->idt.base },
		.cr = { s->cr0, 0, s->cr2, s->cr3, s->cr4 },
	};

	add_note(notes, QEMU_NOTE, 0, &state, sizeof(state));
}

/*
 * Linux keeps the note that it would have in a core of its own on pages of its own
 * (kernel/crash_core.c). Return: its length, or 0: there is none at @page, of @len bytes.
 */
static gsize vmcoreinfo_at(const char *page, gsize len)
{
	static const char name[12] = "VMCOREINFO", begin[] = "OSRELEASE=";	/* the first one padded */
	const Elf64_Nhdr *head = (const Elf64_Nhdr *)page;
	gsize size = sizeof(*head) + sizeof(name);

	if (len < size || head->n_namesz != strlen(name) + 1 || head->n_type ||
	    memcmp(page + sizeof(*head), name, sizeof(name)) ||
	    head->n_descsz < strlen(begin) || head->n_descsz > PAGE || size + head->n_descsz > len ||
	    memcmp(page + size, begin, strlen(begin)))
		return 0;
	return size + head->n_descsz;
}

/* What VMCOREINFO has behind @key, or 0. */
static guint64 vmcoreinfo_number(const char *text, const char *key, guint base)
{
	const char *at = strstr(text, key);

	return at ? g_ascii_strtoull(at + strlen(key), NULL, base) : 0;
}

/* The kernel's image is mapped from here on, shifted by phys_base (Documentation/arch/x86/x86_64/mm.rst). */
#define KERNEL_MAP	0xffffffff80000000ull

static void find_top(struct core *c, const char *text)
{
	guint64 top = vmcoreinfo_number(text, "\nSYMBOL(swapper_pg_dir)=", 16);

	if (top < KERNEL_MAP || top % PAGE)
		return;
	c->top = top;
	c->top_at = top - KERNEL_MAP + vmcoreinfo_number(text, "\nNUMBER(phys_base)=", 10);
}

static void add_vmcoreinfo(struct core *c, const char *page, gsize len)
{
	static const guint8 zeros[4];
	const gsize head = sizeof(Elf64_Nhdr) + 12;
	g_autofree char *text = g_strndup(page + head, len - head);
	const char *release = text + strlen("OSRELEASE=");
	gsize n = strcspn(release, "\n");

	find_top(c, text);
	g_byte_array_append(c->notes, (const guint8 *)page, (guint)len);
	g_byte_array_append(c->notes, zeros, (guint)(-len & 3));
	c->info->vmcoreinfo = TRUE;
	/* What a user VM says of itself is for a terminal, too. */
	for (gsize i = 0; i < n && i < sizeof(c->info->release) - 1; i++)
		c->info->release[i] = g_ascii_isgraph(release[i]) ? release[i] : '?';
}

/* ---- through memory ---- */

/* Up to CHUNK bytes from @at on, before @to; a change that makes them fewer makes them zeros. */
static gssize read_some(struct core *c, guint64 at, guint64 to, GError **error)
{
	gsize want = (gsize)MIN(to - at, CHUNK), got = 0;

	while (got < want) {
		ssize_t n = pread(c->source->fd, c->buf + got, want - got, (off_t)(at + got));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EIO) {
			failed(error, "reading memory");
			return -1;
		}
		if (n <= 0) {	/* a page that cannot be read is one of zeros */
			n = (ssize_t)MIN(want - got, PAGE - (at + got) % PAGE);
			memset(c->buf + got, 0, (gsize)n);
		}
		got += (gsize)n;
	}
	return (gssize)want;
}

static void look_for_vmcoreinfo(struct core *c, gsize len)
{
	for (gsize page = 0; page < len && !c->info->vmcoreinfo; page += PAGE) {
		gsize size = vmcoreinfo_at(c->buf + page, MIN(len - page, SPARE));

		if (size)
			add_vmcoreinfo(c, c->buf + page, size);
	}
}

/* ---- the file ---- */

static gboolean write_all(int fd, gconstpointer data, gsize len, guint64 at, GError **error)
{
	const char *p = data;

	while (len) {
		ssize_t n = pwrite(fd, p, len, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return failed(error, "writing");
		p += n;
		at += (guint64)n;
		len -= (gsize)n;
	}
	return TRUE;
}

static guint64 heads_size(const struct core *c)
{
	/* A note, and what write_heads() may add. */
	return sizeof(Elf64_Ehdr) + (c->loads->len + 2) * sizeof(Elf64_Phdr);
}

/*
 * drgn(1) begins with the top-level page table at its virtual address, which in the cores of
 * Linux itself is that of a segment. Return: whether it is in memory.
 */
static gboolean top_segment(const struct core *c, Elf64_Phdr *phdr)
{
	for (guint i = 0; c->top && i < c->loads->len; i++) {
		const struct load *load = &g_array_index(c->loads, struct load, i);

		if (c->top_at < load->from || c->top_at >= load->to)
			continue;
		*phdr = (Elf64_Phdr){
			.p_type = PT_LOAD, .p_offset = load->offset + (c->top_at - load->from),
			.p_vaddr = c->top, .p_paddr = c->top_at,
			.p_filesz = PAGE, .p_memsz = PAGE,
		};
		return TRUE;
	}
	return FALSE;
}

static gboolean write_heads(struct core *c, GError **error)
{
	g_autofree Elf64_Phdr *phdr = g_new0(Elf64_Phdr, c->loads->len + 2);
	guint n = c->loads->len + 1;
	Elf64_Ehdr ehdr = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			     EV_CURRENT },
		.e_type = ET_CORE, .e_machine = EM_X86_64, .e_version = EV_CURRENT,
		.e_phoff = sizeof(ehdr), .e_ehsize = sizeof(ehdr), .e_phentsize = sizeof(*phdr),
	};

	phdr[0] = (Elf64_Phdr){
		.p_type = PT_NOTE, .p_offset = heads_size(c),
		.p_filesz = c->notes->len, .p_memsz = c->notes->len,
	};
	for (guint i = 0; i < c->loads->len; i++) {
		const struct load *load = &g_array_index(c->loads, struct load, i);

		/* As QEMU: virtual addresses are physical ones. */
		phdr[i + 1] = (Elf64_Phdr){
			.p_type = PT_LOAD, .p_offset = load->offset,
			.p_vaddr = load->from, .p_paddr = load->from,
			.p_filesz = load->to - load->from, .p_memsz = load->to - load->from,
		};
	}
	if (top_segment(c, &phdr[n]))
		n++;
	ehdr.e_phnum = (Elf64_Half)n;
	return write_all(c->out, &ehdr, sizeof(ehdr), 0, error) &&
	       write_all(c->out, phdr, n * sizeof(*phdr), sizeof(ehdr), error) &&
	       write_all(c->out, c->notes->data, c->notes->len, heads_size(c), error);
}

/* Runs of pages that have something in them. */
static gboolean write_chunk(struct core *c, guint64 offset, gsize len, GError **error)
{
	static const char zeros[PAGE];

	for (gsize from = 0, to; from < len; from = to) {
		to = from;
		while (to < len && memcmp(c->buf + to, zeros, MIN(len - to, PAGE)))
			to += MIN(len - to, PAGE);
		if (to > from && !write_all(c->out, c->buf + from, to - from, offset + from, error))
			return FALSE;
		while (to < len && !memcmp(c->buf + to, zeros, MIN(len - to, PAGE)))
			to += MIN(len - to, PAGE);
	}
	return TRUE;
}

/* Where each run is in the file, which gets its size. Return: bytes of them all, 0: @error. */
static guint64 place_loads(struct core *c, GError **error)
{
	guint64 begin = (heads_size(c) + c->notes->len + SPARE + PAGE - 1) / PAGE * PAGE;
	guint64 offset = begin;

	for (guint i = 0; i < c->loads->len; i++) {
		struct load *load = &g_array_index(c->loads, struct load, i);

		load->offset = offset;
		offset += load->to - load->from;
	}
	if (ftruncate(c->out, (off_t)offset)) {
		failed(error, "writing");
		return 0;
	}
	return offset - begin;
}

static gboolean write_loads(struct core *c, guint64 all, GError **error)
{
	guint64 done = 0;

	for (guint i = 0; i < c->loads->len; i++) {
		const struct load *load = &g_array_index(c->loads, struct load, i);

		for (guint64 at = load->from; at < load->to;) {
			gssize len = read_some(c, at, load->to, error);

			if (len < 0 || !write_chunk(c, load->offset + (at - load->from),
						    (gsize)len, error))
				return FALSE;
			look_for_vmcoreinfo(c, (gsize)len);
			at += (guint64)len;
			done += (guint64)len;
			if (c->source->progress &&
			    !c->source->progress(done, all, c->source->data, error))
				return FALSE;
		}
	}
	return TRUE;
}

static gboolean write_core(struct core *c, GError **error)
{
	guint64 all;

	if (!find_runs(c, error))
		return FALSE;
	for (guint i = 0; i < c->source->vcpus->len; i++)
		add_prstatus(c->notes, &g_array_index(c->source->vcpus, struct vsb_vcpu_state, i),
			     i);
	for (guint i = 0; i < c->source->vcpus->len; i++)
		add_qemu(c->notes, &g_array_index(c->source->vcpus, struct vsb_vcpu_state, i));
	all = place_loads(c, error);
	return all && write_loads(c, all, error) && write_heads(c, error);
}

gboolean core_write(const struct core_source *source, int out, struct core_info *info,
		    GError **error)
{
	g_autofree char *buf = g_malloc(CHUNK);
	struct core c = {
		.source = source, .out = out, .info = info, .buf = buf,
		.loads = g_array_new(FALSE, FALSE, sizeof(struct load)),
		.notes = g_byte_array_new(),
	};
	gboolean fine;

	*info = (struct core_info){ 0 };
	fine = write_core(&c, error);
	g_array_unref(c.loads);
	g_byte_array_unref(c.notes);
	return fine;
}
