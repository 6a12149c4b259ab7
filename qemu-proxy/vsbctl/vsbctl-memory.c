// SPDX-License-Identifier: GPL-2.0
/* The memory descriptor of a user VM; see vsbctl-memory.h. */
#include "vsbctl-memory.h"

#include <errno.h>
#include <sys/ioctl.h>

#include "error.h"

/* For vCPUs that stand still in the guest hypervisor to come by: Linux wakes each now and then. */
#define SEEN_MS	2000

gboolean memory_error(GError **error, const char *what)
{
	g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED, "%s: %s", what,
		    errno == ENODEV ? "the user VM or its cloud VM has ended" :
		    errno == EBUSY ? "somebody else has stopped it" : g_strerror(errno));
	return FALSE;
}

gboolean memory_info(int fd, struct vsb_memory_info *info, GError **error)
{
	*info = (struct vsb_memory_info){ 0 };
	return !ioctl(fd, VSB_GET_MEMORY_INFO, info) || memory_error(error, "its memory");
}

gboolean memory_vcpus(int fd, guint nr, GArray *vcpus, GError **error)
{
	g_array_set_size(vcpus, 0);
	for (guint i = 0; i < nr; i++) {
		struct vsb_vcpu_state v = { .index = i };

		if (ioctl(fd, VSB_GET_VCPU, &v))
			return memory_error(error, "its vCPUs");
		if (v.flags & VSB_VCPU_SEEN)
			g_array_append_val(vcpus, v);
	}
	return TRUE;
}

gboolean memory_wait_vcpus(int fd, guint nr, GArray *vcpus, const volatile sig_atomic_t *interrupted,
			   GError **error)
{
	gint64 end = g_get_monotonic_time() + SEEN_MS * 1000;

	while (memory_vcpus(fd, nr, vcpus, error)) {
		if (vcpus->len == nr || g_get_monotonic_time() > end ||
		    (interrupted && *interrupted))
			return TRUE;
		g_usleep(20 * 1000);
	}
	return FALSE;
}

gboolean memory_stop(int fd, guint seconds, GError **error)
{
	return !ioctl(fd, VSB_STOP, seconds * 1000) || memory_error(error, "stopping it");
}
