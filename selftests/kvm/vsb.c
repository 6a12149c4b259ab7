// SPDX-License-Identifier: GPL-2.0
/* Wrappers of the module's calls. */
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>

#include "vsb.h"

int vsb_open(void)
{
	return open(VSB_DEVICE, O_RDWR | O_CLOEXEC);
}

int vsb_cloud(int dev, int vm_fd, uint32_t flags, uint32_t unclaimed)
{
	struct vsb_create_cloud c = {
		.vm_fd = vm_fd, .flags = flags, .unclaimed = unclaimed,
	};

	return ioctl(dev, VSB_CREATE_CLOUD, &c);
}

struct vsb_create_proxy vsb_proxy_args(int vm_fd, const char *name)
{
	struct vsb_create_proxy p = { .vm_fd = vm_fd };

	strncpy(p.name, name, sizeof(p.name) - 1);
	return p;
}

int vsb_proxy(int cloud, const struct vsb_create_proxy *args)
{
	struct vsb_create_proxy p = *args;

	return ioctl(cloud, VSB_CREATE_PROXY, &p);
}

int vsb_start(int cloud)
{
	return ioctl(cloud, VSB_START, 0);
}

int vsb_uservm(int fd, uint32_t index, struct vsb_uservm *u)
{
	memset(u, 0, sizeof(*u));
	u->index = index;
	return ioctl(fd, VSB_GET_USERVM, u);
}
