// SPDX-License-Identifier: GPL-2.0
/* A core of a VM as a source of memory; see core-file.h. */
#include "core-file.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "error.h"
#include "qemu-note.h"

#define MAX_HEADS	65536
#define MAX_NOTES	(16 << 20)
#define MAX_VCPUS	4096
#define LINUX_NOTE	"VMCOREINFO"

struct core_file {
	int fd;
	GArray *loads;	/* of Elf64_Phdr, by p_paddr */
	GArray *vcpus;
	guint64 private_mask;	/* as struct guest_source */
};

static gboolean refused(GError **error, const char *path, const char *why)
{
	g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED, "%s: %s", path, why);
	return FALSE;
}

static gboolean read_at(int fd, guint64 at, gpointer buf, gsize len)
{
	for (gsize got = 0; got < len;) {
		ssize_t n = at > G_MAXINT64 - len ? 0 :
			    pread(fd, (char *)buf + got, len - got, (off_t)(at + got));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return FALSE;
		got += (gsize)n;
	}
	return TRUE;
}

/* ---- notes ---- */

static void add_vcpu(struct core_file *core, const guint8 *desc, gsize len)
{
	struct qemu_cpu_state state;
	struct guest_vcpu vcpu;

	if (len < sizeof(state) || core->vcpus->len == MAX_VCPUS)
		return;
	memcpy(&state, desc, sizeof(state));
	if (state.version != QEMU_NOTE_VERSION)
		return;
	vcpu = (struct guest_vcpu){
		.cr3 = state.cr[3], .cr4 = state.cr[4],
		.idt = state.idt.base, .idt_limit = state.idt.limit, .rip = state.rip,
	};
	g_array_append_val(core->vcpus, vcpu);
}

/* What Linux says of itself (arch_crash_save_vmcoreinfo()). @text: ends with a NUL behind @len. */
static void add_vmcoreinfo(struct core_file *core, const char *text, gsize len)
{
	static const char key[] = "\nNUMBER(sme_mask)=";
	const char *at = g_strstr_len(text, (gssize)len, key);

	if (at)
		core->private_mask = g_ascii_strtoull(at + strlen(key), NULL, 10);
}

static gsize padded(guint32 len)
{
	return ((gsize)len + 3) & ~(gsize)3;
}

/* @notes: a NUL follows */
static void read_notes(struct core_file *core, const guint8 *notes, gsize len)
{
	for (gsize at = 0; len - at >= sizeof(Elf64_Nhdr);) {
		Elf64_Nhdr head;
		const guint8 *name;

		memcpy(&head, notes + at, sizeof(head));
		at += sizeof(head);
		name = notes + at;
		if (padded(head.n_namesz) > len - at)
			return;
		at += padded(head.n_namesz);
		if (padded(head.n_descsz) > len - at)
			return;
		if (head.n_namesz == sizeof(QEMU_NOTE) && !memcmp(name, QEMU_NOTE, sizeof(QEMU_NOTE)))
			add_vcpu(core, notes + at, head.n_descsz);
		if (head.n_namesz == sizeof(LINUX_NOTE) && !memcmp(name, LINUX_NOTE, sizeof(LINUX_NOTE)))
			add_vmcoreinfo(core, (const char *)notes + at, head.n_descsz);
		at += padded(head.n_descsz);
	}
}

/* ---- heads ---- */

static gint compare_loads(gconstpointer a, gconstpointer b)
{
	const Elf64_Phdr *pa = a, *pb = b;

	return pa->p_paddr < pb->p_paddr ? -1 : pa->p_paddr > pb->p_paddr;
}

/* How many: with many segments it is elsewhere (elf(5), PN_XNUM). */
static gboolean count_heads(struct core_file *core, const Elf64_Ehdr *ehdr, guint32 *nr)
{
	Elf64_Shdr shdr;

	*nr = ehdr->e_phnum;
	if (*nr != PN_XNUM)
		return TRUE;
	if (!ehdr->e_shoff || !read_at(core->fd, ehdr->e_shoff, &shdr, sizeof(shdr)))
		return FALSE;
	*nr = shdr.sh_info;
	return TRUE;
}

static gboolean add_head(struct core_file *core, const Elf64_Phdr *phdr)
{
	g_autofree guint8 *notes = NULL;

	if (phdr->p_type == PT_LOAD && phdr->p_filesz && phdr->p_paddr <= G_MAXUINT64 - phdr->p_filesz)
		g_array_append_val(core->loads, *phdr);
	if (phdr->p_type != PT_NOTE)
		return TRUE;
	if (phdr->p_filesz > MAX_NOTES)
		return FALSE;
	notes = g_malloc0(phdr->p_filesz + 1);
	if (!read_at(core->fd, phdr->p_offset, notes, phdr->p_filesz))
		return FALSE;
	read_notes(core, notes, phdr->p_filesz);
	return TRUE;
}

/* vsbctl dump has Linux' page table once more, as a segment within another one. */
static void sort_loads(struct core_file *core)
{
	guint n = 0;

	g_array_sort(core->loads, compare_loads);
	for (guint i = 0; i < core->loads->len; i++) {
		Elf64_Phdr *load = &g_array_index(core->loads, Elf64_Phdr, i);
		Elf64_Phdr *last = n ? &g_array_index(core->loads, Elf64_Phdr, n - 1) : NULL;

		if (!last || load->p_paddr + load->p_filesz > last->p_paddr + last->p_filesz)
			g_array_index(core->loads, Elf64_Phdr, n++) = *load;
	}
	g_array_set_size(core->loads, n);
}

static gboolean read_heads(struct core_file *core, const char *path, GError **error)
{
	Elf64_Ehdr ehdr;
	guint32 nr;

	if (!read_at(core->fd, 0, &ehdr, sizeof(ehdr)) ||
	    memcmp(ehdr.e_ident, ELFMAG, SELFMAG) || ehdr.e_ident[EI_CLASS] != ELFCLASS64 ||
	    ehdr.e_type != ET_CORE || ehdr.e_machine != EM_X86_64)
		return refused(error, path, "it is no ELF core of a VM; make one with vsbctl dump, "
			       "virsh dump --memory-only, or dump-guest-memory of QEMU");
	if (!count_heads(core, &ehdr, &nr) || nr > MAX_HEADS)
		return refused(error, path, "it is damaged: its program headers");
	for (guint32 i = 0; i < nr; i++) {
		Elf64_Phdr phdr;

		if (ehdr.e_phoff > G_MAXINT64 ||
		    !read_at(core->fd, ehdr.e_phoff + i * sizeof(phdr), &phdr, sizeof(phdr)) ||
		    !add_head(core, &phdr))
			return refused(error, path, "it is damaged or cut short: its headers");
	}
	sort_loads(core);
	if (!core->loads->len)
		return refused(error, path, "it has no memory");
	if (!core->vcpus->len)
		return refused(error, path, "it has no registers (notes \"QEMU\"); it was not made by "
			       "vsbctl dump or QEMU");
	return TRUE;
}

struct core_file *core_file_open(const char *path, GError **error)
{
	struct core_file *core = g_new0(struct core_file, 1);

	core->loads = g_array_new(FALSE, FALSE, sizeof(Elf64_Phdr));
	core->vcpus = g_array_new(FALSE, FALSE, sizeof(struct guest_vcpu));
	core->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (core->fd < 0)
		refused(error, path, g_strerror(errno));
	else if (read_heads(core, path, error))
		return core;
	core_file_close(core);
	return NULL;
}

void core_file_close(struct core_file *core)
{
	if (!core)
		return;
	if (core->fd >= 0)
		close(core->fd);
	g_array_unref(core->loads);
	g_array_unref(core->vcpus);
	g_free(core);
}

const GArray *core_file_vcpus(const struct core_file *core)
{
	return core->vcpus;
}

/* ---- memory ---- */

/* The last one that begins at or before @at, or NULL. */
static const Elf64_Phdr *load_at(struct core_file *core, guint64 at)
{
	guint from = 0, to = core->loads->len;

	while (from < to) {
		guint middle = from + (to - from) / 2;

		if (g_array_index(core->loads, Elf64_Phdr, middle).p_paddr <= at)
			from = middle + 1;
		else
			to = middle;
	}
	return from ? &g_array_index(core->loads, Elf64_Phdr, from - 1) : NULL;
}

static gssize read_core(gpointer data, guint64 at, gpointer buf, gsize len)
{
	struct core_file *core = data;
	const Elf64_Phdr *load = load_at(core, at);

	if (!load || at - load->p_paddr >= load->p_filesz)
		return 0;
	len = (gsize)MIN(len, load->p_filesz - (at - load->p_paddr));
	return read_at(core->fd, load->p_offset + (at - load->p_paddr), buf, len) ? (gssize)len : 0;
}

struct guest_source core_file_source(struct core_file *core)
{
	return (struct guest_source){ read_core, core, core->private_mask };
}
