/* SPDX-License-Identifier: GPL-2.0 */
/* What vsbypassd says of a user VM's identity, and the words for it. */
#ifndef CONSOLE_IDENTITY_H
#define CONSOLE_IDENTITY_H

#include <json-glib/json-glib.h>

enum vsb_identity {
	VSB_IDENTITY_UNKNOWN,		/* vsbypassd did not say */
	VSB_IDENTITY_FIRST_SEEN,	/* who came first, and did not prove more */
	VSB_IDENTITY_PROVED,
	VSB_IDENTITY_MISSING,		/* required, not proved: nothing passes */
	VSB_IDENTITY_REQUIRED,		/* and proved */
};

/* Of user VM @name, in the reply to "status"; NULL: there was none. */
enum vsb_identity vsb_identity_of(JsonObject *status, const char *name);

/* Return: words for a person, NULL: nothing is known. */
const char *vsb_identity_text(enum vsb_identity identity);

#endif
