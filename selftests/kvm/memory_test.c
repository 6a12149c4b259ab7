// SPDX-License-Identifier: GPL-2.0
/*
 * The memory of a user VM (L2), read from the host: L2 and its guest hypervisor (L1) are
 * functions of this program. Run it as root on an (emulated) host with nested
 * virtualization:
 *
 *   memory_test [MODULE.ko] [prefix of case names]
 */
#include <string.h>

#include "memory_cases.h"
#include "module.h"
#include "tap.h"

static struct {
	char name[64];
	void (*fn)(void);
	enum module_state state;
} list[] = {
#define CASE(fn, state) { #fn, fn, state },
#include "memory_cases.def"
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
