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

bool tap_on_tcg(void)
{
	unsigned int eax, sig[3];

	/* Its own leaf, which tells who emulates; __get_cpuid() does not know it. */
	__cpuid(0x40000000, eax, sig[0], sig[1], sig[2]);
	return !memcmp(sig, "TCGTCGTCGTCG", sizeof(sig));
}

void tap_one_cpu_on_tcg(void)
{
	cpu_set_t set;

	if (!tap_on_tcg())
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

/* Usage: PROGRAM [argument of the fixture] [prefix of case names], in any order. */
void tap_dashes(struct tap_case *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char *name = strdup(cases[i].name);

		for (char *c = name; (c = strchr(c, '_'));)
			*c = '-';
		cases[i].name = name;
	}
}

int tap_main(int argc, char **argv, const struct tap_fixture *fixture,
	     const struct tap_case *cases, size_t n)
{
	const char *given = "", *prefix = "";
	size_t nr = 0, bad = 0, plan = 0;
	bool ended;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 1; i < argc; i++) {
		if (fixture->argument(argv[i]))
			given = argv[i];
		else
			prefix = argv[i];
	}
	fixture->begin();
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
		r = fixture->prepare(&cases[i]) ? run(&cases[i]) : FAILED;
		printf("%s %zu - %s%s\n", r == FAILED ? "not ok" : "ok", ++nr, cases[i].name,
		       r == SKIPPED ? " # SKIP see above" : "");
		if (tap_now() - start > 5)
			printf("# took %.0f s\n", tap_now() - start);
		if (r == FAILED)
			printf("# alone: %s %s %s\n", argv[0], given, cases[i].name);
		bad += r == FAILED;
	}
	ended = fixture->end();
	printf("%sok %zu - %s\n", ended ? "" : "not ", nr + 1, fixture->end_name);
	return bad || !ended;
}
