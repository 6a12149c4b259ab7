/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who logs in: which keys are taken, what a person reads whose key is not. Whether a key is
 * listed is the server's to say.
 */
#ifndef CONSOLE_LOGIN_H
#define CONSOLE_LOGIN_H

#include "console-wire.h"

#include <libssh/server.h>

struct vsb_login {
	struct vsb_link *link;
	ssh_session ssh;
	char *user;		/* name of the console, once logged in */
	char *noted;		/* the key that was last reported refused */
	bool lost;		/* the server does not answer any more */
};

/* A key is offered, or has been proved. Return: of enum ssh_auth_e */
int vsb_login_pubkey(struct vsb_login *login, const char *user, ssh_key key, char state);
/* A password is, which is refused. */
void vsb_login_password(struct vsb_login *login, bool interactive);

#endif
