// SPDX-License-Identifier: GPL-2.0
/* The kernel's files for fault injection. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "faults.h"
#include "tap.h"

#define DEBUGFS	"/sys/kernel/debug/"

/* Of this thread. */
static __thread int nth_fd = -1;
static __thread pid_t nth_owner;

static void set(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		FAIL("%s: %s", path, strerror(errno));
	OK(write(fd, value, strlen(value)));
	close(fd);
}

void faults_begin(void)
{
	if (access(DEBUGFS "failslab", F_OK) || access("/proc/self/fail-nth", F_OK))
		tap_skip("this kernel makes no faults on demand");
	/* Each would say where it was, as if something were wrong. */
	set(DEBUGFS "failslab/verbose", "0");
	set(DEBUGFS "fail_page_alloc/verbose", "0");
	set(DEBUGFS "fail_usercopy/verbose", "0");
	/* Also those that may wait for memory: all of ours are of these. */
	set(DEBUGFS "failslab/ignore-gfp-wait", "N");
	set(DEBUGFS "fail_page_alloc/ignore-gfp-wait", "N");
	set(DEBUGFS "fail_page_alloc/min-order", "0");
	fault_at(0);
}

void fault_at(unsigned int nth)
{
	char text[16];

	/* that of who has forked it is another thread's */
	if (nth_owner != gettid()) {
		close(nth_fd);
		nth_fd = OK(open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC));
		nth_owner = gettid();
	}
	snprintf(text, sizeof(text), "%u", nth);
	OK(pwrite(nth_fd, text, strlen(text), 0));
}

/* To ask and to turn off copies text, where the fault may be made: then it was still to come. */
bool fault_happened(void)
{
	char text[16] = "";
	ssize_t n = pread(nth_fd, text, sizeof(text) - 1, 0);

	if (pwrite(nth_fd, "0", 1, 0) != 1)
		OK(pwrite(nth_fd, "0", 1, 0));
	return n > 0 && !strcmp(text, "0\n");
}
