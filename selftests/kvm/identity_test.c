// SPDX-License-Identifier: GPL-2.0
/*
 * Who is who: user VMs (L2) of a guest hypervisor (L1), both functions of this
 * program, that change, end, are many, prove who they are, or pretend to. Run it as
 * root on an (emulated) host with nested virtualization:
 *
 *   identity_test [MODULE.ko] [prefix of case names]
 */
#include "identity_cases.h"
#include "module.h"
#include "tap.h"

static struct tap_case cases[] = {
#define CASE(fn, state) { #fn, fn, state },
#include "identity_cases.def"
#undef CASE
};

int main(int argc, char **argv)
{
	const size_t nr = sizeof(cases) / sizeof(cases[0]);

	tap_dashes(cases, nr);
	return tap_main(argc, argv, &module_fixture, cases, nr);
}
