/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The process of one connection of the web gateway. It is locked in as those of SSH
 * connections are, and has no host key. The gateway says one line
 * (Documentation/protocols.rst), and is answered with one; then bytes pass.
 */
#ifndef CONSOLE_WEBEND_H
#define CONSOLE_WEBEND_H

/* Return: of the process. */
int vsb_webend_main(void);

#endif
