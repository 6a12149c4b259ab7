// SPDX-License-Identifier: GPL-2.0
/* The calls of the module, with a kernel of pretence: what it is told, and what is made of its errors. */
#include "module.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/**
 * kernel - what it answers
 * @ret:	if @err is 0
 * @again:	so often it is interrupted first
 * @request:	the last one, with a copy of what it points to
 */
static struct {
	int ret, err, again;
	unsigned long request;
	guint8 argument[4096];
} kernel;

/* In the place of the C library's, by the linker. */
int __wrap_ioctl(int fd, unsigned long request, ...);

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	gsize size = request >> _IOC_SIZESHIFT & _IOC_SIZEMASK;
	va_list list;
	void *argument;

	va_start(list, request);
	argument = va_arg(list, void *);
	va_end(list);
	kernel.request = request;
	if (size)
		memcpy(kernel.argument, argument, size);
	if (kernel.again && kernel.again--) {
		errno = EINTR;
		return -1;
	}
	errno = kernel.err;
	return kernel.err ? -1 : kernel.ret;
}

static void answer(int ret, int err)
{
	memset(&kernel, 0, sizeof(kernel));
	kernel.ret = ret;
	kernel.err = err;
}

static const struct vsb_ports some_ports = { .nr = 1, .range = { { .first = 0x3f8, .last = 0x3ff } } };

/* ---- errors, in words ---- */

static gboolean create_cloud(GError **error)
{
	return module_create_cloud(5, 6, 0, 0, error) >= 0;
}

static gboolean create_proxy(GError **error)
{
	return module_create_proxy(5, 6, "vm1", &some_ports, 0, error) >= 0;
}

static gboolean set_key(GError **error)
{
	static const guint8 key[32];

	return module_set_key(5, key, error);
}

static gboolean set_vm(GError **error)
{
	return module_set_vm(5, 6, error);
}

static gboolean start(GError **error)
{
	return module_start(5, error);
}

static gboolean set_irq(GError **error)
{
	return module_set_irq(5, VSB_IRQ_EVENTS | VSB_IRQ_EXITS, error);
}

static gboolean set_on_close(GError **error)
{
	return module_set_on_close(5, 0, error);
}

static gboolean freeze(GError **error)
{
	return module_freeze(5, 1, error);
}

static gboolean unbind(GError **error)
{
	return module_unbind(5, error);
}

static gboolean get_memory(GError **error)
{
	return module_get_memory(5, TRUE, error) >= 0;
}

static gboolean give_back(GError **error)
{
	return module_give_back(5, error);
}

static gboolean report_all(GError **error)
{
	return module_report_all(5, error);
}

static void test_errors(void)
{
	static const struct {
		gboolean (*call)(GError **error);
		int err;
		const char *name, *words;
	} table[] = {
		{ create_cloud, EBUSY, "VSB_CREATE_CLOUD", "attached already" },
		{ create_cloud, EOPNOTSUPP, "VSB_CREATE_CLOUD", "kernel log" },
		{ create_cloud, ENOMEM, "VSB_CREATE_CLOUD", "Cannot allocate" },
		{ create_proxy, EEXIST, "VSB_CREATE_PROXY", "name is taken" },
		{ create_proxy, ENOSPC, "VSB_CREATE_PROXY", "as many proxies" },
		{ create_proxy, EOPNOTSUPP, "VSB_CREATE_PROXY", "no veils" },
		{ create_proxy, ENXIO, "VSB_CREATE_PROXY", "no graphics card" },
		{ create_proxy, EPERM, "VSB_CREATE_PROXY", "not permitted" },
		{ set_key, EINVAL, "VSB_SET_KEY", "prove who they are" },
		{ set_key, EOPNOTSUPP, "VSB_SET_KEY", "hmac(sha256)" },
		{ set_key, ENOMEM, "VSB_SET_KEY", "Cannot allocate" },
		{ set_vm, EBUSY, "VSB_SET_VM", "busy" },
		{ start, EINVAL, "VSB_START", "kernel log" },
		{ set_irq, ENOTTY, "VSB_SET_IRQ", "older than vsbypassd" },
		{ set_irq, EINVAL, "VSB_SET_IRQ", "older than vsbypassd" },
		{ set_irq, ENODEV, "VSB_SET_IRQ", "No such device" },
		{ set_on_close, EINVAL, "VSB_SET_ON_CLOSE", "Invalid" },
		{ freeze, ENODEV, "VSB_FREEZE", "No such device" },
		{ unbind, ENOENT, "", "no user VM is bound" },
		{ unbind, ENODEV, "VSB_UNBIND", "No such device" },
		{ get_memory, ENOENT, "", "no user VM is bound" },
		{ get_memory, EOPNOTSUPP, "VSB_GET_MEMORY", "no nested page table" },
		{ get_memory, ENOTTY, "VSB_GET_MEMORY", "older than vsbypassd" },
		{ get_memory, EMFILE, "VSB_GET_MEMORY", "Too many open files" },
		{ give_back, ETIMEDOUT, "VSB_GIVE_BACK", "is it paused" },
		{ give_back, ENOTTY, "VSB_GIVE_BACK", "older than vsbypassd" },
		{ give_back, EIO, "VSB_GIVE_BACK", "error" },
		{ report_all, EIO, "VSB_REPORT_ALL", "error" },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
		g_autoptr(GError) error = NULL;

		answer(0, table[i].err);
		g_test_message("row %zu", i);
		g_assert_false(table[i].call(&error));
		g_assert_true(g_str_has_prefix(error->message, table[i].name));
		g_assert_nonnull(strstr(error->message, table[i].words));
		/* And if nothing is wrong. */
		g_clear_error(&error);
		answer(table[i].call == create_proxy ? dup(0) : 0, 0);
		g_assert_true(table[i].call(&error));
		g_assert_no_error(error);
		if (table[i].call == create_proxy)
			close(kernel.ret);
	}
}

/* A module that has no such call does what is wanted anyway; there is nobody to give back to. */
static void test_no_errors(void)
{
	g_autoptr(GError) error = NULL;

	answer(0, ENOTTY);
	g_assert_true(module_set_irq(5, VSB_IRQ_EVENTS, &error));
	answer(0, ENOENT);
	g_assert_true(module_give_back(5, &error));
	answer(0, ENODEV);
	g_assert_cmpuint(module_count_unbound(5), ==, 0);
	answer(7, 0);
	g_assert_cmpuint(module_count_unbound(5), ==, 7);
}

/* A signal, such as of a child's end, is no error. */
static void test_interrupted(void)
{
	g_autoptr(GError) error = NULL;

	answer(0, 0);
	kernel.again = 3;
	g_assert_true(create_cloud(&error));
	kernel.again = 3;
	g_assert_true(set_vm(&error));
	answer(dup(0), 0);
	kernel.again = 3;
	g_assert_true(create_proxy(&error));
	close(kernel.ret);
	g_assert_no_error(error);
}

/* ---- what it is told ---- */

static void test_proxy(void)
{
	struct vsb_create_proxy *arg = (struct vsb_create_proxy *)kernel.argument;
	g_autoptr(GError) error = NULL;
	struct vsb_ports ports;
	int fd;

	g_assert_true(vsb_ports_parse("0x3f8-0x3ff,0x80,front=off", &ports, &error));
	answer(dup(0), 0);
	fd = module_create_proxy(5, -1, "vm1", &ports, 0, &error);
	g_assert_cmpint(fd, ==, kernel.ret);
	g_assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	close(fd);
	g_assert_cmpuint(kernel.request, ==, VSB_CREATE_PROXY);
	g_assert_cmpstr(arg->name, ==, "vm1");
	g_assert_cmpuint(arg->flags, ==, VSB_PROXY_NO_FRONT | VSB_PROXY_RESTS);
	g_assert_cmpuint(arg->nr_ranges, ==, 2);
	g_assert_cmpuint(arg->ranges[1].first, ==, 0x80);
	g_assert_cmpuint(arg->vram_mib, ==, 0);
	g_assert_true(vsb_ports_parse("vga", &ports, &error));
	answer(dup(0), 0);
	close(module_create_proxy(5, 6, "vm1", &ports, 0, &error));
	g_assert_cmpuint(arg->flags, ==, 0);
	g_assert_cmpuint(arg->vram_mib, >, 0);
	g_assert_cmpint(arg->vm_fd, ==, 6);
	/* One whose descriptor is none. */
	answer(12345, 0);
	g_assert_cmpint(module_create_proxy(5, 6, "vm1", &ports, 0, &error), ==, -1);
	g_assert_nonnull(strstr(error->message, "O_NONBLOCK"));
}

static void test_uservm(void)
{
	struct vsb_uservm uservm;

	answer(0, 0);
	g_assert_true(module_get_uservm(5, &uservm));
	g_assert_false(module_get_uservm(-1, &uservm));
	answer(0, ENOENT);
	g_assert_false(module_get_uservm(5, &uservm));
}

/* ---- the device ---- */

static void test_device(void)
{
	static const struct {
		const char *path;
		int ret, err;
		const char *words;
	} table[] = {
		{ "/nonexistent/x", 0, 0, "modprobe" },
		{ "/", 0, 0, "directory" },
		{ "/dev/null", 0, ENOTTY, "is it the device" },
		{ "/dev/null", VSB_API_VERSION + 1, 0, "install both from one source" },
	};
	g_autoptr(GError) error = NULL;
	int fd;

	for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
		answer(table[i].ret, table[i].err);
		g_assert_cmpint(module_open(table[i].path, &error), ==, -1);
		g_assert_nonnull(strstr(error->message, table[i].words));
		g_clear_error(&error);
	}
	answer(VSB_API_VERSION, 0);
	fd = module_open("/dev/null", &error);
	g_assert_no_error(error);
	close(fd);
}

static void test_events(void)
{
	struct vsb_event events[4] = { { .type = 1 }, { .type = 2 }, { .type = 3 } };
	int pipes[2];

	g_assert_cmpint(pipe2(pipes, O_NONBLOCK | O_CLOEXEC), ==, 0);
	g_assert_cmpint(module_read_events(pipes[0], events, 4), ==, 0);
	g_assert_cmpint(write(pipes[1], events, 3 * sizeof(events[0])), ==, 3 * sizeof(events[0]));
	g_assert_cmpint(module_read_events(pipes[0], events, 2), ==, 2);
	g_assert_cmpint(module_read_events(pipes[0], events, 2), ==, 1);
	g_assert_cmpuint(events[0].type, ==, 3);
	/* Half of one, and the end. */
	g_assert_cmpint(write(pipes[1], events, 3), ==, 3);
	g_assert_cmpint(module_read_events(pipes[0], events, 2), ==, -1);
	close(pipes[1]);
	g_assert_cmpint(module_read_events(pipes[0], events, 2), ==, -1);
	close(pipes[0]);
	g_assert_cmpint(module_read_events(pipes[0], events, 2), ==, -1);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/module/errors", test_errors);
	g_test_add_func("/module/no-errors", test_no_errors);
	g_test_add_func("/module/interrupted", test_interrupted);
	g_test_add_func("/module/proxy", test_proxy);
	g_test_add_func("/module/uservm", test_uservm);
	g_test_add_func("/module/device", test_device);
	g_test_add_func("/module/events", test_events);
	return g_test_run();
}
