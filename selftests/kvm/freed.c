// SPDX-License-Identifier: GPL-2.0
/*
 * Calls of kfree() and kvfree() from the module's functions, by the function tracer.
 * kfree_rcu() is none, and one from an RCU callback may be.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "freed.h"
#include "tap.h"

#define TRACE	"/sys/kernel/tracing/instances/vsb"

/*
 * What has been seen by nobody else, or is a callback of RCU: a page for the time of a
 * walk; claims that could not be made.
 */
static const char *const may[] = {
	"vsb_walk_end", "vsb_cloud_free_rcu", "vsb_uservm_claim", "vsb_claims_create",
};

static void set(const char *name, const char *value)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), TRACE "/%s", name);
	fd = OK(open(path, O_WRONLY | O_TRUNC));
	OK(write(fd, value, strlen(value)));
	close(fd);
}

void freed_begin(void)
{
	rmdir(TRACE);
	OK(mkdir(TRACE, 0700));
	set("buffer_size_kb", "32768");
	set("set_ftrace_filter", "kfree kvfree vfree");
	set("current_tracer", "function");
	set("tracing_on", "1");
}

void freed_end(void)
{
	char line[512], who[64] = "";
	unsigned int kept, written;
	FILE *f;

	set("tracing_on", "0");
	f = fopen(TRACE "/trace", "r");
	CHECK(f);
	do
		CHECK(fgets(line, sizeof(line), f));
	while (sscanf(line, "# entries-in-buffer/entries-written: %u/%u", &kept, &written) != 2);
	while (fgets(line, sizeof(line), f)) {
		char *by = strstr(line, "<-vsb_");
		bool ok = !by;

		for (size_t i = 0; by && i < sizeof(may) / sizeof(may[0]); i++)
			ok |= !strncmp(by + 2, may[i], strlen(may[i]));
		if (!ok)
			snprintf(who, sizeof(who), "%.*s", (int)strcspn(by + 2, "\n"), by + 2);
	}
	fclose(f);
	set("current_tracer", "nop");
	OK(rmdir(TRACE));
	/* The controls: it is seen who frees, and nothing was lost. */
	CHECK(written > 0);
	CHECK_EQ(kept, written);
	if (who[0])
		FAIL("freed while callbacks may look at it, by %s", who);
}
