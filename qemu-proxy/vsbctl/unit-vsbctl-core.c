// SPDX-License-Identifier: GPL-2.0
/* The ELF core that vsbctl dump writes: what is in it, and that readelf takes it. */
#include "vsbctl-core.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/procfs.h>
#include <sys/stat.h>
#include <unistd.h>
#include <glib/gstdio.h>

#include "error.h"

#define PAGE	4096
#define MIB	(1ull << 20)
#define INFO	"OSRELEASE=6.1.0-\x1b[31m9\nPAGESIZE=4096\n" \
		"SYMBOL(swapper_pg_dir)=ffffffff81001000\nNUMBER(phys_base)=-14680064\n"

/* Of a user VM: 2 MiB from 1 MiB on, with a small hole, and a page at 1 GiB. */
static int make_memory(gboolean note)
{
	int fd = memfd_create("memory", MFD_CLOEXEC);
	g_autofree char *mib = g_malloc(MIB);

	for (gsize i = 0; i < MIB; i++)
		mib[i] = (char)(i / PAGE + i);
	memset(mib + 5 * PAGE, 0, PAGE);
	g_assert_cmpint(pwrite(fd, mib, MIB, MIB), ==, MIB);
	if (note) {
		struct {
			Elf64_Nhdr head;
			char name[12];
			char text[sizeof(INFO)];
		} n = { { 11, sizeof(INFO), 0 }, "VMCOREINFO", INFO };

		memcpy(mib + 7 * PAGE, &n, sizeof(n));
	}
	g_assert_cmpint(pwrite(fd, mib, MIB, 3 * MIB), ==, MIB);
	g_assert_cmpint(pwrite(fd, "abc", 3, 1024 * MIB), ==, 3);
	g_assert_cmpint(ftruncate(fd, 1024 * MIB + PAGE), ==, 0);
	return fd;
}

static GArray *make_vcpus(guint n)
{
	GArray *vcpus = g_array_new(FALSE, TRUE, sizeof(struct vsb_vcpu_state));

	for (guint i = 0; i < n; i++) {
		struct vsb_vcpu_state v = {
			.index = i, .flags = VSB_VCPU_SEEN,
			.regs = { .rip = 0x1234560 + i, .rsp = 0x77, .r15 = 15 },
			.sregs = {
				.cr0 = 0x80000011, .cr3 = 0xabc000, .cr4 = 0x20,
				.cs = { .selector = 0x10, .limit = 0xffffffff, .type = 0xb,
					.present = 1, .s = 1, .l = 1, .g = 1 },
				.idt = { .base = 0xfffffe00, .limit = 0xfff },
			},
		};

		g_array_append_val(vcpus, v);
	}
	return vcpus;
}

static char *make_core(const struct core_source *source, struct core_info *info, GError **error)
{
	char *path;
	int out = g_file_open_tmp("vsb-core-XXXXXX", &path, NULL);
	gboolean fine;

	g_assert_cmpint(out, >=, 0);
	fine = core_write(source, out, info, error);
	close(out);
	if (fine)
		return path;
	unlink(path);
	g_free(path);
	return NULL;
}

static void test_content(void)
{
	g_autoptr(GArray) vcpus = make_vcpus(2);
	struct core_source source = { make_memory(TRUE), 64 * MIB, vcpus, NULL, NULL };
	g_autoptr(GError) error = NULL;
	g_autofree char *path = NULL, *data = NULL, *want = g_malloc(4 * MIB);
	const Elf64_Ehdr *ehdr;
	const Elf64_Phdr *phdr;
	struct core_info info;
	struct stat st;
	gsize len;

	path = make_core(&source, &info, &error);
	g_assert_no_error(error);
	g_assert_cmpuint(info.bytes, ==, 2 * MIB + PAGE);
	g_assert_true(info.vmcoreinfo);
	g_assert_cmpstr(info.release, ==, "6.1.0-?[31m9");

	g_assert_true(g_file_get_contents(path, &data, &len, NULL));
	ehdr = (const Elf64_Ehdr *)data;
	phdr = (const Elf64_Phdr *)(data + ehdr->e_phoff);
	g_assert_cmpint(ehdr->e_type, ==, ET_CORE);
	g_assert_cmpint(ehdr->e_phnum, ==, 4);
	g_assert_cmpuint(phdr[0].p_type, ==, PT_NOTE);
	g_assert_cmpuint(phdr[0].p_offset + phdr[0].p_filesz, <=, phdr[1].p_offset);
	/* What is in memory, the small hole as a part of the first one. */
	g_assert_cmphex(phdr[1].p_paddr, ==, MIB);
	g_assert_cmphex(phdr[1].p_filesz, ==, 3 * MIB);
	g_assert_cmphex(phdr[2].p_paddr, ==, 1024 * MIB);
	g_assert_cmphex(phdr[2].p_filesz, ==, PAGE);
	g_assert_cmpuint(len, ==, phdr[2].p_offset + PAGE);
	g_assert_cmpint(pread(source.fd, want, 3 * MIB, MIB), ==, 3 * MIB);
	g_assert_true(!memcmp(data + phdr[1].p_offset, want, 3 * MIB));
	g_assert_true(!memcmp(data + phdr[2].p_offset, "abc\0", 4));
	/* Linux' page table, 2 MiB + 4 KiB, at its virtual address as well. */
	g_assert_cmphex(phdr[3].p_vaddr, ==, 0xffffffff81001000);
	g_assert_cmphex(phdr[3].p_paddr, ==, 2 * MIB + PAGE);
	g_assert_cmphex(phdr[3].p_offset, ==, phdr[1].p_offset + MIB + PAGE);
	g_assert_cmphex(phdr[3].p_filesz, ==, PAGE);
	/* Zeros cost nothing. */
	g_assert_cmpint(stat(path, &st), ==, 0);
	g_assert_cmpint(st.st_blocks * 512, <, 2 * MIB + MIB / 4);
	close(source.fd);
	unlink(path);
}

/* Where QEMU has them: arch_dump.c, and struct elf_prstatus. */
static void test_notes(void)
{
	g_autoptr(GArray) vcpus = make_vcpus(2);
	struct core_source source = { make_memory(TRUE), 64 * MIB, vcpus, NULL, NULL };
	g_autofree char *path = NULL, *data = NULL;
	const Elf64_Phdr *phdr;
	struct core_info info;
	guint seen[3] = { 0 };

	path = make_core(&source, &info, NULL);
	g_assert_true(g_file_get_contents(path, &data, NULL, NULL));
	phdr = (const Elf64_Phdr *)(data + sizeof(Elf64_Ehdr));
	for (gsize at = 0; at < phdr->p_filesz;) {
		const Elf64_Nhdr *n = (const Elf64_Nhdr *)(data + phdr->p_offset + at);
		const char *name = (const char *)(n + 1);
		const char *desc = name + (n->n_namesz + 3) / 4 * 4;
		guint64 v;

		if (!strcmp(name, "CORE")) {
			g_assert_cmpuint(n->n_type, ==, NT_PRSTATUS);
			g_assert_cmpuint(n->n_descsz, ==, 336);
			memcpy(&v, desc + 112 + 16 * 8, 8);
			g_assert_cmphex(v, ==, 0x1234560 + seen[0]++);
		} else if (!strcmp(name, "QEMU")) {
			g_assert_cmpuint(n->n_descsz, ==, 440);
			memcpy(&v, desc + 8 + 16 * 8, 8);
			g_assert_cmphex(v, ==, 0x1234560 + seen[1]++);
			memcpy(&v, desc + 392 + 3 * 8, 8);
			g_assert_cmphex(v, ==, 0xabc000);
			memcpy(&v, desc + 152, 8);	/* limit of DS, flags of CS before */
			memcpy(&v, desc + 8 + 18 * 8 + 8, 4);
			g_assert_cmphex((guint32)v, ==, 0xa09b00);
		} else {
			g_assert_cmpstr(name, ==, "VMCOREINFO");
			g_assert_cmpmem(desc, n->n_descsz, INFO, sizeof(INFO));
			seen[2]++;
		}
		at += sizeof(*n) + (n->n_namesz + 3) / 4 * 4 + (n->n_descsz + 3) / 4 * 4;
	}
	g_assert_cmpuint(seen[0], ==, 2);
	g_assert_cmpuint(seen[1], ==, 2);
	g_assert_cmpuint(seen[2], ==, 1);
	close(source.fd);
	unlink(path);
}

/* Other people's reader has nothing to complain about. */
static void test_readelf(void)
{
	g_autoptr(GArray) vcpus = make_vcpus(1);
	struct core_source source = { make_memory(TRUE), 64 * MIB, vcpus, NULL, NULL };
	g_autofree char *path = NULL, *command = NULL, *out = NULL, *err = NULL;
	g_autoptr(GError) error = NULL;
	struct core_info info;
	int status;

	path = make_core(&source, &info, NULL);
	command = g_strdup_printf("readelf -W -h -l -n %s", path);
	g_assert_true(g_spawn_command_line_sync(command, &out, &err, &status, &error));
	g_assert_no_error(error);
	g_test_message("%s%s", out, err);
	g_assert_cmpint(status, ==, 0);
	g_assert_cmpstr(err, ==, "");
	g_assert_nonnull(strstr(out, "CORE (Core file)"));
	g_assert_nonnull(strstr(out, "NT_PRSTATUS"));
	g_assert_nonnull(strstr(out, "VMCOREINFO"));
	g_assert_nonnull(strstr(out, "0x0000000040000000 0x0000000040000000 0x001000 0x001000"));
	close(source.fd);
	unlink(path);
}

static gboolean stop_soon(guint64 done, guint64 of, gpointer data, GError **error)
{
	guint *calls = data;

	g_assert_cmpuint(done, <=, of);
	if (++*calls < 2)
		return TRUE;
	g_set_error_literal(error, VSB_ERROR, VSB_ERROR_FAILED, "enough");
	return FALSE;
}

static void refused(const struct core_source *source, const char *why)
{
	g_autoptr(GError) error = NULL;
	struct core_info info;

	g_assert_null(make_core(source, &info, &error));
	g_assert_nonnull(error);
	if (!strstr(error->message, why))
		g_error("wanted: %s\nseen: %s", why, error->message);
}

static void test_refused(void)
{
	g_autoptr(GArray) none = make_vcpus(0);
	struct core_source source = { make_memory(FALSE), 64 * MIB, none, NULL, NULL };
	guint calls = 0;
	int pipes[2];
	struct core_info info;
	g_autofree char *path = NULL;

	/* Without a note and a vCPU it is a core, too. */
	path = make_core(&source, &info, NULL);
	g_assert_nonnull(path);
	unlink(path);
	g_assert_false(info.vmcoreinfo);
	source.limit = 2 * MIB;
	refused(&source, "more than the 2 MiB");
	source.limit = 64 * MIB;
	source.progress = stop_soon;
	source.data = &calls;
	refused(&source, "enough");
	source.progress = NULL;
	close(source.fd);
	source.fd = memfd_create("empty", MFD_CLOEXEC);
	refused(&source, "no memory");
	close(source.fd);
	g_assert_cmpint(pipe(pipes), ==, 0);
	source.fd = pipes[0];
	refused(&source, "Illegal seek");
	/* A file that cannot be written to. */
	close(pipes[0]);
	close(pipes[1]);
	source.fd = make_memory(FALSE);
	{
		g_autoptr(GError) error = NULL;
		int full = open("/dev/null", O_RDONLY);

		g_assert_false(core_write(&source, full, &info, &error));
		g_assert_nonnull(error);
		close(full);
	}
	close(source.fd);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/vsbctl-core/content", test_content);
	g_test_add_func("/vsbctl-core/notes", test_notes);
	g_test_add_func("/vsbctl-core/readelf", test_readelf);
	g_test_add_func("/vsbctl-core/refused", test_refused);
	return g_test_run();
}
