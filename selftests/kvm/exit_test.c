// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupts of user VMs (L2), raised by exits that they have not made and that their guest
 * hypervisor (L1) is shown all the same. Both are functions of this program. Run it as root
 * on an (emulated) host with nested virtualization:
 *
 *   exit_test [MODULE.ko] [prefix of case names]
 *
 * VSB_EXITS=n in the environment: many exits are n, not 10,000.
 */
#include "exit_cases.h"
#include "module.h"
#include "tap.h"

static struct tap_case cases[] = {
#define CASE(fn, state) { #fn, fn, state },
#include "exit_cases.def"
#undef CASE
};

int main(int argc, char **argv)
{
	const size_t nr = sizeof(cases) / sizeof(cases[0]);

	tap_dashes(cases, nr);
	return tap_main(argc, argv, &module_fixture, cases, nr);
}
