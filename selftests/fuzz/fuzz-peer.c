// SPDX-License-Identifier: GPL-2.0
/*
 * The server of vsb-console behind its separation: console-wire.c, console-peer.c, console-channel.c,
 * console-hub.c, console-chardev.c, console-web.c. Two processes of connections have been taken over,
 * one of SSH and one of the web page, and say what they like; meanwhile a user VM sends, and
 * vsbypassd answers, if it does. Each step begins with a byte:
 *
 *   s, w TYPE CHANNEL NUMBER BYTES	a message of the one or the other
 *   S, W		they read what they were told
 *   x BYTES		what is no message
 *   d BYTES		the user VM sends		D	its proxy ends
 *   a BYTES		vsbypassd answers		t	a second goes by
 *   r			the keys are read anew
 */
#include "fuzz.h"

#include <glib/gstdio.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "console-keys.h"
#include "console-peer.h"
#include "console-web.h"
#include "console-wire.h"

/* The key of KEYS/vm1, which a message may offer. */
#define KEY	"AAAAC3NzaC1lZDI1NTE5AAAAIGZ1enpmdXp6ZnV6emZ1enpmdXp6ZnV6emZ1enpmdXp6"

static struct vsb_server server;
static int control = -1, device = -1, vnc = -1;

/* As the server has it. */
static bool allows(gpointer data, const char *uservm, const char *key)
{
	return vsb_keys_allow(server.keys_dir, uservm, key, NULL);
}

static void begin(void)
{
	static const char keys[] = "ssh-ed25519 " KEY " fuzz\n";
	g_autofree char *console = fuzz_path("console"), *keys_dir = fuzz_path("keys");
	int nobody[2];

	g_mkdir(console, 0700);
	g_mkdir(keys_dir, 0700);
	fuzz_put("keys/vm1", keys, strlen(keys));
	control = fuzz_listen("control.sock");
	device = fuzz_listen("console/vm1.sock");
	vnc = fuzz_listen("console/vm1.vnc");
	/* Nobody connects, and nothing is started. */
	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, nobody), ==, 0);
	server = (struct vsb_server){
		.run_dir = fuzz_dir(), .keys_dir = g_strdup(keys_dir), .attached_keys_dir = "/nonexistent",
		.grace_s = 3, .stall_s = 3, .listen_fd = nobody[0], .web_fd = nobody[1],
		.web_url = "https://h:6080", .spawner = -1,
	};
	vsb_server_start(&server);
}

/* As a server has them: sources of their own. */
static struct vsb_peer *add_peer(enum vsb_session_kind kind, int *fd)
{
	struct vsb_source *source = vsb_sources_get(server.sources, kind == VSB_SESSION_WEB ? "the web page" : "1.2.3.4");
	int pair[2];

	g_assert_cmpint(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), ==, 0);
	*fd = pair[1];
	source->strangers++;
	server.strangers++;
	return vsb_peer_new(&server, pair[0], kind, "1.2.3.4 port 5", source);
}

static void speak(struct input *in, int fd)
{
	g_autofree struct vsb_wire *wire = g_new0(struct vsb_wire, 1);
	const guint8 *bytes;
	gsize len;

	wire->type = take_byte(in);
	wire->channel = take_byte(in);
	wire->number = (gint8)take_byte(in);
	bytes = take_bytes(in, &len);
	memcpy(wire->data, bytes, len);
	fuzz_send(fd, wire, offsetof(struct vsb_wire, data) + len);
}

/* Of who has waited longest. */
static void answer(struct input *in)
{
	int fd = fuzz_accept(control);
	const guint8 *bytes;
	gsize len;

	bytes = take_bytes(in, &len);
	fuzz_send(fd, bytes, len);
	fuzz_send(fd, "\n", 1);
	settle();
	fuzz_close(&fd);
}

static void tick(void)
{
	g_autoptr(GList) peers = g_hash_table_get_keys(server.peers);

	server.seconds++;
	for (GList *l = peers; l; l = l->next)
		vsb_peer_tick(l->data);
	vsb_web_tidy(server.web, false);
}

static void step(struct input *in, int ssh, int web, int *guest)
{
	const guint8 *bytes;
	gsize len;

	switch (take_byte(in)) {
	case 's':
		speak(in, ssh);
		break;
	case 'w':
		speak(in, web);
		break;
	case 'S':
		fuzz_drain(ssh);
		break;
	case 'W':
		fuzz_drain(web);
		break;
	case 'x':
		bytes = take_bytes(in, &len);
		fuzz_send(ssh, bytes, len);
		break;
	case 'd':
		bytes = take_bytes(in, &len);
		if (*guest < 0)
			*guest = fuzz_accept(device);
		fuzz_send(*guest, bytes, len);
		fuzz_drain(*guest);
		break;
	case 'D':
		fuzz_close(guest);
		break;
	case 'a':
		answer(in);
		break;
	case 't':
		tick();
		break;
	case 'r':
		vsb_server_recheck(&server);
		break;
	}
	settle();
}

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
	struct input in = { data, size };
	int ssh, web, guest = -1, fd;

	if (control < 0)
		begin();
	add_peer(VSB_SESSION_SSH, &ssh);
	add_peer(VSB_SESSION_WEB, &web);
	while (in.len)
		step(&in, ssh, web, &guest);
	fuzz_close(&ssh);
	fuzz_close(&web);
	settle();
	/* Who has broken a rule is not heard any more, and goes with the next tick. */
	tick();
	settle();
	/* Nothing of theirs stays. */
	g_assert_cmpuint(g_hash_table_size(server.peers), ==, 0);
	g_assert_cmpuint(g_hash_table_size(server.channels), ==, 0);
	g_assert_cmpuint(g_hash_table_size(server.vncs), ==, 0);
	g_assert_cmpuint(server.strangers, ==, 0);
	fuzz_close(&guest);
	settle();
	g_hash_table_remove_all(server.hubs);
	while ((fd = fuzz_accept(device)) >= 0 || (fd = fuzz_accept(vnc)) >= 0 || (fd = fuzz_accept(control)) >= 0) {
		close(fd);
		settle();
	}
	vsb_web_free(server.web);
	server.web = vsb_web_new(server.web_url, allows, NULL, vsb_web_clock);
	return 0;
}
