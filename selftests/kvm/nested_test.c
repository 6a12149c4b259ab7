// SPDX-License-Identifier: GPL-2.0
/*
 * Nested tests: port accesses of user VMs (L2) of a guest hypervisor (L1), both
 * functions of this program, with proxies beside. Run it as root on an (emulated)
 * host with nested virtualization:
 *
 *   nested_test [MODULE.ko] [prefix of case names]
 */
#include "cases.h"
#include "module.h"
#include "tap.h"

static const struct tap_case cases[] = {
#define CASE(fn, state) { #fn, fn, state },
#include "cases.def"
#undef CASE
};

int main(int argc, char **argv)
{
	return tap_main(argc, argv, &module_fixture, cases, sizeof(cases) / sizeof(cases[0]));
}
