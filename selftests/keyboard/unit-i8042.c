// SPDX-License-Identifier: GPL-2.0
/*
 * What is written to a keyboard controller: which writes a proxy gets, and that a
 * second QEMU behaves after a replay as the first one does. Accesses are made through
 * QEMU's monitor.
 */
#include <glib.h>
#include <string.h>

#include "devices/i8042.h"
#include "qemu.h"

#define ROUNDS		60
#define WRITES_MAX	30
#define READ_MAX	64

/* ---- which writes are whose ---- */

static const struct {
	const char *what;
	guint n;
	struct { guint16 port; guint8 value; } w[3];
	enum vsb_kbd_write last;
} cases[] = {
	{ "self-test", 1, { { 0x64, 0xaa } }, VSB_KBD_PROXY },
	{ "to the keyboard", 1, { { 0x60, 0xfe } }, VSB_KBD_PROXY },
	{ "pulse of the reset line", 1, { { 0x64, 0xfe } }, VSB_KBD_RESET },
	{ "pulse of all lines", 1, { { 0x64, 0xf0 } }, VSB_KBD_RESET },
	{ "pulse of others", 1, { { 0x64, 0xfd } }, VSB_KBD_NOBODY },
	{ "pulse of none", 1, { { 0x64, 0xff } }, VSB_KBD_NOBODY },
	{ "output port", 1, { { 0x64, 0xd1 } }, VSB_KBD_NOBODY },
	{ "output port, A20 on", 2, { { 0x64, 0xd1 }, { 0x60, 0xdf } }, VSB_KBD_NOBODY },
	{ "output port, A20 off", 2, { { 0x64, 0xd1 }, { 0x60, 0xdd } }, VSB_KBD_NOBODY },
	{ "output port, reset", 2, { { 0x64, 0xd1 }, { 0x60, 0xde } }, VSB_KBD_RESET },
	{ "output port, then another command", 3,
	  { { 0x64, 0xd1 }, { 0x64, 0xd4 }, { 0x60, 0xfe } }, VSB_KBD_PROXY },
	{ "output port, once", 3, { { 0x64, 0xd1 }, { 0x60, 0xdf }, { 0x60, 0xde } },
	  VSB_KBD_PROXY },
	{ "a pulse between", 3, { { 0x64, 0xd1 }, { 0x64, 0xff }, { 0x60, 0xde } },
	  VSB_KBD_RESET },
	{ "to the mouse", 2, { { 0x64, 0xd4 }, { 0x60, 0xfe } }, VSB_KBD_PROXY },
	{ "command byte", 2, { { 0x64, 0x60 }, { 0x60, 0x44 } }, VSB_KBD_PROXY },
};

static void test_writes(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		enum vsb_kbd_write whom = VSB_KBD_PROXY;
		struct vsb_i8042 kbd;

		vsb_i8042_init(&kbd);
		for (guint j = 0; j < cases[i].n; j++)
			whom = vsb_i8042_write(&kbd, cases[i].w[j].port, cases[i].w[j].value);
		if (whom != cases[i].last)
			g_error("%s: for %d, wanted: %d", cases[i].what, whom, cases[i].last);
	}
}

/* A new device needs nothing; no state needs more than there is room for. */
static void test_length(void)
{
	struct vsb_reg_write w[VSB_KBD_WRITES];
	struct vsb_i8042 kbd;

	vsb_i8042_init(&kbd);
	g_assert_cmpuint(vsb_i8042_replay(&kbd, w), ==, 0);
	vsb_i8042_reset(&kbd);
	g_assert_cmpuint(vsb_i8042_replay(&kbd, w), >, 0);
	vsb_i8042_assume(&kbd);
	kbd.command = 0xd4;
	kbd.keyboard.command = 0xed;
	kbd.mouse.command = 0xf3;
	kbd.mouse.remote = true;
	kbd.mouse.scaled = true;
	g_assert_cmpuint(vsb_i8042_replay(&kbd, w), <=, VSB_KBD_WRITES);
}

/* ---- QEMU ---- */

static struct qemu *start(void)
{
	return qemu_start(-1, "-device", "i8042", NULL);
}

/* All that it has to say, as text; a byte of the mouse has an m. */
static void drain(struct qemu *q, GString *into)
{
	for (int i = 0; i < READ_MAX; i++) {
		guint8 status = qemu_inb(q, VSB_KBD_COMMAND);
		guint8 data;

		if (!(status & 0x01))
			return;
		data = qemu_inb(q, VSB_KBD_DATA);
		if (into)
			g_string_append_printf(into, " %02x%s", data, status & 0x20 ? "m" : "");
	}
	g_error("no end of what QEMU has to say");
}

/* ---- the same state? ---- */

static void key(struct qemu *q, const char *name, gboolean down)
{
	qemu_monitor(q, "{\"execute\":\"input-send-event\",\"arguments\":{\"events\":["
		"{\"type\":\"key\","
		"\"data\":{\"down\":%s,\"key\":{\"type\":\"qcode\",\"data\":\"%s\"}}}]}}\n",
		down ? "true" : "false", name);
}

static void move(struct qemu *q)
{
	qemu_monitor(q, "{\"execute\":\"input-send-event\",\"arguments\":{\"events\":["
		"{\"type\":\"rel\",\"data\":{\"axis\":\"x\",\"value\":5}}]}}\n");
}

static void ask(struct qemu *q, GString *answer, const guint8 *bytes, guint n, gboolean mouse)
{
	g_string_append(answer, " |");
	for (guint i = 0; i < n; i++) {
		if (mouse)
			qemu_outb(q, VSB_KBD_COMMAND, 0xd4);
		qemu_outb(q, VSB_KBD_DATA, bytes[i]);
		drain(q, answer);
	}
}

/* All that can be seen from outside. */
static char *look(struct qemu *q)
{
	static const guint8 argument[] = { 0x02 }, which_set[] = { 0xf0, 0x00 };
	static const guint8 mouse_argument[] = { 0x50 }, status[] = { 0xe9 }, type[] = { 0xf2 };
	GString *s = g_string_new(NULL);

	key(q, "a", TRUE);
	drain(q, s);
	key(q, "a", FALSE);
	drain(q, s);
	g_string_append(s, " |");
	move(q);
	drain(q, s);
	/* If a command waits for its byte, this is it. */
	ask(q, s, argument, 1, FALSE);
	ask(q, s, mouse_argument, 1, TRUE);
	g_string_append(s, " |");
	qemu_outb(q, VSB_KBD_COMMAND, 0x20);
	drain(q, s);
	ask(q, s, which_set, 2, FALSE);
	ask(q, s, status, 1, TRUE);
	ask(q, s, type, 1, TRUE);
	return g_string_free(s, FALSE);
}

/* Something that a driver might write, or not. */
static guint8 any_of(const guint8 *values, guint n)
{
	return g_test_rand_int_range(0, 16) ? values[g_test_rand_int_range(0, n)] :
	       g_test_rand_int_range(0, 256);
}

static void random_write(guint16 *port, guint8 *value)
{
	static const guint8 commands[] = {
		0x20, 0x60, 0x60, 0xa7, 0xa8, 0xa9, 0xaa, 0xab, 0xad, 0xae, 0xd2, 0xd3,
		0xd4, 0xd4, 0xd4, 0xd4, 0xd4, 0xff,
	};
	static const guint8 data[] = {
		0x00, 0x01, 0x02, 0x03, 0x41, 0x47, 0x50, 0x64, 0xc8, 0xc8, 0xe6, 0xe7, 0xe8,
		0xea, 0xed, 0xf0, 0xf2, 0xf3, 0xf3, 0xf4, 0xf4, 0xf5, 0xf6, 0xff,
	};

	*port = g_test_rand_int_range(0, 2) ? VSB_KBD_DATA : VSB_KBD_COMMAND;
	*value = *port == VSB_KBD_DATA ? any_of(data, G_N_ELEMENTS(data)) :
					 any_of(commands, G_N_ELEMENTS(commands));
	/*
	 * What no driver does, and we do not follow: the mouse's wrap mode, and the output
	 * port when another command waits for its byte, which QEMU does not hear of.
	 */
	if (*value == 0xee || *value == 0xd1)
		*value = 0xe6;
}

static void write_both(struct qemu *q, struct vsb_i8042 *kbd, GString *log, guint16 port,
		       guint8 value)
{
	g_string_append_printf(log, " %02x=%02x", port, value);
	if (vsb_i8042_write(kbd, port, value) == VSB_KBD_PROXY)
		qemu_outb(q, port, value);
}

static void replay(struct qemu *q, const struct vsb_i8042 *kbd)
{
	struct vsb_reg_write w[VSB_KBD_WRITES];
	guint n = vsb_i8042_replay(kbd, w);

	g_assert_cmpuint(n, <=, VSB_KBD_WRITES);
	for (guint i = 0; i < n; i++) {
		if (w[i].in)
			qemu_inb(q, w[i].port);
		else
			qemu_outb(q, w[i].port, w[i].value);
	}
	/* Nothing is left for the user VM to read. */
	g_assert_cmpuint(qemu_inb(q, VSB_KBD_COMMAND) & 0x01, ==, 0);
}

/* As Linux does to find and start keyboard and mouse, in short. */
static void driver(struct qemu *q, struct vsb_i8042 *kbd, GString *log)
{
	static const guint8 mouse[] = {
		0xff, 0xf3, 0xc8, 0xf3, 0xc8, 0xf3, 0x50, 0xf2, 0xe8, 0x03, 0xf3, 0x64, 0xf4,
	};
	static const guint8 keys[] = { 0xf2, 0xed, 0x02, 0xf3, 0x00, 0xf4 };

	write_both(q, kbd, log, VSB_KBD_COMMAND, 0x60);
	write_both(q, kbd, log, VSB_KBD_DATA, 0x47);
	for (guint i = 0; i < G_N_ELEMENTS(keys); i++) {
		write_both(q, kbd, log, VSB_KBD_DATA, keys[i]);
		drain(q, NULL);
	}
	for (guint i = 0; i < G_N_ELEMENTS(mouse); i++) {
		write_both(q, kbd, log, VSB_KBD_COMMAND, 0xd4);
		write_both(q, kbd, log, VSB_KBD_DATA, mouse[i]);
		drain(q, NULL);
	}
}

static void check_same(struct qemu *old, struct qemu *new, const struct vsb_i8042 *kbd,
		       const char *log)
{
	g_autofree char *want = NULL, *got = NULL;

	replay(new, kbd);
	want = look(old);
	got = look(new);
	if (strcmp(want, got))
		g_error("after%s\nthe old one says:%s\nthe new one says:%s", log, want, got);
}

/* Of a driver, into a new QEMU and into one that was used for something else. */
static void test_driver(void)
{
	struct qemu *old = start(), *new = start();
	g_autoptr(GString) log = g_string_new(NULL);
	struct vsb_i8042 kbd;

	vsb_i8042_init(&kbd);
	driver(old, &kbd, log);
	check_same(old, new, &kbd, log->str);
	vsb_i8042_reset(&kbd);
	qemu_stop(old);
	old = start();
	/* QEMU's mouse has its defaults only after this. */
	qemu_outb(old, VSB_KBD_COMMAND, 0xd4);
	qemu_outb(old, VSB_KBD_DATA, 0xff);
	drain(old, NULL);
	check_same(old, new, &kbd, " a reset");
	qemu_stop(old);
	qemu_stop(new);
}

static void test_random(void)
{
	struct qemu *old = start(), *new = start();

	for (guint round = 0; round < ROUNDS; round++) {
		g_autoptr(GString) log = g_string_new(NULL);
		guint n = g_test_rand_int_range(0, WRITES_MAX);
		struct vsb_i8042 kbd;

		vsb_i8042_reset(&kbd);
		replay(old, &kbd);
		if (g_test_rand_int_range(0, 2))
			driver(old, &kbd, log);
		for (guint i = 0; i < n; i++) {
			guint16 port;
			guint8 value;

			random_write(&port, &value);
			write_both(old, &kbd, log, port, value);
			drain(old, NULL);
		}
		check_same(old, new, &kbd, log->str);
	}
	qemu_stop(old);
	qemu_stop(new);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/i8042/writes", test_writes);
	g_test_add_func("/i8042/length", test_length);
	g_test_add_func("/i8042/driver", test_driver);
	g_test_add_func("/i8042/random", test_random);
	return g_test_run();
}
