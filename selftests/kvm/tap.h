/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Test cases, each in a process of its own, reported in TAP. A case returns if
 * all is as it must be; the macros below end it if not.
 */
#ifndef VSB_TAP_H
#define VSB_TAP_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct tap_case - one case
 * @state:	what the fixture has to prepare; only that knows the values
 */
struct tap_case {
	const char *name;
	void (*fn)(void);
	int state;
};

/**
 * struct tap_fixture - what has to be there around the cases, in the process that starts them
 * @argument:	takes an argument of the command line; false: it is not for the fixture
 * @begin:	before the first case
 * @prepare:	before each; false: there is no @state as the case wants it, and a comment
 *		has said why
 * @end:	after the last; a point of its own, named @end_name
 */
struct tap_fixture {
	bool (*argument)(const char *arg);
	void (*begin)(void);
	bool (*prepare)(const struct tap_case *c);
	bool (*end)(void);
	const char *end_name;
};

/* Names of functions become those of cases: with dashes. */
void tap_dashes(struct tap_case *cases, size_t n);
int tap_main(int argc, char **argv, const struct tap_fixture *fixture,
	     const struct tap_case *cases, size_t n);

void tap_fail(const char *file, int line, const char *fmt, ...)
	__attribute__((noreturn, format(printf, 3, 4)));
/*
 * Keeps the case on one CPU if the CPUs are QEMU TCG's. Before 8.1 TCG can miss
 * that one vCPU writes to code while another translates it: the latter may go
 * on hitting a breakpoint of ftrace's that is gone from memory, for ever. For
 * cases that load or attach while KVM is busy.
 */
void tap_one_cpu_on_tcg(void);
/* Are they? */
bool tap_on_tcg(void);
void tap_skip(const char *why) __attribute__((noreturn));

#define FAIL(...)	tap_fail(__FILE__, __LINE__, __VA_ARGS__)

#define CHECK(cond) do {						\
	if (!(cond))							\
		FAIL("not so: %s", #cond);				\
} while (0)

#define CHECK_EQ(got, want) do {					\
	uint64_t got_ = (uint64_t)(got), want_ = (uint64_t)(want);	\
									\
	if (got_ != want_)						\
		FAIL("%s: saw %#llx, wanted %#llx", #got,		\
		     (unsigned long long)got_, (unsigned long long)want_); \
} while (0)

/* The call succeeds; its value. */
#define OK(call) ({							\
	long ret_ = (long)(call);					\
									\
	if (ret_ < 0)							\
		FAIL("%s: failed: %s", #call, strerror(errno));		\
	ret_;								\
})

/* The call fails with that errno. */
#define CHECK_ERR(call, want) do {					\
	long ret_ = (long)(call);					\
	int errno_ = errno;						\
									\
	if (ret_ >= 0)							\
		FAIL("%s: succeeded, wanted %s", #call, #want);		\
	if (errno_ != (want))						\
		FAIL("%s: failed: %s, wanted %s", #call,		\
		     strerror(errno_), #want);				\
} while (0)

/* Waits until the condition holds; TAP_PATIENCE seconds without it are a failure. */
#define TAP_PATIENCE	30

double tap_now(void);

#define WAIT_FOR(cond) do {						\
	for (double end_ = tap_now() + TAP_PATIENCE; !(cond);) {	\
		if (tap_now() > end_)					\
			FAIL("waited in vain for: %s", #cond);		\
		usleep(1000);						\
	}								\
} while (0)

#endif
