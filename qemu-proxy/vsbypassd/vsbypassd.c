// SPDX-License-Identifier: GPL-2.0
/*
 * vsbypassd: attaches cloud VMs to the module, starts and supervises the proxies
 * of their user VMs, relays interrupts to the agents, answers vsbctl.
 *
 * This file: options, start, end. What it does is in daemon.c.
 */
#include <locale.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <gio/gio.h>
#include <glib-unix.h>

#include "cage.h"
#include "conlog.h"
#include "control.h"
#include "daemon.h"
#include "log.h"
#include "ready.h"
#include "rundir.h"

struct options {
	char *run_dir;
	char *user;
	char *device;
	char *qemu;
	gint64 uid_base;
	char *accel;
	char *identity;
	char *log_dir;
};

static void parse_options(struct options *o, int *argc, char ***argv)
{
	const GOptionEntry entries[] = {
		{ "run-dir", 0, 0, G_OPTION_ARG_FILENAME, &o->run_dir,
		  "Sockets are made here (default /run/vsbypass)", "DIR" },
		{ "user", 0, 0, G_OPTION_ARG_STRING, &o->user,
		  "User of vsb-console (default vsbypass); it and its group may use the consoles",
		  "USER" },
		{ "device", 0, 0, G_OPTION_ARG_FILENAME, &o->device,
		  "The module's device (default " VSB_DEVICE ")", "PATH" },
		{ "qemu", 0, 0, G_OPTION_ARG_STRING, &o->qemu,
		  "QEMU for the proxies (default qemu-system-x86_64)", "PROGRAM" },
		{ "uid-base", 0, 0, G_OPTION_ARG_INT64, &o->uid_base,
		  "Proxies run as users of their own, with 65536 user IDs from this one on "
		  "(default " G_STRINGIFY(CAGE_UID_BASE) ")", "UID" },
		{ "identity", 0, 0, G_OPTION_ARG_FILENAME, &o->identity,
		  "Keys of user VMs, see 'vsbctl key' (default " IDENTITY_DIR ")", "DIR" },
		{ "console-logs", 0, 0, G_OPTION_ARG_FILENAME, &o->log_dir,
		  "Console logs of those user VMs that have a file NAME.log there (default "
		  CONLOG_DIR ")", "DIR" },
		{ "accel", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_STRING, &o->accel,
		  "QEMU's accelerator; only kvm works with the module", "NAME" },
		G_OPTION_ENTRY_NULL
	};
	g_autoptr(GOptionContext) context = g_option_context_new(NULL);
	g_autoptr(GError) error = NULL;

	g_option_context_set_summary(context,
		"Serves I/O ports of user VMs outside of their guest hypervisor: supervises the\n"
		"proxies and talks to the module kvm-vsbypass. Runs in the foreground, as root;\n"
		"vsbctl(8) gives it work. Messages go to standard error.");
	g_option_context_add_main_entries(context, entries, NULL);
	if (!g_option_context_parse(context, argc, argv, &error)) {
		g_printerr("vsbypassd: %s; see vsbypassd --help\n", error->message);
		exit(2);
	}
	if (*argc > 1) {
		g_printerr("vsbypassd: unexpected argument '%s'; see vsbypassd --help\n",
			   (*argv)[1]);
		exit(2);
	}
}

static void set_default(char **value, const char *text)
{
	if (!*value)
		*value = g_strdup(text);
}

static gboolean on_signal(gpointer data)
{
	g_main_loop_quit(data);
	return G_SOURCE_CONTINUE;
}

static int serve(const struct options *o, const struct passwd *user, const char *qemu)
{
	g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
	g_autoptr(GError) error = NULL;
	struct rundir *rundir = rundir_open(o->run_dir, user->pw_gid, &error);
	struct control *control;
	struct cage *cage = NULL;
	struct daemon *daemon;
	struct proxy_env env;

	if (rundir)
		cage = cage_new(qemu, rundir->rom, (guint32)o->uid_base, &error);
	if (!cage) {
		g_critical("%s", error->message);
		rundir_free(rundir);
		return 1;
	}
	env = (struct proxy_env){
		.qemu = qemu,
		.cage = cage,
		.accel = o->accel,
		.rom = rundir->rom,
		.console_dir = rundir->console_dir,
		.console_gid = user->pw_gid,
		.qmp_dir = rundir->proxy_dir,
		.identity_dir = o->identity,
		.access_dir = rundir->access_dir,
		.log_dir = o->log_dir,
		.key_wait_ms = KEYBOARD_WAIT_MS,
	};
	daemon = daemon_new(o->device, rundir->state, &env);
	daemon_restore(daemon);
	control = control_new(rundir->control, user->pw_uid, user->pw_gid, &daemon_ops, daemon,
			      &error);
	if (control) {
		g_unix_signal_add(SIGTERM, on_signal, loop);
		g_unix_signal_add(SIGINT, on_signal, loop);
		g_message("ready, control socket %s", rundir->control);
		ready_tell();
		g_main_loop_run(loop);
		ready_stopping();
		g_message("ending");
	} else {
		g_critical("%s", error->message);
	}
	/* No new commands; then those under way are undone, and what is attached goes on. */
	control_free(control);
	daemon_free(daemon);
	cage_free(cage);
	rundir_free(rundir);
	return error ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct options o = { .uid_base = CAGE_UID_BASE };
	g_autofree char *qemu = NULL;
	struct passwd *user;

	setlocale(LC_ALL, "");
	if (argc > 1 && !strcmp(argv[1], CONLOG_OPTION)) {
		log_init();
		return conlog_main(argc, argv);
	}
	parse_options(&o, &argc, &argv);
	log_init();
	if (o.uid_base < CAGE_UID_MIN || o.uid_base > CAGE_UID_MAX) {
		g_critical("--uid-base %" G_GINT64_FORMAT ": give a number from %u to %u",
			   o.uid_base, CAGE_UID_MIN, CAGE_UID_MAX);
		return 2;
	}
	set_default(&o.run_dir, "/run/vsbypass");
	set_default(&o.user, "vsbypass");
	set_default(&o.device, VSB_DEVICE);
	set_default(&o.qemu, "qemu-system-x86_64");
	set_default(&o.accel, "kvm");
	set_default(&o.identity, IDENTITY_DIR);
	set_default(&o.log_dir, CONLOG_DIR);
	umask(077);
	signal(SIGPIPE, SIG_IGN);

	if (geteuid() != 0) {
		g_critical("must be root: it takes descriptors from other processes");
		return 1;
	}
	user = getpwnam(o.user);
	if (!user) {
		g_critical("there is no user '%s'; make it (adduser --system --group %s) or name "
			   "another one with --user", o.user, o.user);
		return 1;
	}
	qemu = g_find_program_in_path(o.qemu);
	if (!qemu) {
		g_critical("there is no program '%s'; install it (package qemu-system-x86) or name "
			   "another one with --qemu", o.qemu);
		return 1;
	}
	return serve(&o, user, qemu);
}
