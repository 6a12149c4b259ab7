/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Faults that a kernel makes on demand: of memory there is none, of a copy from or to user space
 * nothing comes (Documentation/fault-injection/fault-injection.rst of Linux). A case ends itself
 * as skipped where the kernel has none.
 */
#ifndef VSB_FAULTS_H
#define VSB_FAULTS_H

#include <stdbool.h>

/* Once in a case, before all else. */
void faults_begin(void);
/* The @nth place on this thread's way through the kernel where it could, fails; from 1. */
void fault_at(unsigned int nth);
/* Has it since? From now on none does. */
bool fault_happened(void);

#endif
