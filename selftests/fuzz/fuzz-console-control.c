// SPDX-License-Identifier: GPL-2.0
/*
 * console-control.c and console-identity.c: what vsbypassd replies to vsb-console. The first byte: how
 * much comes at a time.
 */
#include "fuzz.h"

#include "console-control.h"
#include "console-hub.h"
#include "console-identity.h"
#include "names.h"

static guint answers;

static void look(JsonObject *reply, const char *name)
{
	g_autofree char *state = vsb_control_uservm_state(reply, name);
	const char *spec = vsb_control_uservm_ports(reply, name);
	struct vsb_ports ports;

	g_assert_nonnull(vsb_hub_state_text(state));
	vsb_identity_text(vsb_identity_of(reply, name));
	vsb_control_uservm_generation(reply, name);
	vsb_control_uservm_rests(reply, name);
	vsb_control_uservm_stops(reply, name);
	vsb_control_console_lost(reply, name, "vm1.com2");
	if (spec)
		vsb_ports_parse(spec, &ports, NULL);
}

static void on_done(JsonObject *reply, const char *error, gpointer data)
{
	g_assert_true(!reply != !error);
	answers++;
	if (!reply)
		return;
	look(reply, "vm1");
	look(reply, "");
}

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
	g_autofree char *path = fuzz_path("control.sock");
	struct input in = { data, size };
	gsize step = take_byte(&in);
	static int listener = -1;
	int fd;

	if (listener < 0)
		listener = fuzz_listen("control.sock");
	answers = 0;
	vsb_control_call(path, "status", NULL, NULL, on_done, NULL);
	fd = fuzz_accept(listener);
	for (gsize len; in.len; in.data += len, in.len -= len) {
		len = MIN(step ? step : in.len, in.len);
		fuzz_send(fd, in.data, len);
		settle();
	}
	fuzz_close(&fd);
	settle();
	g_assert_cmpuint(answers, ==, 1);
	return 0;
}
