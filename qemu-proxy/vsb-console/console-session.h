/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The process of one SSH connection: from the key exchange to its end. It has three
 * descriptors of console-spawner.h, a sandbox, and no other tenant's anything.
 */
#ifndef CONSOLE_SESSION_H
#define CONSOLE_SESSION_H

/* Return: exit status. */
int vsb_session_main(void);

#endif
