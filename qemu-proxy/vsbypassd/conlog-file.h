/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The files of one console log. NAME.log is always there: a new one takes its name when
 * the old one has got that of NAME.log.1. If somebody else has moved it away and made
 * another, that is written from then on; one that was deleted is not made again.
 */
#ifndef VSB_CONLOG_FILE_H
#define VSB_CONLOG_FILE_H

#include <glib.h>
#include <sys/stat.h>

/**
 * struct conlog_file - a console log
 * @path:	DIR/NAME.log
 * @file:	the end of that
 * @fd:		what is written now; -1: nothing is kept
 * @size:	of that
 * @max:	bytes of a file
 * @keep:	older files, NAME.log.1 is the youngest
 * @missed:	bytes that could not be written since the last that could
 */
struct conlog_file {
	int dirfd;
	char *path;
	const char *file;
	int fd;
	goffset size;
	goffset max;
	guint keep;
	guint64 missed;
};

/* Return: FALSE: there is none, or (with a warning) it is not kept. */
gboolean conlog_file_open(struct conlog_file *log, const char *dir, const char *name,
			  goffset max, guint keep);
void conlog_file_put(struct conlog_file *log, const char *data, gsize len);
void conlog_file_close(struct conlog_file *log);

#endif
