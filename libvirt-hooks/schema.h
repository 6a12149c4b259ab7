/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vsbypass-domain.rng as text: in the programs, so that it cannot be missing or be
 * of another version. The build makes schema.c of it.
 */
#ifndef VSB_SCHEMA_H
#define VSB_SCHEMA_H

extern const char vsbypass_schema[];

#endif
