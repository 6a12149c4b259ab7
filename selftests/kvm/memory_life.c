// SPDX-License-Identifier: GPL-2.0
/* What a descriptor of a user VM's memory outlives, and what it says then. */
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test_util.h"
#include "kvm_util.h"

#include "memory_cases.h"
#include "memory.h"
#include "module.h"
#include "tap.h"

/* Nothing is to be had of it any more, and nothing to be done. */
static void check_gone(int fd)
{
	struct vsb_memory_info info = { 0 };
	struct vsb_vcpu_state vcpu = { 0 };
	uint8_t byte;

	CHECK_ERR(pread(fd, &byte, 1, 0), ENODEV);
	CHECK_ERR(lseek(fd, 0, SEEK_END), ENODEV);
	CHECK_ERR(lseek(fd, 0, SEEK_DATA), ENODEV);
	CHECK_ERR(ioctl(fd, VSB_GET_MEMORY_INFO, &info), ENODEV);
	CHECK_ERR(ioctl(fd, VSB_GET_VCPU, &vcpu), ENODEV);
	CHECK_ERR(ioctl(fd, VSB_STOP, 1), ENODEV);
	OK(close(fd));
}

/* The name waits for another proxy: it is the same user VM. */
void memory_proxy_ends(void)
{
	struct proxy *p;

	memory_begin(1);
	proxy_kill(m.p);
	memory_is(m.fd, 0, m.base, 4096);
	proxy_close(m.p);
	memory_is(m.fd, 0, m.base, 4096);
	p = proxy_add(m.c, "vm1");
	L2_RUN(m.c, 0, OUT(PLAIN, 1, 2));
	memory_is(m.fd, 0, m.base, 4096);
	memory_is(memory_open(p), 0, m.base, 4096);
}

void memory_name_lost(void)
{
	struct proxy *p;

	memory_begin(1);
	OK(ioctl(m.p->fd, VSB_UNBIND, 0));
	check_gone(m.fd);
	proxy_close(m.p);
	/* It comes anew, under another name. */
	p = proxy_add(m.c, "vm3");
	L2_RUN(m.c, 0, OUT(PLAIN, 1, 2));
	L2_RUN(m.c, 0, OUT(PLAIN, 1, 2));
	(void)p;
}

void memory_cloud_closed(void)
{
	memory_begin(1);
	OK(ioctl(m.fd, VSB_STOP, 1000));
	cloud_close(m.c);
	check_gone(m.fd);
	/* It runs, and is nobody's. */
	L2_RUN(m.c, 0, OUT(COM1, 1, 3));
	CHECK_EQ(L1_EXITS(m.c), 1);
}

/* The cloud VM is another process, as always but here; and that is killed. */
void memory_process_ends(void)
{
	struct shared {
		volatile int fd;
		uint8_t page[4096];
	} *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int pidfd, fd;
	pid_t pid;

	pid = OK(fork());
	if (!pid) {
		memory_begin(1);
		memset(m.c->mbox->buf, 0x77, 4096);
		memcpy(s->page, m.base, 4096);
		s->fd = m.fd;
		pause();
		_exit(0);
	}
	WAIT_FOR(s->fd || waitpid(pid, NULL, WNOHANG) == pid);
	CHECK(s->fd);
	pidfd = OK(syscall(SYS_pidfd_open, pid, 0));
	fd = OK(syscall(SYS_pidfd_getfd, pidfd, s->fd, 0));
	memory_is(fd, 0, s->page, 4096);
	OK(kill(pid, SIGKILL));
	CHECK_EQ(OK(waitpid(pid, NULL, 0)), pid);
	check_gone(fd);
}

void memory_module_stays(void)
{
	memory_begin(1);
	proxy_close(m.p);
	cloud_close(m.c);
	CHECK_ERR(module_unload(), EAGAIN);
	check_gone(m.fd);
}
