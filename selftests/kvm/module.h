/* SPDX-License-Identifier: GPL-2.0 */
/* Loads and unloads kvm-vsbypass. */
#ifndef VSB_MODULE_H
#define VSB_MODULE_H

#include <stdbool.h>

/* Calls return 0, or -1 and errno. */
void module_set_path(const char *path);
bool module_loaded(void);
int module_load(void);
bool module_keep_busy(bool on);	/* a process of ours has a VM attached; false: it cannot */
int module_unload(void);	/* never waits: EAGAIN if it is in use */

#endif
