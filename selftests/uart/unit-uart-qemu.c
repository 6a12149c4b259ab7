// SPDX-License-Identifier: GPL-2.0
/*
 * A 16550 that nobody here wrote: QEMU's passes the tables that the front has to pass, and
 * so does the model of it that stands in for a proxy elsewhere. Then front and QEMU's are
 * given the same random accesses, and each answer is compared.
 */
#include <glib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "devices/front.h"
#include "model.h"
#include "qemu.h"
#include "tables.h"

#define BASE		0x3f8
#define PATIENCE	(60 * G_USEC_PER_SEC)
#define ROUNDS		100
#define ACCESSES	150

static struct qemu *qemu;
static int line;	/* the other end of its serial line */

static guint8 qemu_read(guint reg)
{
	return qemu_inb(qemu, BASE + reg);
}

static void qemu_write(guint reg, guint8 value)
{
	qemu_outb(qemu, BASE + reg, value);
}

static guint16 room[VSB_OUT_SIZE];

static void begin(void)
{
	static const struct timeval patience = { .tv_sec = 60 };
	int pair[2];

	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), ==, 0);
	qemu = qemu_start(pair[1], "-chardev", "socket,id=line,fd=4",
			  "-device", "isa-serial,chardev=line", NULL);
	line = pair[0];
	g_assert_cmpint(setsockopt(line, SOL_SOCKET, SO_RCVTIMEO, &patience,
				   sizeof(patience)), ==, 0);
	/* Not quite as after a reset: it has OUT2, so that other machines have interrupts. */
	qemu_write(UART_MCR, 0);
}

static void end(void)
{
	qemu_stop(qemu);
	close(line);
}

static void type(const char *text)
{
	g_assert_cmpint(write(line, text, strlen(text)), ==, strlen(text));
}

/* ---- tables ---- */

static void run_table(const struct uart_access *a, gsize n)
{
	begin();
	for (gsize i = 0; i < n; i++) {
		gint64 until = g_get_monotonic_time() + PATIENCE;
		guint8 got = 0;

		switch (a[i].what) {
		case UART_W:
			qemu_write(a[i].reg, a[i].value);
			continue;
		case UART_TYPE:
			type(a[i].text);
			continue;
		case UART_R:
			got = qemu_read(a[i].reg) & a[i].mask;
			break;
		case UART_LATER:
			do
				got = qemu_read(a[i].reg) & a[i].mask;
			while (got != a[i].value && g_get_monotonic_time() < until);
			break;
		}
		if (got != a[i].value)
			g_error("access %zu: register %u is 0x%02x, wanted 0x%02x", i + 1,
				a[i].reg, got, a[i].value);
	}
	end();
}

#define TABLE_TEST(name) \
	static void test_##name(void) { run_table(name, G_N_ELEMENTS(name)); }
UART_TABLES(TABLE_TEST)
/* For the front and its proxy: unit-uart. */
#define UNUSED(name) (void)name;

/* ---- the model ---- */

static void run_model(const char *name, const struct uart_access *a, gsize n)
{
	g_autofree struct model *m = g_new0(struct model, 1);

	model_reset(m);
	for (gsize i = 0; i < n; i++) {
		guint8 got;

		switch (a[i].what) {
		case UART_W:
			model_write(m, a[i].reg, a[i].value);
			continue;
		case UART_TYPE:
			for (const char *c = a[i].text; *c; c++)
				m->source[m->nr_source++] = (guint8)*c;
			continue;
		}
		/* Some time. */
		for (guint step = 0; step < 100 && a[i].what == UART_LATER; step++)
			model_step(m);
		got = model_read(m, a[i].reg) & a[i].mask;
		if (got != a[i].value)
			g_error("%s, access %zu: register %u is 0x%02x, wanted 0x%02x", name,
				i + 1, a[i].reg, got, a[i].value);
	}
}

static void test_model(void)
{
#define RUN_MODEL(name) run_model(#name, name, G_N_ELEMENTS(name));
	UART_TABLES(RUN_MODEL)
	SHEET_TABLES(UNUSED)
}

/* ---- front and QEMU's ---- */

struct pair {
	struct vsb_uart uart;
	struct vsb_front front;
	gboolean modem;		/* it is looped back at times; else MSR has no changes */
	GString *log;
	GByteArray *sent;
};

static void both_write(struct pair *p, guint8 reg, guint8 value)
{
	g_string_append_printf(p->log, " %u=%02x", reg, value);
	if (reg == UART_TX && !(p->uart.lcr & UART_LCR_DLAB) &&
	    !(p->uart.mcr & UART_MCR_LOOP))
		g_byte_array_append(p->sent, &value, 1);
	vsb_front_write(&p->front, reg, value);
	qemu_write(reg, value);
}

static void both_read(struct pair *p, guint8 reg, guint8 mask)
{
	guint8 got = vsb_front_read(&p->front, reg), want = qemu_read(reg);

	g_string_append_printf(p->log, " %u:%02x", reg, got);
	if ((got ^ want) & mask)
		g_error("after%s: the front says 0x%02x, QEMU's 0x%02x", p->log->str, got, want);
}

static guint fifo_trigger(const struct pair *p)
{
	static const guint8 level[] = { 1, 4, 8, 14 };

	return p->uart.fcr & UART_FCR_ENABLE_FIFO ? level[p->uart.fcr >> 6] : 1;
}

/*
 * QEMU's has a time-out after a while, and if data are at their level either. Without data,
 * or with an interrupt that comes first, there is one answer.
 */
static void both_read_iir(struct pair *p)
{
	gboolean first = p->uart.ier & UART_IER_RLSI && p->front.overrun;
	gboolean data = p->uart.ier & UART_IER_RDI && p->front.fifo_nr;

	if (first || !data)
		both_read(p, UART_IIR, 0xff);
	else if (p->front.fifo_nr >= fifo_trigger(p))
		both_read(p, UART_IIR, 0xf7);
}

/* QEMU's is given what is typed by a thread of its own. */
static void wait_for_data(struct pair *p)
{
	gint64 until = g_get_monotonic_time() + PATIENCE;

	if (!p->front.fifo_nr)
		return;
	/* With nothing else to tell LSR may be read at will. */
	both_read(p, UART_LSR, (guint8)~UART_LSR_DR);
	while (!(qemu_read(UART_LSR) & UART_LSR_DR))
		if (g_get_monotonic_time() > until)
			g_error("after%s: QEMU's has no data", p->log->str);
}

static void both_type(struct pair *p)
{
	char text[17] = "";
	guint n = p->uart.fcr & UART_FCR_ENABLE_FIFO ? g_test_rand_int_range(1, 16) : 1;

	/* Only into an empty FIFO it is certain what it will have, and not looped back. */
	if (p->front.fifo_nr || p->uart.mcr & UART_MCR_LOOP || p->uart.lcr & UART_LCR_DLAB)
		return;
	for (guint i = 0; i < n; i++)
		text[i] = g_test_rand_int_range('a', 'z');
	g_string_append_printf(p->log, " \"%s\"", text);
	for (guint i = 0; i < n; i++)
		vsb_front_receive(&p->front, (guint8)text[i]);
	vsb_front_dry(&p->front);
	type(text);
	/* All of it, or a FIFO that is cleared would not have it. */
	while (p->front.fifo_nr) {
		wait_for_data(p);
		both_read(p, UART_RX, 0xff);
		if (g_test_rand_int_range(0, 3) == 0)
			both_read_iir(p);
	}
}

static void random_access(struct pair *p)
{
	static const guint8 fcr[] = { 0x00, 0x01, 0x03, 0x05, 0x07, 0x41, 0x81, 0xc1, 0xc7 };
	gboolean dlab = p->uart.lcr & UART_LCR_DLAB;
	guint8 any = g_test_rand_int_range(0, 256);

	switch (g_test_rand_int_range(0, 16)) {
	case 0 ... 1:
		both_write(p, UART_TX, any);
		break;
	case 2 ... 3:
		/* QEMU's tells of no change in loopback. */
		both_write(p, UART_IER, p->modem && !dlab ? any & ~UART_IER_MSI : any);
		break;
	case 4:
		both_write(p, UART_FCR, fcr[g_test_rand_int_range(0, G_N_ELEMENTS(fcr))]);
		break;
	case 5:
		both_write(p, UART_LCR, any & (g_test_rand_int_range(0, 4) ? 0x3f : 0xbf));
		break;
	case 6:
		both_write(p, UART_MCR, p->modem && g_test_rand_int_range(0, 2) ? any :
					any & ~UART_MCR_LOOP);
		break;
	case 7:
		both_write(p, UART_SCR, any);
		break;
	case 8 ... 9:
		if (dlab || p->front.fifo_nr || p->uart.fcr & UART_FCR_ENABLE_FIFO)
			both_read(p, UART_RX, 0xff);
		break;
	case 10:
		both_read(p, UART_IER, 0xff);
		break;
	case 11 ... 12:
		both_read_iir(p);
		break;
	case 13:
		both_read(p, UART_LSR, 0xff);
		break;
	case 14:
		both_read(p, UART_MSR, p->modem ? 0xf0 : 0xff);
		break;
	default:
		if (g_test_rand_int_range(0, 2))
			both_type(p);
		else
			both_read(p, g_test_rand_int_range(0, 2) ? UART_LCR : UART_SCR, 0xff);
	}
}

/* What was sent came out, in that order. */
static void check_sent(struct pair *p)
{
	g_autofree guint8 *got = g_malloc(p->sent->len + 1);

	for (guint n = 0; n < p->sent->len;) {
		gssize more = read(line, got + n, p->sent->len - n);

		g_assert_cmpint(more, >, 0);
		n += more;
	}
	g_assert_cmpmem(got, p->sent->len, p->sent->data, p->sent->len);
	/* And is what the front has for its proxy. */
	for (guint n = 0, i = p->front.out_tail; i != p->front.out_head; i++) {
		guint16 entry = *vsb_front_entry(&p->front, i);

		if (VSB_ENTRY_REG(entry) == VSB_OUT_DATA)
			g_assert_cmphex(entry & 0xff, ==, got[n++]);
	}
}

static void test_random(void)
{
	g_autofree struct pair *p = g_new0(struct pair, 1);

	begin();
	for (guint round = 0; round < ROUNDS; round++) {
		memset(p, 0, sizeof(*p));
		p->uart.base = BASE;
		p->log = g_string_new(NULL);
		p->sent = g_byte_array_new();
		p->modem = round % 2;
		p->front.out = room;
		p->front.out_size = VSB_OUT_SIZE;
		vsb_front_init(&p->front, &p->uart);
		both_write(p, UART_LCR, 0x80);
		both_write(p, UART_DLL, 0x01);
		both_write(p, UART_DLM, 0x00);
		both_write(p, UART_LCR, 0x03);
		both_write(p, UART_IER, 0);
		both_write(p, UART_MCR, 0);
		both_write(p, UART_FCR, 0x07);
		both_write(p, UART_FCR, 0x00);
		both_write(p, UART_SCR, 0);
		both_read(p, UART_MSR, 0xf0);
		/* Of the round before. */
		qemu_read(UART_LSR);
		for (guint i = 0; i < ACCESSES; i++)
			random_access(p);
		check_sent(p);
		g_string_free(p->log, TRUE);
		g_byte_array_unref(p->sent);
	}
	end();
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define ADD_TABLE(name) g_test_add_func("/registers/qemu/" #name, test_##name);
	UART_TABLES(ADD_TABLE)
	g_test_add_func("/registers/model", test_model);
	g_test_add_func("/registers/random", test_random);
	return g_test_run();
}
