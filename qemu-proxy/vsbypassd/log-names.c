// SPDX-License-Identifier: GPL-2.0
/* Whom a message is about. */
#include "log-names.h"

#include <string.h>

static void find(const char *message, const char *what, char *name)
{
	/* Behind the first colon others may speak. */
	const char *begin = g_strstr_len(message, strcspn(message, ":"), what);
	const char *end = begin ? strchr(begin + strlen(what), '\'') : NULL;

	name[0] = '\0';
	if (!end || end - begin - strlen(what) >= VSB_NAME_LEN)
		return;
	g_strlcpy(name, begin + strlen(what), (gsize)(end - begin) - strlen(what) + 1);
	if (!vsb_name_valid(name))
		name[0] = '\0';
}

void log_names_find(const char *message, struct log_names *names)
{
	find(message, "cloud VM '", names->cloud);
	find(message, "user VM '", names->uservm);
	find(message, "proxy '", names->proxy);
	if (names->proxy[0] && !names->uservm[0])
		g_strlcpy(names->uservm, names->proxy, sizeof(names->uservm));
}
