// SPDX-License-Identifier: GPL-2.0
/* The consoles of a proxy. */
#include "consoles.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "conlog.h"
#include "error.h"
#include "listen.h"
#include "proxy-cmd.h"

/* QEMU takes one client; the others wait, and so do those of a restart. */
#define BACKLOG		4

/**
 * struct consoles - see consoles.h
 * @names:	vsb_ports_consoles(), @nr of them
 * @paths:	of their sockets,
 * @rests:	and of the files that say that they rest
 * @listen_fd:	shared with each QEMU; -1: only the QEMU has it that was resumed
 * @log_fd:	conlog_start()'s, until QEMU has opened it, else -1
 * @debugs:	ports of debug consoles, @nr_debugs of them, which have nothing but a log each
 * @debug_fd:	as @log_fd
 */
struct consoles {
	gid_t gid;
	char *log_dir;
	struct vsb_ports ports;
	guint nr;
	char **names;
	char *paths[VSB_MAX_COMS];
	char *rests[VSB_MAX_COMS];
	int listen_fd[VSB_MAX_COMS];
	int log_fd[VSB_MAX_COMS];
	guint nr_debugs;
	guint debugs[VSB_MAX_DEBUGS];
	int debug_fd[VSB_MAX_DEBUGS];
};

/* Of the log of debug console @i. */
static char *debug_name(const struct consoles *consoles, guint i)
{
	return g_strdup_printf("%s.0x%x", consoles->names[0], consoles->debugs[i]);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

struct consoles *consoles_new(const char *dir, gid_t gid, const char *log_dir, const char *name,
			      const struct vsb_ports *ports)
{
	struct consoles *consoles = g_new0(struct consoles, 1);

	consoles->gid = gid;
	consoles->log_dir = g_strdup(log_dir);
	consoles->ports = *ports;
	consoles->names = vsb_ports_consoles(ports, name);
	consoles->nr = g_strv_length(consoles->names);
	consoles->nr_debugs = vsb_ports_debugs(ports, consoles->debugs);
	for (guint i = 0; i < consoles->nr_debugs; i++)
		consoles->debug_fd[i] = -1;
	for (guint i = 0; i < consoles->nr; i++) {
		consoles->paths[i] = g_strdup_printf("%s/%s.sock", dir, consoles->names[i]);
		consoles->rests[i] = g_strdup_printf("%s/%s.rest", dir, consoles->names[i]);
		consoles->listen_fd[i] = -1;
		consoles->log_fd[i] = -1;
	}
	return consoles;
}

void consoles_free(struct consoles *consoles)
{
	consoles_drop_logs(consoles);
	for (guint i = 0; i < consoles->nr; i++) {
		close_fd(&consoles->listen_fd[i]);
		g_free(consoles->paths[i]);
		g_free(consoles->rests[i]);
	}
	g_strfreev(consoles->names);
	g_free(consoles->log_dir);
	g_free(consoles);
}

gboolean consoles_listen(struct consoles *consoles, GError **error)
{
	for (guint i = 0; i < consoles->nr; i++) {
		if (consoles->listen_fd[i] >= 0)
			continue;
		consoles->listen_fd[i] = listen_unix(consoles->paths[i], 0660, consoles->gid,
						     BACKLOG, error);
		if (consoles->listen_fd[i] < 0)
			return FALSE;
	}
	return TRUE;
}

gboolean consoles_rest(struct consoles *consoles, gboolean rest, GError **error)
{
	for (guint i = 0; i < consoles->nr; i++) {
		if (!rest)
			unlink(consoles->rests[i]);
		else if (!g_file_set_contents(consoles->rests[i], "", 0, error))
			return FALSE;
	}
	return TRUE;
}

void consoles_watch(struct consoles *consoles, guint ids[VSB_MAX_COMS], GUnixFDSourceFunc wake,
		    gpointer data)
{
	for (guint i = 0; i < consoles->nr; i++)
		ids[i] = g_unix_fd_add(consoles->listen_fd[i], G_IO_IN, wake, data);
}

gboolean consoles_logged(const struct consoles *consoles)
{
	gboolean kept = FALSE;

	for (guint i = 0; i < consoles->nr; i++)
		kept |= conlog_kept(consoles->log_dir, consoles->names[i]);
	for (guint i = 0; i < consoles->nr_debugs; i++) {
		g_autofree char *name = debug_name(consoles, i);

		kept |= conlog_kept(consoles->log_dir, name);
	}
	return kept;
}

void consoles_remove(struct consoles *consoles)
{
	consoles_rest(consoles, FALSE, NULL);
	for (guint i = 0; i < consoles->nr; i++) {
		close_fd(&consoles->listen_fd[i]);
		unlink(consoles->paths[i]);
	}
}

/* @as: number that it has in QEMU. It is not to be one that another one gets. */
static gboolean give(GSubprocessLauncher *launcher, int fd, int as)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, PROXY_FDS_END);

	if (copy >= 0)
		g_subprocess_launcher_take_fd(launcher, copy, as);
	return copy >= 0;
}

/* The log @name of what has the argument @chardev, if there is one. @fd: out. */
static gboolean give_log(struct consoles *consoles, GSubprocessLauncher *launcher,
			 const char *name, const char *chardev, int as, int *fd, char ***argv)
{
	*fd = conlog_start(consoles->log_dir, name, CONLOG_MAX, CONLOG_KEEP);
	if (*fd < 0)
		return TRUE;
	*argv = conlog_add(*argv, chardev, as);
	return give(launcher, *fd, as);
}

static gboolean give_all(struct consoles *consoles, GSubprocessLauncher *launcher, char ***argv)
{
	for (guint i = 0; i < consoles->nr; i++) {
		g_autofree char *id = proxy_cmd_chardev(&consoles->ports, i);
		g_autofree char *chardev = g_strdup_printf("socket,id=%s,", id);

		if (!give_log(consoles, launcher, consoles->names[i], chardev, PROXY_LOG_FD(i),
			      &consoles->log_fd[i], argv) ||
		    !give(launcher, consoles->listen_fd[i], PROXY_CONSOLE_FD(i)))
			return FALSE;
	}
	for (guint i = 0; i < consoles->nr_debugs; i++) {
		g_autofree char *chardev = proxy_cmd_debug(consoles->debugs[i]);
		g_autofree char *name = debug_name(consoles, i);

		if (!give_log(consoles, launcher, name, chardev, PROXY_DEBUG_FD(i),
			      &consoles->debug_fd[i], argv))
			return FALSE;
	}
	return TRUE;
}

char **consoles_give(struct consoles *consoles, GSubprocessLauncher *launcher, char **argv,
		     GError **error)
{
	if (give_all(consoles, launcher, &argv))
		return argv;
	g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED, "console socket: %s", g_strerror(errno));
	g_strfreev(argv);
	return NULL;
}

void consoles_opened(struct consoles *consoles)
{
	for (guint i = 0; i < consoles->nr; i++)
		conlog_opened(&consoles->log_fd[i]);
	for (guint i = 0; i < consoles->nr_debugs; i++)
		conlog_opened(&consoles->debug_fd[i]);
}

void consoles_drop_logs(struct consoles *consoles)
{
	for (guint i = 0; i < consoles->nr; i++)
		close_fd(&consoles->log_fd[i]);
	for (guint i = 0; i < consoles->nr_debugs; i++)
		close_fd(&consoles->debug_fd[i]);
}
