// SPDX-License-Identifier: GPL-2.0
/*
 * How fast this machine's TSC is, in kHz, on standard output. TCG passes it to what it
 * emulates, whose kernel would measure it at boot: an emulator that does not get to run for
 * a moment then has a clock that is several times too fast.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <x86intrin.h>

struct moment {
	uint64_t ns, tsc;
};

/* The best of some pairs of readings: the one with the least in between. */
static struct moment moment(void)
{
	struct moment best = { 0, 0 };
	uint64_t least = UINT64_MAX;

	for (int i = 0; i < 1000; i++) {
		struct timespec t;
		uint64_t before = __rdtsc(), after;

		clock_gettime(CLOCK_MONOTONIC_RAW, &t);
		after = __rdtsc();
		if (after - before < least) {
			least = after - before;
			best.ns = (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
			best.tsc = before + least / 2;
		}
	}
	return best;
}

int main(void)
{
	const struct timespec pause = { 0, 100 * 1000 * 1000 };
	struct moment from = moment(), to;

	nanosleep(&pause, NULL);
	to = moment();
	printf("%.0f\n", (double)(to.tsc - from.tsc) * 1e6 / (double)(to.ns - from.ns));
	return 0;
}
