// SPDX-License-Identifier: GPL-2.0
/* The error domain of the programs on L0. */
#include "error.h"

#include <string.h>

G_DEFINE_QUARK(vsb-error-quark, vsb_error)

static const char * const classes[] = {
	[VSB_ERROR_BAD_REQUEST] = "BadRequest",
	[VSB_ERROR_DENIED] = "Denied",
	[VSB_ERROR_NOT_FOUND] = "NotFound",
	[VSB_ERROR_EXISTS] = "Exists",
	[VSB_ERROR_FAILED] = "Failed",
};

char *vsb_error_shown(const char *text, gsize max)
{
	char *shown = g_strescape(text, NULL);

	if (strlen(shown) > max)
		strcpy(shown + max - 3, "...");
	return shown;
}

const char *vsb_error_class(const GError *error)
{
	if (error->domain != VSB_ERROR || error->code < 0 ||
	    error->code >= (int)G_N_ELEMENTS(classes))
		return "Failed";
	return classes[error->code];
}

enum vsb_error vsb_error_of_class(const char *class)
{
	for (gsize i = 0; i < G_N_ELEMENTS(classes); i++)
		if (!g_strcmp0(classes[i], class))
			return (enum vsb_error)i;
	return VSB_ERROR_FAILED;
}
