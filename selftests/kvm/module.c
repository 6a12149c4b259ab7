// SPDX-License-Identifier: GPL-2.0
/* The system calls behind insmod and rmmod, and the fixture made of them. */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "module.h"
#include "vsb.h"

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

static void keep_busy(int ready)
{
	int vm, cloud = -1, err;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	vm = ioctl(open("/dev/kvm", O_RDWR | O_CLOEXEC), KVM_CREATE_VM, 0);
	if (vm >= 0)
		cloud = vsb_cloud(vsb_open(), vm, 0, VSB_UNCLAIMED_ABSORB);
	err = cloud < 0 ? errno : 0;
	if (write(ready, &err, sizeof(err)) != sizeof(err) || err)
		_exit(1);
	for (;;)
		pause();
}

bool module_keep_busy(bool on)
{
	static pid_t keeper;
	int ready[2], err = EIO;

	if (on == !!keeper)
		return true;
	if (!on) {
		kill(keeper, SIGKILL);
		waitpid(keeper, NULL, 0);
		keeper = 0;
		return true;
	}
	if (pipe(ready))
		return false;
	keeper = fork();
	if (!keeper)
		keep_busy(ready[1]);
	close(ready[1]);
	if (keeper > 0 && read(ready[0], &err, sizeof(err)) != sizeof(err))
		err = EIO;
	close(ready[0]);
	if (keeper > 0 && err)
		waitpid(keeper, NULL, 0);
	if (keeper < 0 || err) {
		keeper = 0;
		errno = err;
		return false;
	}
	return true;
}

static bool was_loaded;

static bool take_argument(const char *arg)
{
	size_t len = strlen(arg);

	if (len <= 3 || strcmp(arg + len - 3, ".ko"))
		return false;
	module_set_path(arg);
	return true;
}

static void begin(void)
{
	if (!module_path)
		module_set_path(getenv("VSB_MODULE"));
	was_loaded = module_loaded();
}

static bool prepare(const struct tap_case *c)
{
	bool want = c->state != WITHOUT_MODULE;

	if (c->state != BUSY_MODULE)
		module_keep_busy(false);
	if (module_loaded() != want && (want ? module_load() : module_unload())) {
		printf("# cannot %s the module: %s\n", want ? "load" : "unload",
		       strerror(errno));
		return false;
	}
	if (c->state == BUSY_MODULE && !module_keep_busy(true)) {
		printf("# cannot attach a VM: %s\n", strerror(errno));
		return false;
	}
	return true;
}

static bool end(void)
{
	module_keep_busy(false);
	if (!module_loaded() || was_loaded || !module_unload())
		return true;
	printf("# rmmod: %s\n", strerror(errno));
	return false;
}

const struct tap_fixture module_fixture = {
	.argument = take_argument, .begin = begin, .prepare = prepare, .end = end,
	.end_name = "unloaded at the end",
};
