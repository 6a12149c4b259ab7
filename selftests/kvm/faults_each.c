// SPDX-License-Identifier: GPL-2.0
/* See faults_each.h. */
#include <stdio.h>
#include <string.h>

#include "faults.h"
#include "faults_each.h"
#include "ioctl_vm.h"
#include "tap.h"

unsigned int some_places(const char *what, long (*call)(void), void (*undo)(long ret),
			 unsigned int all)
{
	unsigned int nth = 1, calls = 0, failed = 0;
	bool happened;

	do {
		int fd = next_fd(), err;
		long ret;

		fault_at(nth);
		ret = call();
		err = errno;
		happened = fault_happened();
		calls++;
		if (ret < 0) {
			failed++;
			if (!happened || (err != ENOMEM && err != EFAULT))
				FAIL("%s: %s at place %u", what, strerror(err), nth);
			if (next_fd() != fd)
				FAIL("%s: a descriptor is left open at place %u", what, nth);
		} else {
			undo(ret);
		}
		nth += nth < all ? 1 : 1 + nth / 4;
	} while (happened);
	printf("# %s: called %u times, failed %u\n", what, calls, failed);
	return calls;
}

unsigned int each_place(const char *what, long (*call)(void), void (*undo)(long ret))
{
	return some_places(what, call, undo, -1u);
}
