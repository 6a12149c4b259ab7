// SPDX-License-Identifier: GPL-2.0
/*
 * What looks into memory that is hostile can do nothing else any more: kernels' tables are read by
 * code of ours and of libbpf, as root.
 */
#include "vsbctl-watch-sandbox.h"

#include <errno.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <linux/kvm_vsbypass.h>

#include "error.h"

/* That looks for leaks at the end, as another process. */
#ifdef __SANITIZE_ADDRESS__
#define SANITIZED	TRUE
#else
#define SANITIZED	FALSE
#endif

static const int calls[] = {
	SCMP_SYS(read), SCMP_SYS(pread64), SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(lseek),
	SCMP_SYS(close), SCMP_SYS(fstat), SCMP_SYS(ftruncate),
	SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(futex),
	SCMP_SYS(clock_gettime), SCMP_SYS(clock_nanosleep), SCMP_SYS(getrandom),
	SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
	SCMP_SYS(restart_syscall), SCMP_SYS(exit), SCMP_SYS(exit_group),
};

static const unsigned int ioctls[] = { VSB_GET_MEMORY_INFO, VSB_STOP, VSB_GET_VCPU };

static int add_rules(scmp_filter_ctx filter)
{
	int ret = 0;

	for (gsize i = 0; i < G_N_ELEMENTS(calls) && !ret; i++)
		ret = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
	for (gsize i = 0; i < G_N_ELEMENTS(ioctls) && !ret; i++)
		ret = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
				       SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffff, ioctls[i]));
	if (!ret)
		ret = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
				       SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	return ret;
}

gboolean watch_sandbox(GError **error)
{
	/* Nothing that libraries do on their way is worth to die for: it fails. */
	scmp_filter_ctx filter;
	int ret;

	if (SANITIZED)
		return TRUE;
	filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	ret = filter ? add_rules(filter) : -ENOMEM;
	if (!ret && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		ret = -errno;
	if (!ret)
		ret = seccomp_load(filter);
	if (filter)
		seccomp_release(filter);
	if (ret)
		g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED, "cannot confine itself: %s", g_strerror(-ret));
	return !ret;
}
