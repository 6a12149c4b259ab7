// SPDX-License-Identifier: GPL-2.0
/*
 * The memory of a user VM (L2), read from the host: L2 and its guest hypervisor (L1) are
 * functions of this program. Run it as root on an (emulated) host with nested
 * virtualization:
 *
 *   memory_test [MODULE.ko] [prefix of case names]
 */
#include "memory_cases.h"
#include "module.h"
#include "tap.h"

static struct tap_case cases[] = {
#define CASE(fn, state) { #fn, fn, state },
#include "memory_cases.def"
#undef CASE
};

int main(int argc, char **argv)
{
	const size_t nr = sizeof(cases) / sizeof(cases[0]);

	tap_dashes(cases, nr);
	return tap_main(argc, argv, &module_fixture, cases, nr);
}
