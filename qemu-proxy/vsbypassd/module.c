// SPDX-License-Identifier: GPL-2.0
/* The calls of the module kvm-vsbypass. */
#include "module.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "error.h"
#include "proxy-cmd.h"

/* An error of @call with errno's cause; @advice says what to do about it. */
static void set_error(GError **error, const char *call, int err, const char *advice)
{
	g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED, "%s: %s%s%s", call, g_strerror(err),
		    advice ? "; " : "", advice ? advice : "");
}

int module_open(const char *device, GError **error)
{
	int fd = open(device, O_RDWR | O_CLOEXEC);
	int version;

	if (fd < 0) {
		set_error(error, device, errno, errno == ENOENT || errno == ENODEV ?
			  "load the module (modprobe kvm-vsbypass)" :
			  errno == EACCES ? "run as root" : NULL);
		return -1;
	}
	version = ioctl(fd, VSB_GET_API_VERSION, 0);
	if (version == VSB_API_VERSION)
		return fd;
	if (version < 0)
		set_error(error, device, errno, "is it the device of kvm-vsbypass?");
	else
		g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED,
			    "%s: the module speaks version %d, vsbypassd version %d; "
			    "install both from one source", device, version, VSB_API_VERSION);
	close(fd);
	return -1;
}

int module_create_cloud(int device_fd, int vm_fd, guint32 flags, guint32 unclaimed,
			GError **error)
{
	struct vsb_create_cloud arg = {
		.vm_fd = vm_fd, .flags = flags, .unclaimed = unclaimed,
	};
	int fd;

	/* SIGCHLD, for instance, while the kernel takes the locks of a large process. */
	do
		fd = ioctl(device_fd, VSB_CREATE_CLOUD, &arg);
	while (fd < 0 && errno == EINTR);
	if (fd < 0)
		set_error(error, "VSB_CREATE_CLOUD", errno,
			  errno == EBUSY ? "this VM is attached already, perhaps by another program" :
			  errno == EOPNOTSUPP ? "see the kernel log" : NULL);
	return fd;
}

int module_create_proxy(int cloud_fd, int vm_fd, const char *name,
			const struct vsb_ports *ports, guint32 flags, GError **error)
{
	struct vsb_create_proxy arg = {
		.vm_fd = vm_fd,
		.flags = flags | (ports->no_front ? VSB_PROXY_NO_FRONT : 0) |
			 (vm_fd < 0 ? VSB_PROXY_RESTS : 0),
		.nr_ranges = ports->nr,
		.veil_mib = ports->veil_mib,
		.vram_frame = vsb_ports_vga(ports) ? PROXY_VRAM_FRAME : 0,
		.vram_mib = vsb_ports_vga(ports) ? PROXY_VRAM_MIB : 0,
	};
	int fd;

	g_strlcpy(arg.name, name, sizeof(arg.name));
	memcpy(arg.ranges, ports->range, ports->nr * sizeof(arg.ranges[0]));
	do
		fd = ioctl(cloud_fd, VSB_CREATE_PROXY, &arg);
	while (fd < 0 && errno == EINTR);
	if (fd < 0) {
		set_error(error, "VSB_CREATE_PROXY", errno,
			  errno == EEXIST ? "the name is taken" :
			  errno == ENOSPC ? "the cloud VM has as many proxies as are possible" :
			  errno == EOPNOTSUPP ? "this host has no veils, or no screens, see the "
						"kernel log" :
			  errno == ENXIO ? "its QEMU has no graphics card where ours have it" :
			  NULL);
		return -1;
	}
	/* The main loop must never sleep in read(2). */
	if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0) {
		set_error(error, "O_NONBLOCK on the proxy's descriptor", errno, NULL);
		close(fd);
		return -1;
	}
	return fd;
}

gboolean module_set_key(int proxy_fd, const guint8 *key, GError **error)
{
	struct vsb_key arg = { 0 };
	int ret, err;

	memcpy(arg.key, key, sizeof(arg.key));
	ret = ioctl(proxy_fd, VSB_SET_KEY, &arg);
	err = errno;
	explicit_bzero(&arg, sizeof(arg));
	if (!ret)
		return TRUE;
	set_error(error, "VSB_SET_KEY", err, err == EINVAL ?
		  "its ports may not have those at which user VMs prove who they are" :
		  err == EOPNOTSUPP ? "the kernel has no hmac(sha256)" : NULL);
	return FALSE;
}

gboolean module_set_vm(int proxy_fd, int vm_fd, GError **error)
{
	int ret;

	do
		ret = ioctl(proxy_fd, VSB_SET_VM, (long)vm_fd);
	while (ret < 0 && errno == EINTR);
	if (!ret)
		return TRUE;
	set_error(error, "VSB_SET_VM", errno, NULL);
	return FALSE;
}

gboolean module_start(int cloud_fd, GError **error)
{
	if (!ioctl(cloud_fd, VSB_START, 0))
		return TRUE;
	set_error(error, "VSB_START", errno, "see the kernel log");
	return FALSE;
}

gboolean module_set_irq(int cloud_fd, guint32 mask, GError **error)
{
	__u32 arg = mask;

	if (!ioctl(cloud_fd, VSB_SET_IRQ, &arg))
		return TRUE;
	/* One that has no such call does this and nothing else. */
	if (errno == ENOTTY && mask == VSB_IRQ_EVENTS)
		return TRUE;
	set_error(error, "VSB_SET_IRQ", errno, errno == ENOTTY || errno == EINVAL ?
		  "the module that is loaded is older than vsbypassd and raises no interrupts "
		  "itself: detach all cloud VMs and load the new one (modprobe -r kvm-vsbypass; "
		  "modprobe kvm-vsbypass), or attach with an agent (irq=agent)" : NULL);
	return FALSE;
}

gboolean module_set_on_close(int cloud_fd, guint32 flags, GError **error)
{
	__u32 arg = flags;

	if (!ioctl(cloud_fd, VSB_SET_ON_CLOSE, &arg))
		return TRUE;
	set_error(error, "VSB_SET_ON_CLOSE", errno, NULL);
	return FALSE;
}

gboolean module_freeze(int cloud_fd, guint ms, GError **error)
{
	if (!ioctl(cloud_fd, VSB_FREEZE, ms))
		return TRUE;
	set_error(error, "VSB_FREEZE", errno, NULL);
	return FALSE;
}

gboolean module_get_uservm(int proxy_fd, struct vsb_uservm *uservm)
{
	memset(uservm, 0, sizeof(*uservm));
	return proxy_fd >= 0 && !ioctl(proxy_fd, VSB_GET_USERVM, uservm);
}

guint module_count_unbound(int cloud_fd)
{
	return (guint)MAX(ioctl(cloud_fd, VSB_COUNT_UNBOUND, 0), 0);
}

gboolean module_unbind(int proxy_fd, GError **error)
{
	if (!ioctl(proxy_fd, VSB_UNBIND, 0))
		return TRUE;
	if (errno == ENOENT)
		g_set_error_literal(error, VSB_ERROR, VSB_ERROR_NOT_FOUND,
				    "no user VM is bound to it");
	else
		set_error(error, "VSB_UNBIND", errno, NULL);
	return FALSE;
}

int module_get_memory(int proxy_fd, gboolean private, GError **error)
{
	int fd = ioctl(proxy_fd, VSB_GET_MEMORY, private ? VSB_MEMORY_PRIVATE : 0);

	if (fd >= 0)
		return fd;
	if (errno == ENOENT)
		g_set_error_literal(error, VSB_ERROR, VSB_ERROR_NOT_FOUND,
				    "no user VM is bound to it");
	else
		set_error(error, "VSB_GET_MEMORY", errno,
			  errno == EOPNOTSUPP ? "its guest hypervisor uses no nested page table of "
			  "64-bit hypervisors" :
			  errno == ENOTTY ? "the module that is loaded is older than vsbypassd" :
			  NULL);
	return -1;
}

gboolean module_give_back(int proxy_fd, GError **error)
{
	if (!ioctl(proxy_fd, VSB_GIVE_BACK, 0) || errno == ENOENT)
		return TRUE;
	set_error(error, "VSB_GIVE_BACK", errno,
		  errno == ETIMEDOUT ? "none of its vCPUs ran: is it paused?" :
		  errno == ENOTTY ? "the module that is loaded is older than vsbypassd" : NULL);
	return FALSE;
}

gboolean module_report_all(int proxy_fd, GError **error)
{
	if (!ioctl(proxy_fd, VSB_REPORT_ALL, 0))
		return TRUE;
	set_error(error, "VSB_REPORT_ALL", errno, NULL);
	return FALSE;
}

int module_read_events(int proxy_fd, struct vsb_event *events, guint max)
{
	ssize_t n = read(proxy_fd, events, max * sizeof(*events));

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	if (n == 0 || n % (ssize_t)sizeof(*events))
		return -1;
	return (int)(n / (ssize_t)sizeof(*events));
}
