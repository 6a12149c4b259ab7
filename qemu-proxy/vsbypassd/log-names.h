/* SPDX-License-Identifier: GPL-2.0 */
/* Whom a message is about: for fields of the journal. */
#ifndef VSB_LOG_NAMES_H
#define VSB_LOG_NAMES_H

#include "names.h"

/**
 * struct log_names - names in a message, "" if there is none
 *
 * Messages say "cloud VM 'NAME'", "user VM 'NAME'" and "proxy 'NAME'", and the name of a
 * proxy is that of its user VM. What others say comes behind a colon and does not count.
 */
struct log_names {
	char cloud[VSB_NAME_LEN];
	char uservm[VSB_NAME_LEN];
	char proxy[VSB_NAME_LEN];
};

void log_names_find(const char *message, struct log_names *names);

#endif
