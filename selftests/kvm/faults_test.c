// SPDX-License-Identifier: GPL-2.0
/*
 * What the module does where the kernel has no memory, or a copy from user space fails: each place
 * once. Run it as root on an (emulated) host with nested virtualization, on a kernel with
 * CONFIG_FAULT_INJECTION_DEBUG_FS, CONFIG_FAILSLAB and CONFIG_FAULT_INJECTION_USERCOPY:
 *
 *   faults_test [MODULE.ko] [prefix of case names]
 */
#include "faults_cases.h"
#include "module.h"
#include "tap.h"

static struct tap_case cases[] = {
#define CASE(fn, state) { #fn, fn, state },
#include "faults_cases.def"
#undef CASE
};

int main(int argc, char **argv)
{
	const size_t nr = sizeof(cases) / sizeof(cases[0]);

	tap_dashes(cases, nr);
	return tap_main(argc, argv, &module_fixture, cases, nr);
}
