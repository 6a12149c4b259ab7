/* SPDX-License-Identifier: GPL-2.0 */
/* Rounds of the fuzzer. */
#ifndef VSB_FUZZ_ROUND_H
#define VSB_FUZZ_ROUND_H

#include <stdbool.h>
#include <stdint.h>

#include "fuzz.h"

struct fuzz_count {
	uint64_t rounds;
	uint64_t steps;
	uint64_t calls[NR_FUZZ_OPS];	/* that succeeded */
};

/*
 * One round, all of it drawn from @seed; @uservms: there is a cloud VM with user VMs that make
 * accesses. The module is loaded, and is loaded anew at the end, when nobody has a descriptor of
 * it. The case ends if something is not as it must be.
 */
void fuzz_round(uint64_t seed, bool uservms, struct fuzz_count *count);

#endif
