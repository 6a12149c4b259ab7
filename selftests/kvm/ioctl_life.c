// SPDX-License-Identifier: GPL-2.0
/* Descriptors, processes and the module come and go, in any order. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ioctl_cases.h"
#include "ioctl_vm.h"
#include "module.h"
#include "tap.h"
#include "vsb.h"

#define FTRACE	"/proc/sys/kernel/ftrace_enabled"

void life_device_node(void)
{
	struct stat st;
	int status;
	pid_t pid;

	OK(stat(VSB_DEVICE, &st));
	CHECK(S_ISCHR(st.st_mode));
	CHECK_EQ(st.st_mode & 07777, 0600);
	CHECK_EQ(st.st_uid, 0);
	pid = OK(fork());
	if (!pid) {
		OK(syscall(SYS_setresgid, 65534, 65534, 65534));
		OK(syscall(SYS_setresuid, 65534, 65534, 65534));
		CHECK_ERR(open(VSB_DEVICE, O_RDWR), EACCES);
		CHECK_ERR(open(VSB_DEVICE, O_RDONLY), EACCES);
		_exit(0);
	}
	CHECK_EQ(OK(waitpid(pid, &status, 0)), pid);
	CHECK_EQ(status, 0);
	OK(open(VSB_DEVICE, O_RDONLY));
}

void life_close_orders(void)
{
	static const int order[6][3] = {
		{ 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 }, { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 },
	};

	for (int i = 0; i < 12; i++) {
		struct test_set s = set_new();
		int fd[3] = { s.dev, s.cloud, s.proxy };

		OK(ioctl(s.cloud, VSB_START, 0));
		/* Every other time the VMs go first. */
		if (i & 1) {
			vm_close(&s.cloud_vm);
			vm_close(&s.proxy_vm);
		}
		for (int n = 0; n < 3; n++)
			OK(close(fd[order[i / 2][n]]));
		if (!(i & 1)) {
			vm_close(&s.cloud_vm);
			vm_close(&s.proxy_vm);
		}
	}
}

/* It ends with the last descriptor of it, not with the first. */
void life_dup(void)
{
	struct test_set s = set_new();
	int cloud2 = OK(dup(s.cloud)), proxy2 = OK(dup(s.proxy));
	struct vsb_uservm u;

	OK(close(s.cloud));
	OK(close(s.proxy));
	CHECK_ERR(vsb_cloud(s.dev, s.cloud_vm.vm, 0, 0), EBUSY);
	CHECK_ERR(vsb_uservm(proxy2, 0, &u), ENOENT);
	OK(ioctl(cloud2, VSB_START, 0));
	OK(close(cloud2));
	OK(close(proxy2));
	OK(vsb_cloud(s.dev, s.cloud_vm.vm, 0, 0));
}

void life_owner_killed(void)
{
	struct test_vm cloud_vm = vm_new(), proxy_vm = vm_new();
	struct vsb_create_proxy p = vsb_proxy_args(proxy_vm.vm, "vm1");
	int ready[2], dev, cloud;
	pid_t pid;
	char b;

	OK(pipe(ready));
	pid = OK(fork());
	if (!pid) {
		cloud = OK(vsb_cloud(OK(vsb_open()), cloud_vm.vm, 0, 0));
		OK(vsb_proxy(cloud, &p));
		OK(vsb_start(cloud));
		OK(write(ready[1], "x", 1));
		for (;;)
			pause();
	}
	CHECK_EQ(OK(read(ready[0], &b, 1)), 1);
	dev = OK(vsb_open());
	CHECK_ERR(vsb_cloud(dev, cloud_vm.vm, 0, 0), EBUSY);
	kill(pid, SIGKILL);
	CHECK_EQ(OK(waitpid(pid, NULL, 0)), pid);
	OK(vsb_cloud(dev, cloud_vm.vm, 0, 0));
	/* The proxy's VM stays one that never runs. */
	CHECK_ERR(ioctl(proxy_vm.vcpu[0], KVM_RUN, 0), EIO);
}

/* A VM of another process, whose kvm-vm is got as vsbypassd gets it. */
static pid_t vm_process(int *vm_fd)
{
	int p[2], fd, pidfd;
	pid_t pid;

	OK(pipe(p));
	pid = OK(fork());
	if (!pid) {
		struct test_vm v;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		v = vm_new();
		OK(write(p[1], &v.vm, sizeof(v.vm)));
		for (;;)
			pause();
	}
	CHECK_EQ(OK(read(p[0], &fd, sizeof(fd))), sizeof(fd));
	pidfd = OK(syscall(SYS_pidfd_open, pid, 0));
	*vm_fd = OK(syscall(SYS_pidfd_getfd, pidfd, fd, 0));
	close(pidfd);
	close(p[0]);
	close(p[1]);
	return pid;
}

void life_vm_process_killed(void)
{
	int cloud_vm, proxy_vm, dev = OK(vsb_open()), cloud, proxy;
	pid_t cloud_pid = vm_process(&cloud_vm), proxy_pid = vm_process(&proxy_vm);
	struct vsb_create_proxy p = vsb_proxy_args(proxy_vm, "vm1");
	struct pollfd poll_proxy;
	struct vsb_event e;

	cloud = OK(vsb_cloud(dev, cloud_vm, 0, 0));
	proxy = OK(vsb_proxy(cloud, &p));
	OK(vsb_start(cloud));

	kill(proxy_pid, SIGKILL);
	waitpid(proxy_pid, NULL, 0);
	poll_proxy = (struct pollfd){ .fd = proxy, .events = POLLIN };
	CHECK_EQ(OK(poll(&poll_proxy, 1, TAP_PATIENCE * 1000)), 1);
	CHECK_EQ(poll_proxy.revents, POLLHUP);
	CHECK_EQ(OK(read(proxy, &e, sizeof(e))), 0);
	/* A VM that is ending cannot be a proxy, a new one can. */
	OK(close(proxy));
	CHECK_ERR(vsb_proxy(cloud, &p), ESRCH);
	p = vsb_proxy_args(vm_new().vm, "vm1");
	OK(vsb_proxy(cloud, &p));

	kill(cloud_pid, SIGKILL);
	waitpid(cloud_pid, NULL, 0);
	OK(close(cloud));
	CHECK_ERR(vsb_cloud(dev, cloud_vm, 0, 0), ESRCH);
}

/* Two threads attach and close the same VMs as fast as they can. */
#define CROWD_ROUNDS	200

static struct test_vm crowd_vm[2];
static volatile unsigned int crowd_ok;

static void *crowd(void *arg)
{
	unsigned int me = (uintptr_t)arg;
	int dev = OK(vsb_open());

	for (int i = 0; i < CROWD_ROUNDS; i++) {
		struct vsb_create_proxy p;
		int cloud, proxy;

		cloud = vsb_cloud(dev, crowd_vm[(i + me) % 2].vm, i & 1, 0);
		if (cloud < 0) {
			CHECK_EQ(errno, EBUSY);
			continue;
		}
		__sync_fetch_and_add(&crowd_ok, 1);
		p = vsb_proxy_args(crowd_vm[(i + me + 1) % 2].vm, "vm1");
		/* Fails: the other thread has it, or made it a dead proxy. */
		p.flags = ~0u;
		proxy = vsb_proxy(cloud, &p);
		CHECK_EQ(proxy, -1);
		if (i % 3)
			OK(vsb_start(cloud));
		OK(close(cloud));
	}
	close(dev);
	return NULL;
}

void life_crowd(void)
{
	pthread_t t[2];

	for (int i = 0; i < 2; i++)
		crowd_vm[i] = vm_new();
	for (uintptr_t i = 0; i < 2; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, crowd, (void *)i), 0);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	CHECK(crowd_ok > 0);
	/* That nothing is left of it, the last point of the program says. */
}

static int ftrace_set(const char *value)
{
	int fd = OK(open(FTRACE, O_WRONLY)), ret, err;

	ret = write(fd, value, 1);
	err = errno;
	close(fd);
	errno = err;
	return ret;
}

/* Where functions cannot be redirected it says so; while they are it stays on. */
void life_ftrace_off(void)
{
	struct test_vm v;
	int dev, cloud;

	if (access(FTRACE, F_OK))
		tap_skip("this kernel has no " FTRACE);
	v = vm_new();
	dev = OK(vsb_open());
	if (ftrace_set("0") < 0) {
		/* Linux 7.3 does not let it be turned off any more. */
		CHECK_EQ(errno, EOPNOTSUPP);
		OK(vsb_cloud(dev, v.vm, 0, 0));
		return;
	}
	cloud = vsb_cloud(dev, v.vm, 0, 0);
	OK(ftrace_set("1"));
	CHECK_EQ(cloud, -1);
	cloud = OK(vsb_cloud(dev, v.vm, 0, 0));
	CHECK_ERR(ftrace_set("0"), EBUSY);
	OK(close(cloud));
	OK(close(dev));
	/* Nor is the module loaded where it could not work. */
	OK(module_unload());
	OK(ftrace_set("0"));
	CHECK_EQ(module_load(), -1);
	CHECK_EQ(errno, EBUSY);
	OK(ftrace_set("1"));
	OK(module_load());
}

static void refuses_to_go(const char *doing)
{
	if (!module_unload())
		FAIL("rmmod worked while %s", doing);
	if (errno != EAGAIN && errno != EBUSY)
		FAIL("rmmod while %s: %s", doing, strerror(errno));
}

void life_rmmod(void)
{
	struct test_set s = set_new();

	refuses_to_go("all is open");
	OK(close(s.dev));
	refuses_to_go("cloud fd and proxy fd are open");
	OK(close(s.cloud));
	refuses_to_go("a proxy fd is open");
	OK(close(s.proxy));
	OK(module_unload());
	CHECK_ERR(open(VSB_DEVICE, O_RDWR), ENOENT);
	CHECK_ERR(module_unload(), ENOENT);
	OK(module_load());
	CHECK_ERR(module_load(), EEXIST);
	s.dev = OK(vsb_open());
	refuses_to_go("the device is open");
}

void life_load_cycles(void)
{
	struct test_set s;

	for (int i = 0; i < 8; i++) {
		OK(module_load());
		if (i & 1) {
			s = set_new();
			OK(vsb_start(s.cloud));
			close(s.dev);
			close(s.cloud);
			close(s.proxy);
			vm_close(&s.cloud_vm);
			vm_close(&s.proxy_vm);
		}
		OK(module_unload());
	}
}
