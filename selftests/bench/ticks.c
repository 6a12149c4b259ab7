// SPDX-License-Identifier: GPL-2.0
/*
 * In a user VM: how late its timer interrupts are.
 *
 *   bench_ticks N MS
 *
 * Sleeps N times, each until a point of time MS milliseconds after the last one, and says by
 * how much it woke too late: "@late P50 P90 P99 MAX", microseconds.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define NS	1000000000ll

static long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * NS + t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	long long x = *(const long long *)a, y = *(const long long *)b;

	return (x > y) - (x < y);
}

static void sleep_until(long long at)
{
	struct timespec t = { .tv_sec = at / NS, .tv_nsec = at % NS };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

int main(int argc, char **argv)
{
	long n = argc == 3 ? atol(argv[1]) : 0, ms = argc == 3 ? atol(argv[2]) : 0;
	long long *late, at;

	if (n < 1 || n > 1000000 || ms < 1) {
		fprintf(stderr, "usage: bench_ticks N MS\n");
		return 2;
	}
	late = calloc(n, sizeof(*late));
	if (!late)
		return 1;
	for (long i = 0; i < n; i++) {
		at = now() + ms * 1000000;
		sleep_until(at);
		late[i] = (now() - at) / 1000;
	}
	qsort(late, n, sizeof(*late), compare);
	printf("@late %lld %lld %lld %lld\n", late[n / 2], late[n * 9 / 10], late[n * 99 / 100],
	       late[n - 1]);
	free(late);
	return 0;
}
