// SPDX-License-Identifier: GPL-2.0
/*
 * vsb-agent: monitor.c, vms.c and channel.c, of QEMUs that run others' VMs and of who holds the
 * port. A line goes to the monitor; behind '#' to the port; '@' is what vsbypassd would say:
 *
 *   @v ID A B, @i ID GSI LEVEL, @g ID IER, @f ID	as in fuzz-agent-link.c
 *   @h		hello is answered			@c	the monitor's connection breaks
 *   @p		the rest of the line to the monitor, without its newline
 */
#include "fuzz.h"

#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "channel.h"
#include "vms.h"

static struct vms *vms;

static void on_report(uint32_t id, enum vm_state state, void *user)
{
}

/* As vsb-agent.c does. */
static void on_message(const struct agent_msg *msg, void *user)
{
	if (!msg || msg->type == AGENT_HELLO)
		vms_forget_all(vms);
	else if (msg->type == AGENT_VM)
		vms_set(vms, msg->id, msg->l2_gfn, msg->l1_gfn);
	else if (msg->type == AGENT_FORGET)
		vms_forget(vms, msg->id);
	else if (msg->type == AGENT_GIVE)
		vms_give(vms, msg->id, msg->ier);
	else if (msg->type == AGENT_IRQ)
		vms_irq(vms, msg->id, msg->gsi, msg->level);
}

static void act(const char *line, gsize len, int *monitor, int port)
{
	char *end = NULL, buf[256];
	guint32 id = line[1] ? (guint32)strtoul(line + 2, &end, 16) % 4 : 0;
	guint64 a = end ? strtoull(end, &end, 16) : 0, b = end ? strtoull(end, NULL, 16) : 0;
	gssize n;

	switch (line[1]) {
	case 'v':
		vms_set(vms, id, a, b);
		break;
	case 'i':
		vms_irq(vms, id, (guint)a % (AGENT_GSI_MAX + 1), b & 1);
		break;
	case 'g':
		vms_give(vms, id, (guint)a & AGENT_IER_MAX);
		break;
	case 'f':
		vms_forget(vms, id);
		break;
	case 'h':
		n = port < 0 ? 0 : recv(port, buf, sizeof(buf), MSG_DONTWAIT);
		if (n > 0)
			fuzz_send(port, buf, (gsize)n);
		break;
	case 'p':
		fuzz_send(*monitor, line + 2, len - 2);
		break;
	case 'c':
		fuzz_close(monitor);
		break;
	}
}

/* Address N * 4096 of ours is in frame N, see proc(5). */
static void make_pagemap(void)
{
	g_autofree char *name = g_strdup_printf("proc/%d/pagemap", getpid());
	g_autofree char *proc = fuzz_path("proc"), *path = g_strdup_printf("%s/%d", proc, getpid());
	guint64 map[512];

	for (guint i = 0; i < G_N_ELEMENTS(map); i++)
		map[i] = 1ull << 63 | i;
	g_mkdir(proc, 0700);
	g_mkdir(path, 0700);
	fuzz_put(name, map, sizeof(map));
}

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
	g_autofree char *glob = fuzz_path("*.mon"), *proc = fuzz_path("proc"), *path = fuzz_path("port");
	const char *const globs[] = { glob, NULL };
	static int monitors = -1, ports = -1;
	struct input in = { data, size };
	struct channel *channel;
	int monitor, port;

	if (monitors < 0) {
		monitors = fuzz_listen("1.mon");
		ports = fuzz_listen("port");
		make_pagemap();
	}
	vms = vms_new(globs, proc, on_report, NULL);
	channel = channel_new(path, on_message, NULL);
	monitor = fuzz_accept(monitors);
	port = fuzz_accept(ports);
	while (in.len) {
		gsize len;
		g_autofree char *line = take_line(&in, &len);

		if (line[0] == '@' && len > 1) {
			act(line, len, &monitor, port);
		} else {
			int fd = line[0] == '#' ? port : monitor;

			line[len] = '\n';
			fuzz_send(fd, line + (fd == port), len + (fd != port));
		}
		settle();
		fuzz_drain(monitor);
	}
	vms_busy(vms);
	channel_free(channel);
	vms_free(vms);
	fuzz_close(&monitor);
	fuzz_close(&port);
	settle();
	return 0;
}
