// SPDX-License-Identifier: GPL-2.0
/*
 * vsbctl-core.c: the memory of a user VM, in which vsbctl dump looks for what Linux says of itself. What
 * it makes of it is a core that can be read. The first two bytes: pages of nothing before, and behind.
 */
#include "fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

#include "core-file.h"
#include "vsbctl-core.h"

static const char *path_of(int fd)
{
	static char path[64];

	g_snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return path;
}

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
	struct input in = { data, size };
	guint before = take_byte(&in), behind = take_byte(&in);
	struct vsb_vcpu_state vcpu = { 0 };
	struct core_source source = { .limit = 64 << 20 };
	g_autoptr(GError) error = NULL;
	struct core_file *core;
	struct core_info info;
	int out;

	source.fd = memfd_create("memory", MFD_CLOEXEC);
	out = memfd_create("core", MFD_CLOEXEC);
	source.vcpus = g_array_new(FALSE, FALSE, sizeof(vcpu));
	g_array_append_val(source.vcpus, vcpu);
	g_assert_cmpint(pwrite(source.fd, in.data, in.len, before * 4096), ==, (gssize)in.len);
	g_assert_cmpint(ftruncate(source.fd, (off_t)((before + behind) * 4096 + (in.len + 4095) / 4096 * 4096)), ==, 0);
	if (core_write(&source, out, &info, NULL)) {
		for (const char *c = info.release; *c; c++)
			g_assert_true(g_ascii_isgraph(*c));
		core = core_file_open(path_of(out), &error);
		g_assert_no_error(error);
		g_assert_cmpuint(core_file_vcpus(core)->len, ==, 1);
		core_file_close(core);
	}
	g_array_unref(source.vcpus);
	close(source.fd);
	close(out);
	return 0;
}
