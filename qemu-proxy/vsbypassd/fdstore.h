/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Descriptors that the service manager keeps for the next process of this service, as long
 * as the service is not stopped: FDSTORE of sd_notify(3). Needs FileDescriptorStoreMax= in
 * the unit; without a service manager nothing is kept.
 */
#ifndef VSB_FDSTORE_H
#define VSB_FDSTORE_H

#include <glib.h>

/* Return: FALSE: nobody keeps a copy of it. One that hangs up is forgotten by itself. */
gboolean fdstore_keep(const char *name, int fd);
void fdstore_forget(const char *name);

/* Return: what was kept under this name, the caller's from now on, or -1: nothing. */
int fdstore_take(const char *name);

/* Closes those that nobody has taken. */
void fdstore_close_rest(void);

#endif
