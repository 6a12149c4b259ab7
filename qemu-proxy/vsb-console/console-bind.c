// SPDX-License-Identifier: GPL-2.0
/* What a session offers to a client, and the host key that it does so with. */
#include "console-bind.h"
#include "console-spawner.h"

#include <string.h>
#include <unistd.h>

/*
 * All clients have it. Without the group exchange, for which libssh would open the system's
 * file of moduli, without SHA-1, without Diffie-Hellman in large groups, which costs the
 * server much for a stranger's few bytes, and without NIST's curves, which ssh-audit fails.
 */
#define KEY_EXCHANGES	"curve25519-sha256,curve25519-sha256@libssh.org"
/* Those that have no known weakness, the ones with lengths that are not hidden last. */
#define CIPHERS		"chacha20-poly1305@openssh.com,aes256-gcm@openssh.com," \
			"aes128-gcm@openssh.com,aes256-ctr,aes192-ctr,aes128-ctr"
#define MACS		"hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com," \
			"hmac-sha2-256,hmac-sha2-512"

/*
 * Signatures: without SHA-1. FIDO keys are among them so that clients offer them and
 * get to know why they are refused, see bad_kind() of console-login.c.
 */
#define SIGNATURES	"ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384," \
			"ecdsa-sha2-nistp521,rsa-sha2-512,rsa-sha2-256," \
			"sk-ssh-ed25519@openssh.com,sk-ecdsa-sha2-nistp256@openssh.com"

static ssh_bind make_bind(const char *key_text)
{
	bool no_config = false;
	ssh_key key = NULL;
	ssh_bind bind;

	if (ssh_pki_import_privkey_base64(key_text, NULL, NULL, NULL, &key) != SSH_OK)
		return NULL;
	bind = ssh_bind_new();
	if (bind &&
	    ssh_bind_options_set(bind, SSH_BIND_OPTIONS_PROCESS_CONFIG, &no_config) == SSH_OK &&
	    ssh_bind_options_set(bind, SSH_BIND_OPTIONS_KEY_EXCHANGE, KEY_EXCHANGES) == SSH_OK &&
	    ssh_bind_options_set(bind, SSH_BIND_OPTIONS_CIPHERS_C_S, CIPHERS) == SSH_OK &&
	    ssh_bind_options_set(bind, SSH_BIND_OPTIONS_CIPHERS_S_C, CIPHERS) == SSH_OK &&
	    ssh_bind_options_set(bind, SSH_BIND_OPTIONS_HMAC_C_S, MACS) == SSH_OK &&
	    ssh_bind_options_set(bind, SSH_BIND_OPTIONS_HMAC_S_C, MACS) == SSH_OK &&
	    ssh_bind_options_set(bind, SSH_BIND_OPTIONS_PUBKEY_ACCEPTED_KEY_TYPES, SIGNATURES) ==
	    SSH_OK &&
	    ssh_bind_options_set(bind, SSH_BIND_OPTIONS_IMPORT_KEY, key) == SSH_OK)
		return bind;
	return NULL;
}

/* Return: what is in the pipe, NULL: nothing. */
static char *read_key(void)
{
	char *text = g_malloc0(64 * 1024);
	gsize len = 0;
	ssize_t n;

	while ((n = read(VSB_SESSION_KEY, text + len, 64 * 1024 - 1 - len)) > 0)
		len += (gsize)n;
	close(VSB_SESSION_KEY);
	return text;
}

ssh_bind vsb_bind_new(void)
{
	char *key = read_key();
	ssh_bind bind = make_bind(key);

	explicit_bzero(key, strlen(key));
	g_free(key);
	return bind;
}
