/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Errors of the programs on L0: the classes of the control socket
 * (Documentation/protocols.rst) as a GError domain.
 */
#ifndef VSB_ERROR_H
#define VSB_ERROR_H

#include <glib.h>

#define VSB_ERROR	(vsb_error_quark())
GQuark vsb_error_quark(void);

enum vsb_error {
	VSB_ERROR_BAD_REQUEST,
	VSB_ERROR_DENIED,
	VSB_ERROR_NOT_FOUND,
	VSB_ERROR_EXISTS,
	VSB_ERROR_FAILED,
};

/*
 * What somebody else has sent, fit for a message: escaped, at most @max bytes.
 * Return: (transfer full).
 */
char *vsb_error_shown(const char *text, gsize max);

/* The class's name on the wire; a foreign error is a "Failed". */
const char *vsb_error_class(const GError *error);

/* The other way; an unknown class is VSB_ERROR_FAILED. */
enum vsb_error vsb_error_of_class(const char *class);

#endif
