/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who frees memory of the module at once? What ftrace callbacks read under RCU must not
 * be: on a machine with one CPU nobody would see the use of it afterwards.
 */
#ifndef VSB_FREED_H
#define VSB_FREED_H

void freed_begin(void);		/* from here on, */
void freed_end(void);		/* to here: fails, and says who */

#endif
