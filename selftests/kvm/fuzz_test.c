// SPDX-License-Identifier: GPL-2.0
/*
 * Fuzzes the ioctl interface. Run it as root on an (emulated) host with nested virtualization:
 *
 *   fuzz_test [MODULE.ko] [prefix of case names]
 *
 * VSB_SECONDS in the environment: for so long, each case (20). VSB_SEED: of the first round, by
 * default another one each time; a round that fails is repeated with the seed that it has said,
 * and VSB_SECONDS=0.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "fuzz_round.h"
#include "module.h"
#include "tap.h"

#define SECONDS	20

static void fuzz(bool uservms)
{
	const char *seconds = getenv("VSB_SECONDS"), *given = getenv("VSB_SEED");
	double end = tap_now() + (seconds ? atof(seconds) : SECONDS);
	uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL) << 20 ^ getpid();
	struct fuzz_count n = { 0 };

	/* KVM's functions are patched while it is busy. */
	tap_one_cpu_on_tcg();
	alarm(0);
	do {
		printf("# seed %#" PRIx64 "\n", seed);
		fflush(stdout);
		fuzz_round(seed, uservms, &n);
		seed = fuzz_rnd(&seed);
	} while (tap_now() < end);
	printf("# %" PRIu64 " rounds, %" PRIu64 " steps; of clouds %" PRIu64 ", of proxies %" PRIu64
	       ", of memory %" PRIu64 ", runs %" PRIu64 ", others %" PRIu64 " calls went well\n",
	       n.rounds, n.steps, n.calls[OP_CREATE_CLOUD] + n.calls[OP_CLOUD_CALL],
	       n.calls[OP_CREATE_PROXY] + n.calls[OP_PROXY_CALL], n.calls[OP_MEMORY_CALL],
	       n.calls[OP_RUN], n.calls[OP_ANY_CALL]);
	/* The control: it comes to where something can go wrong. */
	CHECK(n.calls[OP_CREATE_CLOUD] && n.calls[OP_CREATE_PROXY]);
}

static void fuzz_calls(void)
{
	fuzz(false);
}

static void fuzz_uservms(void)
{
	fuzz(true);
}

static const struct tap_case cases[] = {
	{ "fuzz_calls", fuzz_calls, WITH_MODULE },
	{ "fuzz_uservms", fuzz_uservms, WITH_MODULE },
};

int main(int argc, char **argv)
{
	return tap_main(argc, argv, &module_fixture, cases, sizeof(cases) / sizeof(cases[0]));
}
