// SPDX-License-Identifier: GPL-2.0
/*
 * The ioctl interface of the module: every call, every documented error, and
 * what lives how long. Run it as root where KVM works:
 *
 *   ioctl_test [MODULE.ko] [prefix of case names]
 */
#include "ioctl_cases.h"
#include "module.h"
#include "tap.h"

static const struct tap_case cases[] = {
#define CASE(fn, state) { #fn, fn, state },
#include "ioctl_cases.def"
#undef CASE
};

int main(int argc, char **argv)
{
	return tap_main(argc, argv, &module_fixture, cases, sizeof(cases) / sizeof(cases[0]));
}
