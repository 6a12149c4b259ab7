// SPDX-License-Identifier: GPL-2.0
/* The system calls behind insmod and rmmod. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "module.h"

#define NAME	"kvm_vsbypass"

static const char *module_path;

void module_set_path(const char *path)
{
	module_path = path;
}

bool module_loaded(void)
{
	return !access("/sys/module/" NAME "/initstate", F_OK);
}

int module_load(void)
{
	int fd, ret, err;

	if (!module_path) {
		errno = ENOENT;
		return -1;
	}
	fd = open(module_path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	ret = syscall(SYS_finit_module, fd, "", 0);
	err = errno;
	close(fd);
	errno = err;
	return ret;
}

int module_unload(void)
{
	return syscall(SYS_delete_module, NAME, O_NONBLOCK);
}
