// SPDX-License-Identifier: GPL-2.0
/*
 * Who is who: user VMs (L2) of a guest hypervisor (L1), both functions of this
 * program, that change, end, are many, prove who they are, or pretend to. Run it as
 * root on an (emulated) host with nested virtualization:
 *
 *   identity_test [MODULE.ko] [prefix of case names]
 */
#include <string.h>

#include "identity_cases.h"
#include "module.h"
#include "tap.h"

static struct {
	char name[64];
	void (*fn)(void);
	enum module_state state;
} list[] = {
#define CASE(fn, state) { #fn, fn, state },
#include "identity_cases.def"
#undef CASE
};

#define NR	(sizeof(list) / sizeof(list[0]))

int main(int argc, char **argv)
{
	static struct tap_case cases[NR];

	for (size_t i = 0; i < NR; i++) {
		for (char *c = list[i].name; (c = strchr(c, '_'));)
			*c = '-';
		cases[i] = (struct tap_case){ list[i].name, list[i].fn, list[i].state };
	}
	return tap_main(argc, argv, &module_fixture, cases, NR);
}
