// SPDX-License-Identifier: GPL-2.0
/* The login of an SSH connection, in its process. */
#include "console-login.h"
#include "console-keys.h"

#include <string.h>

/*
 * The SSH protocol has a message for a text in the middle of it (USERAUTH_BANNER); clients
 * show it.
 */
static void G_GNUC_PRINTF(2, 3) banner(struct vsb_login *login, const char *format, ...)
{
	g_autofree char *text = NULL, *line = NULL;
	ssh_string string;
	va_list args;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	line = g_strdup_printf("vsb-console: %s\r\n", text);
	string = ssh_string_from_char(line);
	if (string)
		ssh_send_issue_banner(login->ssh, string);
	ssh_string_free(string);
}

/*
 * To a peer that has not proved a key, an unknown user VM and a wrong key look the same,
 * else anybody could find out the names. The log has the true reason. It comes once for
 * a key, not for the second step of the same one.
 */
static void report_refused(struct vsb_login *login, const char *user, const char *key, const char *reason)
{
	g_autofree char *fingerprint = vsb_key_fingerprint(key);
	g_autofree char *shown = g_strndup(user, 64);

	if (!g_strcmp0(login->noted, key))
		return;
	g_free(login->noted);
	login->noted = g_strdup(key);
	for (char *p = shown; *p; p++) {
		if (!g_ascii_isprint(*p))
			*p = '?';
	}
	if (*reason)
		banner(login, "'%s' refuses the key %s: %s", shown, fingerprint, reason);
	else
		banner(login, "'%s' refuses the key %s: this host has no user VM of that name, or the key is not listed for it. Ask the host's administrator.",
		       shown, fingerprint);
}

/*
 * Kinds that nobody is let in with. A FIDO key's signature says whether somebody touched
 * the key; libssh verifies such a signature and keeps that from us, so that one nobody
 * touched it for would do. Certificates need an authority, and there is none here.
 *
 * Return: why a key of this kind is of no use here, or NULL.
 */
static const char *bad_kind(ssh_key key)
{
	const char *name = ssh_key_type_to_char(ssh_key_type(key));

	if (name && strstr(name, "-cert-v01@"))
		return "certificates are not accepted, offer the plain key";
	if (name && g_str_has_prefix(name, "sk-"))
		return "FIDO keys are not accepted, as it cannot be told here whether somebody touched the key; use one of ed25519, ecdsa or rsa";
	return NULL;
}

/* For the log, once for a key. */
static void refused_key(struct vsb_login *login, const char *user, const char *key, const char *reason)
{
	g_autofree char *fingerprint = vsb_key_fingerprint(key);

	if (g_strcmp0(login->noted, key))
		vsb_link_refused(login->link, "%s as '%.64s': %s", fingerprint, user, reason);
}

/* Return: the server's verdict. */
static bool ask_server(struct vsb_login *login, const char *user, const char *key, bool proved, char **text)
{
	gsize name_len = strlen(user), len = name_len + 1 + strlen(key);
	g_autofree char *data = g_malloc(len);
	bool yes;

	memcpy(data, user, name_len + 1);
	memcpy(data + name_len + 1, key, len - name_len - 1);
	vsb_link_send(login->link, VSB_WIRE_KEY, 0, proved, data, len, -1);
	*text = vsb_link_verdict(login->link, &yes);
	if (!*text)
		login->lost = true;
	return yes;
}

int vsb_login_pubkey(struct vsb_login *login, const char *user, ssh_key key, char state)
{
	bool proved = state == SSH_PUBLICKEY_STATE_VALID;
	const char *kind = bad_kind(key);
	g_autofree char *text = NULL;
	char *base64 = NULL;
	bool yes = false;

	if (login->user || login->lost ||
	    (!proved && state != SSH_PUBLICKEY_STATE_NONE))
		return SSH_AUTH_DENIED;
	if (ssh_pki_export_pubkey_base64(key, &base64) != SSH_OK)
		return SSH_AUTH_DENIED;
	if (kind) {
		refused_key(login, user, base64, kind);
		report_refused(login, user, base64, kind);
	} else if (strlen(user) + strlen(base64) < VSB_WIRE_DATA - 1) {
		yes = ask_server(login, user, base64, proved, &text);
		if (!yes && text)
			report_refused(login, user, base64, text);
	}
	ssh_string_free_char(base64);
	if (!yes)
		return SSH_AUTH_DENIED;
	/* Listed, but the client has not proved yet that the key is its own. */
	if (!proved)
		return SSH_AUTH_SUCCESS;
	login->user = g_strdup(user);
	return SSH_AUTH_SUCCESS;
}

void vsb_login_password(struct vsb_login *login, bool interactive)
{
	vsb_link_refused(login->link, "%s: only public keys are taken",
			 interactive ? "keyboard-interactive" : "a password");
	if (login->noted)
		return;
	banner(login, "only public keys are taken here, no passwords");
	login->noted = g_strdup("");
}
