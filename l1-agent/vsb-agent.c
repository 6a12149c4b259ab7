// SPDX-License-Identifier: GPL-2.0
/*
 * vsb-agent: raises and lowers interrupt lines of user VMs for VSBypass, in
 * the cloud VM, through the monitors of the QEMUs there. Command line and the
 * wiring of channel and VMs.
 */
#include <signal.h>
#include <stdlib.h>

#include <glib-unix.h>

#include "channel.h"
#include "log-sink.h"
#include "vms.h"

struct agent {
	struct channel *channel;
	struct vms *vms;
};

static void found(uint32_t id, enum vm_state state, void *user)
{
	struct agent *a = user;
	static const enum agent_type types[] = {
		[VM_FOUND] = AGENT_FOUND, [VM_MISSING] = AGENT_MISSING,
		[VM_AMBIGUOUS] = AGENT_AMBIGUOUS, [VM_GIVEN] = AGENT_GIVEN,
		[VM_GONE] = AGENT_GONE,
	};
	struct agent_msg msg = { .type = types[state], .id = id };

	if (a->channel)
		channel_send(a->channel, &msg);
}

static void told(const struct agent_msg *msg, void *user)
{
	struct agent *a = user;

	if (!msg || msg->type == AGENT_HELLO) {
		vms_forget_all(a->vms);
		return;
	}
	switch (msg->type) {
	case AGENT_VM:
		vms_set(a->vms, msg->id, msg->l2_gfn, msg->l1_gfn);
		break;
	case AGENT_FORGET:
		vms_forget(a->vms, msg->id);
		break;
	case AGENT_GIVE:
		vms_give(a->vms, msg->id, msg->ier);
		break;
	case AGENT_IRQ:
		vms_irq(a->vms, msg->id, msg->gsi, msg->level);
		break;
	default:
		break;
	}
}

static gboolean quit(gpointer loop)
{
	g_main_loop_quit(loop);
	return G_SOURCE_CONTINUE;
}

static GLogWriterOutput to_stderr(GLogLevelFlags level, const GLogField *fields, gsize n,
				  gpointer data)
{
	const char *prefix = level & G_LOG_LEVEL_WARNING ? "vsb-agent: warning: " :
			     "vsb-agent: ";

	(void)data;
	if (level & (G_LOG_LEVEL_DEBUG | G_LOG_LEVEL_INFO))
		return G_LOG_WRITER_HANDLED;
	for (gsize i = 0; i < n; i++)
		if (!g_strcmp0(fields[i].key, "MESSAGE"))
			log_sink_line(prefix, fields[i].value);
	return G_LOG_WRITER_HANDLED;
}

int main(int argc, char **argv)
{
	g_autofree char *port = NULL;
	g_auto(GStrv) globs = NULL;
	const GOptionEntry entries[] = {
		{ "port", 'p', 0, G_OPTION_ARG_FILENAME, &port,
		  "virtio-serial port to vsbypassd (default /dev/virtio-ports/org.vsbypass.agent.0)", "PATH" },
		{ "monitor", 'm', 0, G_OPTION_ARG_FILENAME_ARRAY, &globs,
		  "QMP sockets of the QEMUs here, may be repeated", "GLOB" },
		{ 0 }
	};
	g_autoptr(GOptionContext) ctx = g_option_context_new(NULL);
	g_autoptr(GMainLoop) loop = NULL;
	g_autoptr(GError) err = NULL;
	struct agent agent = { 0 };

	log_sink_init();
	g_log_set_writer_func(to_stderr, NULL, NULL);
	g_option_context_add_main_entries(ctx, entries, NULL);
	g_option_context_set_summary(ctx,
		"Raises interrupt lines of user VMs for VSBypass, in the cloud VM.");
	g_option_context_set_description(ctx,
		"Each QEMU needs a monitor socket for the agent alone, e.g.\n"
		"  -qmp unix:/run/vsb/vm1.qmp,server=on,wait=off\n"
		"and a dummy UART (-serial null). See vsb-agent(8).");
	if (!g_option_context_parse(ctx, &argc, &argv, &err)) {
		g_printerr("vsb-agent: %s; see vsb-agent --help\n", err->message);
		return 2;
	}
	if (argc > 1) {
		g_printerr("vsb-agent: %s: unexpected argument; see vsb-agent --help\n", argv[1]);
		return 2;
	}
	if (!globs) {
		g_printerr("vsb-agent: no --monitor: name the QMP sockets, e.g. --monitor '/run/vsb/*.qmp'\n");
		return 2;
	}
	if (!port)
		port = g_strdup("/dev/virtio-ports/org.vsbypass.agent.0");

	signal(SIGPIPE, SIG_IGN);
	loop = g_main_loop_new(NULL, FALSE);
	g_unix_signal_add(SIGTERM, quit, loop);
	g_unix_signal_add(SIGINT, quit, loop);

	agent.vms = vms_new((const char *const *)globs, "/proc", found, &agent);
	agent.channel = channel_new(port, told, &agent);
	g_main_loop_run(loop);

	channel_free(agent.channel);
	agent.channel = NULL;
	/* QEMU drops commands of a client that does not wait for the answers. */
	vms_forget_all(agent.vms);
	while (vms_busy(agent.vms))
		g_main_context_iteration(NULL, TRUE);
	vms_free(agent.vms);
	return EXIT_SUCCESS;
}
