/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A core of a VM as a source of memory: an ELF file as QEMU's dump-guest-memory, "virsh dump
 * --memory-only" and "vsbctl dump" make it. Nothing in it is believed.
 */
#ifndef VSB_INTROSPECT_CORE_FILE_H
#define VSB_INTROSPECT_CORE_FILE_H

#include "guest.h"

struct core_file;

/* Return: NULL: @error says what the file is not. */
struct core_file *core_file_open(const char *path, GError **error);
void core_file_close(struct core_file *core);

/* As long as the core is open. */
struct guest_source core_file_source(struct core_file *core);

/* Of struct guest_vcpu; at least one. */
const GArray *core_file_vcpus(const struct core_file *core);

#endif
