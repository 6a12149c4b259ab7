/* SPDX-License-Identifier: GPL-2.0 */
/* "vsbctl validate" */
#ifndef VSB_VSBCTL_VALIDATE_H
#define VSB_VSBCTL_VALIDATE_H

#include <json-glib/json-glib.h>

/* Prints what is found in each of @files ("-": standard input). Return: exit status. */
int vsbctl_validate(JsonArray *files);

#endif
