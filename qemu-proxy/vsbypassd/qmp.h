/* SPDX-License-Identifier: GPL-2.0 */
/* A client of one QEMU's machine protocol (QMP) in the main loop. */
#ifndef VSB_QMP_H
#define VSB_QMP_H

#include <json-glib/json-glib.h>

struct qmp;

/**
 * struct qmp_ops
 * @ready:	greeting and capabilities are done, qmp_execute() may be called
 * @closed:	QEMU closed the connection or talks nonsense; nothing follows
 */
struct qmp_ops {
	void (*ready)(struct qmp *qmp, gpointer data);
	void (*closed)(struct qmp *qmp, const char *why, gpointer data);
};

/* @error is NULL if QEMU did it; then @result is what it returned. */
typedef void (*qmp_done)(gpointer data, JsonNode *result, const GError *error);

/* Takes @fd over, QEMU's QMP socket. */
struct qmp *qmp_new(int fd, const struct qmp_ops *ops, gpointer data);

/* Commands without an answer get an error. May be called from callbacks. */
void qmp_free(struct qmp *qmp);

/* @args is (transfer full), or NULL. @done is always called, once. */
void qmp_execute(struct qmp *qmp, const char *command, JsonObject *args,
		 qmp_done done, gpointer data);

/* QEMU gets a duplicate of @fd and keeps it, under @name, while it runs. */
void qmp_keep_fd(struct qmp *qmp, const char *name, int fd, qmp_done done, gpointer data);

#endif
