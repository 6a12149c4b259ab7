// SPDX-License-Identifier: GPL-2.0
/*
 * vsbctl dump and watch at a user VM whose memory is a file and whose module is one of pretence: what
 * they write, what they say if something is wrong, and that a file of before stays then.
 */
#include "vsbctl-dump.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <glib/gstdio.h>

#include "core-file.h"
#include "vsbctl-memory.h"
#include "vsbctl-watch.h"

#define PAGES	8

/**
 * module - what it answers
 * @fails:	request that fails, with @err
 * @vcpus:	and how many of them have been seen
 * @stops:	times that it was stopped
 */
static struct {
	unsigned long fails;
	int err;
	guint vcpus, seen, stops;
	guint64 limit;
} module;

/* In the place of the C library's, by the linker. */
int __wrap_ioctl(int fd, unsigned long request, ...);

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	struct vsb_memory_info *info;
	struct vsb_vcpu_state *state;
	va_list list;
	void *arg;

	va_start(list, request);
	arg = va_arg(list, void *);
	va_end(list);
	errno = request == module.fails ? module.err : ENOTTY;
	if (request == module.fails)
		return -1;
	switch (request) {
	case VSB_GET_MEMORY_INFO:
		info = arg;
		info->limit = module.limit;
		info->vcpus = module.vcpus;
		return 0;
	case VSB_GET_VCPU:
		state = arg;
		if (state->index < module.seen)
			state->flags = VSB_VCPU_SEEN;
		state->regs.rip = 0x1000 + state->index;
		state->sregs.idt.limit = 4095;
		return 0;
	case VSB_STOP:
		module.stops++;
		return 0;
	}
	return -1;
}

struct rig {
	char *dir, *file;
	int fd;
};

static void setup(struct rig *rig)
{
	char page[4096];

	memset(&module, 0, sizeof(module));
	module.vcpus = module.seen = 2;
	module.limit = 1 << 20;
	rig->dir = g_dir_make_tmp("vsb-unit-XXXXXX", NULL);
	rig->file = g_build_filename(rig->dir, "core", NULL);
	rig->fd = memfd_create("memory", MFD_CLOEXEC);
	for (guint i = 0; i < PAGES; i++) {
		memset(page, (int)i, sizeof(page));
		g_assert_cmpint(write(rig->fd, page, sizeof(page)), ==, sizeof(page));
	}
}

/* Nothing but the file is left, if that. */
static void teardown(struct rig *rig)
{
	g_unlink(rig->file);
	g_assert_cmpint(g_rmdir(rig->dir), ==, 0);
	close(rig->fd);
	g_free(rig->dir);
	g_free(rig->file);
}

static char *dump(struct rig *rig, gboolean live, guint limit_s, GError **error)
{
	return dump_memory(rig->fd, &(struct dump_args){ .file = rig->file, .live = live, .limit_s = limit_s },
			   error);
}

static void test_dump(gconstpointer live)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *text = NULL;
	struct guest_source source;
	struct core_file *core;
	struct rig rig;
	char page[4096];
	struct stat st;

	setup(&rig);
	text = dump(&rig, live != NULL, 10, &error);
	g_assert_no_error(error);
	g_assert_nonnull(strstr(text, "registers of 2 of 2 vCPUs, no VMCOREINFO"));
	g_assert_cmpuint(module.stops, ==, live == NULL);
	/* What is in there may be anybody's password. */
	g_assert_cmpint(stat(rig.file, &st), ==, 0);
	g_assert_cmpuint(st.st_mode & 0777, ==, 0600);
	core = core_file_open(rig.file, &error);
	g_assert_no_error(error);
	g_assert_cmpuint(core_file_vcpus(core)->len, ==, 2);
	g_assert_cmphex(g_array_index(core_file_vcpus(core), struct guest_vcpu, 1).rip, ==, 0x1001);
	source = core_file_source(core);
	g_assert_cmpint(source.read(source.data, 3 * 4096, page, sizeof(page)), ==, sizeof(page));
	g_assert_cmpint(page[7], ==, 3);
	core_file_close(core);
	teardown(&rig);
}

static void test_dump_errors(void)
{
	static const struct {
		unsigned long fails;
		int err;
		guint limit_s;
		guint64 limit;
		const char *words;
	} table[] = {
		{ VSB_GET_MEMORY_INFO, ENODEV, 10, 1 << 20, "its memory: the user VM or its cloud VM has ended" },
		{ VSB_GET_VCPU, ENODEV, 10, 1 << 20, "its vCPUs: the user VM or its cloud VM has ended" },
		{ VSB_STOP, EBUSY, 10, 1 << 20, "stopping it: somebody else has stopped it" },
		{ VSB_STOP, EINVAL, 10, 1 << 20, "stopping it: Invalid argument" },
		{ 0, 0, 0, 1 << 20, "it took longer than the user VM may stand" },
		{ 0, 0, 10, 4096, "shows more than the" },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
		g_autoptr(GError) error = NULL;
		g_autofree char *before = NULL;
		struct rig rig;

		setup(&rig);
		g_test_message("row %zu", i);
		g_assert_true(g_file_set_contents(rig.file, "before", -1, NULL));
		module.fails = table[i].fails;
		module.err = table[i].err;
		module.limit = table[i].limit;
		g_assert_null(dump(&rig, FALSE, table[i].limit_s, &error));
		if (!strstr(error->message, table[i].words))
			g_error("wanted: ...%s..., seen: %s", table[i].words, error->message);
		g_assert_true(g_file_get_contents(rig.file, &before, NULL, NULL));
		g_assert_cmpstr(before, ==, "before");
		teardown(&rig);
	}
}

/* Of vCPUs that nobody has seen there are no registers; no folder, no file. */
static void test_dump_odd(void)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *text = NULL, *path = NULL;
	struct rig rig;

	setup(&rig);
	module.seen = 1;
	text = dump(&rig, TRUE, 10, &error);
	g_assert_no_error(error);
	g_assert_nonnull(strstr(text, "registers of 1 of 2 vCPUs"));
	path = rig.file;
	rig.file = g_build_filename(rig.dir, "nowhere", "core", NULL);
	g_assert_null(dump(&rig, TRUE, 10, &error));
	g_assert_nonnull(strstr(error->message, "No such file"));
	g_free(rig.file);
	rig.file = g_steal_pointer(&path);
	teardown(&rig);
}

static void test_watch(void)
{
	static const struct {
		unsigned long fails;
		int err;
		guint vcpus, limit_s;
		gboolean live;
		const char *words;
	} table[] = {
		{ 0, 0, 2, 10, FALSE, "no 64-bit Linux runs in it" },
		{ 0, 0, 2, 10, TRUE, "no 64-bit Linux runs in it" },
		{ 0, 0, 0, 10, TRUE, "the registers of no vCPU are known" },
		{ VSB_GET_MEMORY_INFO, ENODEV, 2, 10, TRUE, "its memory: the user VM or its cloud VM has ended" },
		{ VSB_STOP, EBUSY, 2, 10, FALSE, "stopping it: somebody else has stopped it" },
		{ 0, 0, 2, 0, FALSE, "it took longer than the user VM may stand" },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
		g_autoptr(GError) error = NULL;
		struct rig rig;

		setup(&rig);
		g_test_message("row %zu", i);
		module.fails = table[i].fails;
		module.err = table[i].err;
		module.vcpus = module.seen = table[i].vcpus;
		g_assert_null(watch_look(rig.fd, &(struct watch_args){ .what = "ps", .live = table[i].live,
								       .limit_s = table[i].limit_s }, &error));
		if (!strstr(error->message, table[i].words))
			g_error("wanted: ...%s..., seen: %s", table[i].words, error->message);
		teardown(&rig);
	}
}

/* A core that is none, and files that cannot be opened: before anything is looked at. */
static void test_watch_files(void)
{
	static const struct {
		struct watch_args args;
		const char *words;
	} table[] = {
		{ { .what = "ps", .core = "/nonexistent/core" }, "No such file" },
		{ { .what = "ps", .core = "/dev/null" }, "no ELF core" },
		{ { .what = "text", .core = "/dev/null", .against = "/nonexistent/x" }, "No such file" },
		{ { .what = "text", .core = "/dev/null", .against = "/dev/null" }, "not made by" },
		{ { .what = "text", .core = "/dev/null", .save = "/nonexistent/x" }, "No such file" },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
		g_autoptr(GError) error = NULL;

		g_assert_null(watch_look(-1, &table[i].args, &error));
		if (!strstr(error->message, table[i].words))
			g_error("row %zu, wanted: ...%s..., seen: %s", i, table[i].words, error->message);
	}
	g_assert_true(watch_is_known("modules"));
	g_assert_false(watch_is_known("x"));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_data_func("/vsbctl/dump/stopped", NULL, test_dump);
	g_test_add_data_func("/vsbctl/dump/live", "", test_dump);
	g_test_add_func("/vsbctl/dump/errors", test_dump_errors);
	g_test_add_func("/vsbctl/dump/odd", test_dump_odd);
	g_test_add_func("/vsbctl/watch/errors", test_watch);
	g_test_add_func("/vsbctl/watch/files", test_watch_files);
	return g_test_run();
}
