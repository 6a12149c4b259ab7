/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The consoles of a proxy, one for each COM port: their sockets, which outlive each QEMU,
 * and the pipes to the writers of their logs; and the logs of debug consoles.
 */
#ifndef VSB_CONSOLES_H
#define VSB_CONSOLES_H

#include <gio/gio.h>
#include <glib-unix.h>

#include "names.h"

struct consoles;

/* Of user VM @name. @dir: of the sockets, for group @gid; @log_dir: see conlog.h */
struct consoles *consoles_new(const char *dir, gid_t gid, const char *log_dir, const char *name,
			      const struct vsb_ports *ports);
void consoles_free(struct consoles *consoles);

/*
 * Makes their sockets, CONSOLE.sock in the folder, unless it has them. After a resume only
 * the QEMU has them, and the next one gets others.
 */
gboolean consoles_listen(struct consoles *consoles, GError **error);

/* Closes the sockets and removes them: nobody listens any more. */
void consoles_remove(struct consoles *consoles);

/*
 * Gives what QEMU needs of them to @launcher, and puts their logs, which are begun, into
 * its arguments @argv (transfer full). Return: (transfer full), NULL: @error is set.
 */
char **consoles_give(struct consoles *consoles, GSubprocessLauncher *launcher, char **argv,
		     GError **error);

/*
 * Nobody is to come unless he has a client: NAME.rest beside each socket says so. @rest: or no
 * longer.
 */
gboolean consoles_rest(struct consoles *consoles, gboolean rest, GError **error);

/* Calls @wake, which removes what this has put into @ids, when somebody connects. */
void consoles_watch(struct consoles *consoles, guint ids[VSB_MAX_COMS], GUnixFDSourceFunc wake,
		    gpointer data);

/* Whether the log of any is kept. */
gboolean consoles_logged(const struct consoles *consoles);

/* QEMU has opened its descriptors, see conlog_opened(). */
void consoles_opened(struct consoles *consoles);

/* QEMU has ended, or will never open them. */
void consoles_drop_logs(struct consoles *consoles);

#endif
