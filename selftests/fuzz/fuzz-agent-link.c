// SPDX-License-Identifier: GPL-2.0
/*
 * agent-link.c: what comes from the cloud VM, whoever speaks there. Lines as they are; one that
 * begins with '@' is what vsbypassd does meanwhile:
 *
 *   @v ID A B   user VM ID has frame A at B      @i ID GSI LEVEL   a line
 *   @g ID IER   is given                         @f ID   is forgotten
 *   @l ID       its lines are low                @r      what was said is read
 *   @c          the connection breaks
 */
#include "fuzz.h"

#include <stdlib.h>

#include "agent-link.h"

static guint given;

static void on_given(gpointer data)
{
	given++;
}

static void on_gone(guint32 id, gpointer data)
{
	agent_link_lines_low(*(struct agent_link **)data, id);
}

static void on_connected(gboolean connected, gpointer data)
{
}

static void act(struct agent_link *link, const char *line, int *fd)
{
	char *end = NULL;
	guint32 id = line[1] ? (guint32)strtoul(line + 2, &end, 16) % 4 : 0;
	guint64 a = end ? strtoull(end, &end, 16) : 0, b = end ? strtoull(end, NULL, 16) : 0;

	switch (line[1]) {
	case 'v':
		agent_link_set_vm(link, id, a, b);
		break;
	case 'i':
		agent_link_irq(link, id, (guint)a, (guint)b);
		break;
	case 'g':
		agent_link_give(link, id, (guint)a);
		break;
	case 'f':
		agent_link_forget(link, id);
		break;
	case 'l':
		agent_link_lines_low(link, id);
		break;
	case 'r':
		fuzz_drain(*fd);
		break;
	case 'c':
		fuzz_close(fd);
		break;
	}
}

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
	static const struct agent_link_ops ops = { on_given, on_gone, on_connected };
	struct input in = { data, size };
	static struct agent_link *link;
	static int listener = -1;
	g_autofree char *path = NULL;
	int fd;

	if (listener < 0)
		listener = fuzz_listen("agent");
	path = fuzz_path("agent");
	link = agent_link_new(path, "c", &ops, &link);
	fd = fuzz_accept(listener);
	while (in.len) {
		gsize len;
		g_autofree char *line = take_line(&in, &len);

		if (line[0] == '@') {
			act(link, line, &fd);
			settle();
			continue;
		}
		line[len] = '\n';
		fuzz_send(fd, line, len + 1);
		settle();
		for (guint32 id = 0; id < 4; id++)
			agent_link_get_vm(link, id);
	}
	/* Not one more than there are. */
	g_assert_cmpint(agent_link_giving(link), <=, 1);
	agent_link_free(link);
	fuzz_close(&fd);
	settle();
	return 0;
}
