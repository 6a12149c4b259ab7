// SPDX-License-Identifier: GPL-2.0
/*
 * The ioctl interface of the module: every call, every documented error, and
 * what lives how long. Run it as root where KVM works:
 *
 *   ioctl_test [MODULE.ko] [prefix of case names]
 */
#include "ioctl_cases.h"
#include "tap.h"

static const struct tap_case cases[] = {
#define CASE(fn, module) { #fn, fn, module },
#include "ioctl_cases.def"
#undef CASE
};

int main(int argc, char **argv)
{
	return tap_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
