// SPDX-License-Identifier: GPL-2.0
/*
 * What a VGA's memory is like, and what a new proxy is told: the module's, beside QEMU's card,
 * with the same random accesses (-qtest).
 */
#include <gio/gio.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "devices/vga.h"

#define ROUNDS		60
#define ACCESSES	600
#define VRAM		(8u << 20)
#define VRAM_AT		0xe0000000u
#define PAGES		(VRAM >> 12)

/* ---- QEMU ---- */

struct card {
	GSubprocess *process;
	FILE *to, *from;
};

static void die_with_us(gpointer data)
{
	(void)data;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static struct card *card_start(void)
{
	g_autoptr(GSubprocessLauncher) launcher = g_subprocess_launcher_new(G_SUBPROCESS_FLAGS_NONE);
	static const char * const argv[] = {
		"qemu-system-x86_64", "-machine", "microvm,accel=tcg,rtc=off,isa-serial=off,"
		"pit=off,pic=off,kernel-irqchip=off,acpi=off,x-option-roms=off", "-nodefaults", "-S", "-display",
		"none", "-m",
		"1", "-qtest", "stdio", "-qtest-log", "/dev/null", "-device",
		"isa-vga,vgamem_mb=8", NULL
	};
	struct card *c = g_new0(struct card, 1);
	g_autoptr(GError) error = NULL;
	int pair[2];

	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), ==, 0);
	g_subprocess_launcher_take_stdin_fd(launcher, dup(pair[1]));
	g_subprocess_launcher_take_stdout_fd(launcher, pair[1]);
	g_subprocess_launcher_set_child_setup(launcher, die_with_us, NULL, NULL);
	c->to = fdopen(pair[0], "w");
	c->from = fdopen(dup(pair[0]), "r");
	c->process = g_subprocess_launcher_spawnv(launcher, argv, &error);
	g_assert_no_error(error);
	return c;
}

static void card_stop(struct card *c)
{
	g_subprocess_force_exit(c->process);
	g_subprocess_wait(c->process, NULL, NULL);
	g_object_unref(c->process);
	fclose(c->to);
	fclose(c->from);
	g_free(c);
}

/* Return: the line that answers, behind "OK"; valid until the next. */
G_GNUC_PRINTF(2, 3)
static char *card_ask(struct card *c, const char *format, ...)
{
	static char line[1 << 18];
	va_list args;

	va_start(args, format);
	vfprintf(c->to, format, args);
	va_end(args);
	fputc('\n', c->to);
	fflush(c->to);
	if (!fgets(line, sizeof(line), c->from))
		g_error("QEMU ended");
	if (!g_str_has_prefix(line, "OK"))
		g_error("QEMU says %s", line);
	return line + 2;
}

static guint card_number(struct card *c, const char *what, guint at)
{
	return strtoul(card_ask(c, "%s 0x%x", what, at), NULL, 0);
}

/* ---- both ---- */

struct both {
	struct card *card;
	struct vsb_vga vga;
	struct vsb_video video;
	unsigned long dirty[PAGES / (8 * sizeof(unsigned long))];
};

static void both_start(struct both *b)
{
	b->card = card_start();
	vsb_vga_reset(&b->vga);
	b->video.bytes = g_malloc0(VRAM);
	b->video.size = VRAM;
	b->video.dirty = b->dirty;
	memset(b->dirty, 0, sizeof(b->dirty));
}

static void both_end(struct both *b)
{
	card_stop(b->card);
	g_free(b->video.bytes);
}

static void outb(struct both *b, guint16 port, guint8 value)
{
	card_ask(b->card, "outb 0x%x 0x%x", port, value);
	vsb_vga_port(&b->vga, port, 0, 1, false, value);
}

static void outw(struct both *b, guint16 port, guint16 value)
{
	card_ask(b->card, "outw 0x%x 0x%x", port, value);
	vsb_vga_port(&b->vga, port, 0, 2, false, value);
	vsb_vga_port(&b->vga, port + 1, 1, 2, false, value >> 8);
}

static void inb(struct both *b, guint16 port)
{
	card_number(b->card, "inb", port);
	vsb_vga_port(&b->vga, port, 0, 1, true, 0);
}

static void vbe(struct both *b, guint16 index, guint16 value)
{
	outw(b, 0x1ce, index);
	outw(b, g_random_boolean() ? 0x1cf : 0x1d0, value);
}

static guint any(guint end)
{
	return g_random_int_range(0, end);
}

#define NO_VBE	13
#define KINDS	16

/* Modes that are of use, and others. */
static void some_register(struct both *b, guint kinds)
{
	static const guint8 seq[] = { 2, 4, 4 }, memory[] = { 0x2, 0x6, 0xe, 0xa, 0x4 };
	static const guint8 modes[] = { 0x10, 0x0, 0x1, 0x2, 0x3, 0x8, 0x40, 0xb };
	guint8 i;

	switch (any(kinds)) {
	case 0:
	case 1:
		i = seq[any(3)];
		outb(b, 0x3c4, i);
		outb(b, 0x3c5, i == 4 ? memory[any(5)] : any(256));
		break;
	case 2:
		outw(b, 0x3c4, 2 | any(16) << 8);
		break;
	case 3:
		outw(b, 0x3ce, 5 | modes[any(8)] << 8);
		break;
	case 4:
		outw(b, 0x3ce, 6 | any(16) << 8);
		break;
	case 5:
	case 6:
		outw(b, 0x3ce, any(9) << 0 | any(256) << 8);
		break;
	case 7:
		outb(b, 0x3c2, any(4) ? any(256) | 1 : any(256));
		break;
	case 8:
		outb(b, any(2) ? 0x3d4 : 0x3b4, any(0x20));
		outb(b, any(2) ? 0x3d5 : 0x3b5, any(256));
		break;
	case 9:
		outb(b, 0x3c0, any(64));
		break;
	case 10:
		inb(b, any(2) ? 0x3da : 0x3ba);
		break;
	case 11:
		outb(b, 0x3c8, any(256));
		for (guint n = 3 * any(5); n; n--)
			outb(b, 0x3c9, any(64));
		break;
	case 12:
		outb(b, 0x3c7, any(256));
		for (guint n = 3 * any(5); n; n--)
			inb(b, 0x3c9);
		break;
	case 13:
		vbe(b, 5, any(200));
		break;
	case 14:
		/* QEMU makes what it likes of them, if it is on */
		vbe(b, 4, 0x80);
		vbe(b, 1, any(4) ? 16 * (1 + any(4)) : 640);
		vbe(b, 2, 16 * (1 + any(4)));
		vbe(b, 3, 8 * (1 + any(4)));
		break;
	case 15:
		/* with the clear of its memory we have nothing to do */
		vbe(b, 4, any(2) && b->vga.vbe[1] ? 0x80 | any(0x40) : 0x80);
		break;
	}
}

static guint somewhere(void)
{
	static const guint at[] = { 0, 0x8000, 0xfff8, 0x10000, 0x17ff8, 0x18000, 0x1fff0 };

	return at[any(G_N_ELEMENTS(at))] + any(16);
}

static void some_memory(struct both *b)
{
	guint at = MIN(somewhere(), VSB_VGA_WINDOW_SIZE - 1), theirs;
	guint8 value = any(256), ours;

	if (any(2)) {
		card_ask(b->card, "writeb 0x%x 0x%x", VSB_VGA_WINDOW + at, value);
		vsb_vga_write(&b->vga, &b->video, at, value);
		return;
	}
	theirs = card_number(b->card, "readb", VSB_VGA_WINDOW + at);
	ours = vsb_vga_read(&b->vga, &b->video, at);
	if (theirs != ours)
		g_error("window at 0x%x: QEMU reads 0x%x, we 0x%x (mode 0x%x, misc 0x%x, memory 0x%x, "
			"VBE 0x%x, bpp %u, bank 0x%x)", at, theirs, ours, b->vga.gfx[5],
			b->vga.gfx[6], b->vga.seq[4], b->vga.vbe[4], b->vga.vbe[3], b->vga.bank);
}

static void same_memory(struct both *b)
{
	for (guint at = 0; at < VRAM; at += 1 << 16) {
		gsize n;
		char *text = card_ask(b->card, "b64read 0x%x 0x%x", VRAM_AT + at, 1 << 16);
		g_autofree guchar *bytes = g_base64_decode(g_strstrip(text), &n);

		g_assert_cmpuint(n, ==, 1 << 16);
		for (guint i = 0; i < n; i++)
			if (bytes[i] != b->video.bytes[at + i])
				g_error("memory at 0x%x: QEMU has 0x%x, we 0x%x", at + i, bytes[i],
					b->video.bytes[at + i]);
	}
	for (guint i = 0; i < PAGES; i++) {
		gboolean dirty = b->dirty[i / 64] >> i % 64 & 1;

		for (guint j = 0; !dirty && j < 4096; j++)
			g_assert_cmpuint(b->video.bytes[i * 4096 + j], ==, 0);
	}
}

static void test_memory(void)
{
	struct both b;

	both_start(&b);
	for (guint i = 0; i < ROUNDS * ACCESSES; i++)
		if (any(4))
			some_memory(&b);
		else
			some_register(&b, KINDS);
	same_memory(&b);
	both_end(&b);
}

/* ---- a new proxy ---- */

static void read_indexed(struct card *c, GString *text, const char *what, guint16 port, guint nr)
{
	g_string_append_printf(text, "%s", what);
	for (guint i = 0; i < nr; i++) {
		card_ask(c, "outb 0x%x 0x%x", port, i);
		g_string_append_printf(text, " %02x", card_number(c, "inb", port + 1));
	}
	g_string_append_c(text, '\n');
}

/* All that can be read of a card, as text. Its index registers are others then. */
static char *card_state(struct card *c)
{
	GString *text = g_string_new(NULL);
	guint misc = card_number(c, "inb", 0x3cc);

	g_string_append_printf(text, "misc %02x index %02x %02x\n", misc,
			       card_number(c, "inb", 0x3c4), card_number(c, "inb", 0x3ce));
	g_string_append_printf(text, "mask %02x dac %x\n", card_number(c, "inb", 0x3c6),
			       card_number(c, "inb", 0x3c7));
	card_ask(c, "outb 0x3c2 0x%x", misc | 1);
	/* the flip-flop of the attribute controller: is the next one an index? */
	card_ask(c, "outb 0x3c0 0x%x", 0x0f);
	g_string_append_printf(text, "attribute %02x\n", card_number(c, "inb", 0x3c0));
	read_indexed(c, text, "sequencer", 0x3c4, VSB_VGA_SEQ);
	read_indexed(c, text, "graphics", 0x3ce, VSB_VGA_GFX);
	read_indexed(c, text, "CRTC", 0x3d4, VSB_VGA_CRTC);
	g_string_append(text, "attributes");
	for (guint i = 0; i < VSB_VGA_ATTR; i++) {
		card_number(c, "inb", 0x3da);
		card_ask(c, "outb 0x3c0 0x%x", i);
		g_string_append_printf(text, " %02x", card_number(c, "inb", 0x3c1));
	}
	card_ask(c, "outb 0x3c7 0");
	g_string_append(text, "\ncolours");
	for (guint i = 0; i < VSB_VGA_DAC; i++)
		g_string_append_printf(text, " %02x", card_number(c, "inb", 0x3c9));
	g_string_append_printf(text, "\nVBE index %x:", card_number(c, "inw", 0x1ce));
	for (guint i = 0, on = 0; i < VSB_VGA_VBE; i++) {
		guint value;

		card_ask(c, "outw 0x1ce 0x%x", i);
		value = card_number(c, "inw", 0x1cf);
		if (i == 4)
			on = value & 1;
		/* Those behind the bank are set to 0 when it is switched on. */
		if (i <= 5 || on)
			g_string_append_printf(text, " %x", value);
	}
	return g_string_free(text, FALSE);
}

static void replay(const struct vsb_vga *vga, struct card *c)
{
	struct vsb_reg_write w[VSB_VGA_WRITES];
	guint nr = vsb_vga_replay(vga, w);

	g_assert_cmpuint(nr, <=, VSB_VGA_WRITES);
	for (guint i = 0; i < nr; i++) {
		if (w[i].in)
			card_number(c, "inb", w[i].port);
		else
			card_ask(c, "out%c 0x%x 0x%x", w[i].size == 2 ? 'w' : 'b', w[i].port,
				 w[i].value);
	}
}

/* With VBE some registers are that one's business. */
static void same_state(const char *was, const char *is, gboolean with_vbe)
{
	g_auto(GStrv) old = g_strsplit(was, "\n", -1), new = g_strsplit(is, "\n", -1);

	for (guint i = 0; old[i]; i++)
		if (!(with_vbe && (g_str_has_prefix(old[i], "CRTC") ||
				   g_str_has_prefix(old[i], "graphics"))) &&
		    strcmp(old[i], new[i]))
			g_error("the new card is not as the old one:\n%s\n%s", old[i], new[i]);
}

/* What VBE has left in registers is gone, as when a BIOS sets a mode. */
static void set_mode(struct both *b)
{
	outb(b, 0x3c2, any(256) | 1);
	for (guint i = 0; i < VSB_VGA_SEQ; i++)
		outw(b, 0x3c4, i | any(256) << 8);
	outw(b, 0x3d4, 0x11 | any(128) << 8);
	for (guint i = 0; i < VSB_VGA_CRTC; i++)
		if (i != 0x11)
			outw(b, 0x3d4, i | any(256) << 8);
	outw(b, 0x3d4, 0x11 | any(256) << 8);
	for (guint i = 0; i < VSB_VGA_GFX; i++)
		outw(b, 0x3ce, i | any(256) << 8);
}

static void test_replay(void)
{
	for (guint round = 0; round < ROUNDS / 4; round++) {
		g_autofree char *was = NULL, *is = NULL;
		struct card *next = card_start();
		struct both b;

		both_start(&b);
		for (guint i = any(ACCESSES); i; i--)
			some_register(&b, KINDS);
		set_mode(&b);
		for (guint i = any(20); i; i--)
			some_register(&b, NO_VBE);
		replay(&b.vga, next);
		was = card_state(b.card);
		is = card_state(next);
		same_state(was, is, b.vga.vbe[4] & 1);
		card_stop(next);
		both_end(&b);
	}
}

/* A new one needs nothing; no state needs more than there is room for. */
static void test_length(void)
{
	struct vsb_reg_write w[VSB_VGA_WRITES];
	struct vsb_vga vga = { 0 };

	g_assert_cmpuint(vsb_vga_replay(&vga, w), ==, 0);
	vsb_vga_reset(&vga);
	g_assert_cmpuint(vsb_vga_replay(&vga, w), >, 0);
	vga.dac_known = true;
	vga.vbe[4] = 1;
	g_assert_cmpuint(vsb_vga_replay(&vga, w), <=, VSB_VGA_WRITES);
	g_assert_cmpuint(vsb_vga_replay(&vga, w), >, VSB_VGA_DAC);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/vga/length", test_length);
	g_test_add_func("/vga/memory", test_memory);
	g_test_add_func("/vga/replay", test_replay);
	return g_test_run();
}
