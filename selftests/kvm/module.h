/* SPDX-License-Identifier: GPL-2.0 */
/* Loads and unloads kvm-vsbypass, also around the cases of a program. */
#ifndef VSB_MODULE_H
#define VSB_MODULE_H

#include <stdbool.h>

#include "tap.h"

/* Calls return 0, or -1 and errno. */
void module_set_path(const char *path);
bool module_loaded(void);
int module_load(void);
bool module_keep_busy(bool on);	/* a process of ours has a VM attached; false: it cannot */
int module_unload(void);	/* never waits: EAGAIN if it is in use */

/*
 * tap_case.state: is the module loaded when the case begins? BUSY_MODULE: and a VM that has
 * nothing to do with the case is attached, which saves much time: to redirect
 * KVM's functions and to stop it takes the kernel seconds on slow emulators.
 */
enum module_state { WITH_MODULE, WITHOUT_MODULE, BUSY_MODULE };

/*
 * Its argument is the module's file, MODULE.ko; else the environment names it, VSB_MODULE. At
 * the end the module can be unloaded, as all descriptors of the cases are closed.
 */
extern const struct tap_fixture module_fixture;

#endif
