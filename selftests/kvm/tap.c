// SPDX-License-Identifier: GPL-2.0
/* Runs the cases of one program and reports them; see tap.h. */
#include <cpuid.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "module.h"
#include "tap.h"

#define CASE_SECONDS	300	/* a case that hangs; generous for emulators */
#define EXIT_SKIP	4	/* as KSFT_SKIP of the kernel's selftests */

void tap_fail(const char *file, int line, const char *fmt, ...)
{
	const char *base = strrchr(file, '/');
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	printf("# %s:%d: %s\n", base ? base + 1 : file, line, text);
	fflush(stdout);
	_exit(1);
}

void tap_one_cpu_on_tcg(void)
{
	unsigned int eax, sig[3];
	cpu_set_t set;

	/* Its own leaf, which tells who emulates; __get_cpuid() does not know it. */
	__cpuid(0x40000000, eax, sig[0], sig[1], sig[2]);
	if (memcmp(sig, "TCGTCGTCGTCG", sizeof(sig)))
		return;
	CPU_ZERO(&set);
	CPU_SET(0, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		FAIL("sched_setaffinity: %s", strerror(errno));
}

void tap_skip(const char *why)
{
	printf("# skipped: %s\n", why);
	fflush(stdout);
	_exit(EXIT_SKIP);
}

double tap_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* Return: whether the module is as the case wants it. */
static bool prepare(const struct tap_case *c)
{
	bool want = c->module != WITHOUT_MODULE;

	if (c->module != BUSY_MODULE)
		module_keep_busy(false);
	if (module_loaded() != want && (want ? module_load() : module_unload())) {
		printf("# cannot %s the module: %s\n", want ? "load" : "unload",
		       strerror(errno));
		return false;
	}
	if (c->module == BUSY_MODULE && !module_keep_busy(true)) {
		printf("# cannot attach a VM: %s\n", strerror(errno));
		return false;
	}
	return true;
}

enum result { PASSED, FAILED, SKIPPED };

static enum result run(const struct tap_case *c)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0) {
		printf("# fork: %s\n", strerror(errno));
		return FAILED;
	}
	if (!pid) {
		alarm(CASE_SECONDS);
		c->fn();
		fflush(stdout);
		_exit(0);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return PASSED;
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SKIP)
		return SKIPPED;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		printf("# no end after %d s\n", CASE_SECONDS);
	else if (WIFSIGNALED(status))
		printf("# ended by signal %d\n", WTERMSIG(status));
	else if (WEXITSTATUS(status) != 1)
		printf("# exit status %d, see above\n", WEXITSTATUS(status));
	return FAILED;
}

/* VSB_OMIT in the environment: how the names of cases begin that are not wanted. */
static bool wanted(const struct tap_case *c, const char *prefix)
{
	const char *omit = getenv("VSB_OMIT");

	return !strncmp(c->name, prefix, strlen(prefix)) && (!omit || strncmp(c->name, omit, strlen(omit)));
}

/* Usage: PROGRAM [MODULE.ko] [prefix of case names], in any order. */
int tap_main(int argc, char **argv, const struct tap_case *cases, size_t n)
{
	const char *path = getenv("VSB_MODULE"), *prefix = "";
	size_t nr = 0, bad = 0, plan = 0;
	bool was_loaded = module_loaded();

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 1; i < argc; i++) {
		size_t len = strlen(argv[i]);

		if (len > 3 && !strcmp(argv[i] + len - 3, ".ko"))
			path = argv[i];
		else
			prefix = argv[i];
	}
	module_set_path(path);
	for (size_t i = 0; i < n; i++)
		plan += wanted(&cases[i], prefix);
	if (!plan) {
		printf("Bail out! no case begins with '%s'\n", prefix);
		return 2;
	}
	printf("TAP version 13\n1..%zu\n", plan + 1);
	for (size_t i = 0; i < n; i++) {
		enum result r;
		double start;

		if (!wanted(&cases[i], prefix))
			continue;
		start = tap_now();
		r = prepare(&cases[i]) ? run(&cases[i]) : FAILED;
		printf("%s %zu - %s%s\n", r == FAILED ? "not ok" : "ok", ++nr, cases[i].name,
		       r == SKIPPED ? " # SKIP see above" : "");
		if (tap_now() - start > 5)
			printf("# took %.0f s\n", tap_now() - start);
		if (r == FAILED)
			printf("# alone: %s %s %s\n", argv[0], path ?: "", cases[i].name);
		bad += r == FAILED;
	}
	module_keep_busy(false);
	/* All descriptors of the cases are closed: nothing may hold it. */
	if (module_loaded() && !was_loaded && module_unload()) {
		printf("# rmmod: %s\nnot ", strerror(errno));
		bad++;
	}
	printf("ok %zu - unloaded at the end\n", nr + 1);
	return bad ? 1 : 0;
}
