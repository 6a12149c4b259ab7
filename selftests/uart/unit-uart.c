// SPDX-License-Identifier: GPL-2.0
/* The front of a 16550: its registers, and what gets through it. */
#include <glib.h>
#include <string.h>

#include "devices/front.h"
#include "model.h"
#include "tables.h"

static struct vsb_uart uart;
static struct vsb_front front;
static guint16 room[VSB_KEPT_SIZE];
static struct model *proxy;

/* ---- a proxy around the front ---- */

static void give_line(gboolean before)
{
	if (proxy->line && !before)
		vsb_pump_kick(&front);
}

/* One access to the proxy's UART. */
static gboolean pump_once(void)
{
	struct vsb_io io;
	gboolean line = proxy->line;

	if (!vsb_pump_next(&front, &io))
		return FALSE;
	g_assert_cmpuint(io.count, >=, 1);
	g_assert_cmpuint(io.count, <=, VSB_FIFO_SIZE);
	g_assert_cmpuint(io.reg, <, 8);
	for (guint i = 0; i < io.count; i++) {
		/* A line that falls in between is seen to fall. */
		line &= proxy->line;
		if (io.in)
			io.data[i] = model_read(proxy, io.reg);
		else
			model_write(proxy, io.reg, io.data[i]);
	}
	give_line(line);
	vsb_pump_done(&front, io.data);
	return TRUE;
}

static void step(void)
{
	gboolean line = proxy->line;

	model_step(proxy);
	give_line(line);
}

/* Until nothing moves any more; one that is blocked is polled a few times. */
static void settle(void)
{
	guint polls = 0;

	for (guint idle = 0; idle < 3 && polls < 5; idle++) {
		step();
		if (vsb_pump_blocked(&front)) {
			vsb_pump_kick(&front);
			polls += proxy->blocked;
		}
		while (pump_once())
			idle = 0;
	}
}

static void new_proxy(void)
{
	model_reset(proxy);
	proxy->blocked = FALSE;
	vsb_pump_attach(&front);
}

static void begin(void)
{
	memset(&uart, 0, sizeof(uart));
	uart.base = 0x3f8;
	g_free(proxy);
	proxy = g_new0(struct model, 1);
	front.out = room;
	front.out_size = VSB_OUT_SIZE;
	vsb_front_init(&front, &uart);
	new_proxy();
	settle();
	proxy->nr_sent = 0;
}

static void type(const char *text)
{
	while (*text)
		proxy->source[proxy->nr_source++] = (guint8)*text++;
	settle();
}

#define RD(reg)		vsb_front_read(&front, (reg))
#define WR(reg, value)	vsb_front_write(&front, (reg), (value))

static gboolean rose(void)
{
	gboolean r = front.rose;

	front.rose = FALSE;
	return r;
}

/* ---- registers ---- */

/* Accesses of tables.h, one at once after the other. */
static void run_table(const struct uart_access *a, gsize n)
{
	begin();
	for (gsize i = 0; i < n; i++) {
		guint got;

		switch (a[i].what) {
		case UART_W:
			WR(a[i].reg, a[i].value);
			break;
		case UART_TYPE:
			type(a[i].text);
			break;
		default:
			got = RD(a[i].reg) & a[i].mask;
			if (got != a[i].value)
				g_error("access %zu: register %u is 0x%02x, wanted 0x%02x", i + 1,
					a[i].reg, got, a[i].value);
			break;
		}
	}
}

#define TABLE_TEST(name) \
	static void test_##name(void) { run_table(name, G_N_ELEMENTS(name)); }
UART_TABLES(TABLE_TEST)
SHEET_TABLES(TABLE_TEST)

/* ---- edges ---- */

static void test_edges(void)
{
	begin();
	WR(UART_FCR, 0x01);
	WR(UART_IER, UART_IER_THRI);
	g_assert_true(front.level);
	g_assert_true(rose());
	/* A driver that does not look at IIR gets an edge for each byte. */
	WR(UART_TX, 'a');
	g_assert_true(front.level);
	g_assert_true(rose());
	g_assert_cmphex(RD(UART_IIR) & 0x0f, ==, UART_IIR_THRI);
	g_assert_false(front.level);
	g_assert_false(rose());
	/* In a handler there is nothing to wait for. */
	WR(UART_TX, 'b');
	g_assert_true(rose());
	WR(UART_IER, UART_IER_RDI);
	g_assert_false(front.level);
	type("x");
	g_assert_true(rose());
	type("y");
	g_assert_false(rose());
	RD(UART_RX);
	g_assert_true(front.level);
	RD(UART_RX);
	g_assert_false(front.level);
}

/* Linux echoes: switched on it is there, its handler sends and switches it off. */
static void test_linux_echo(void)
{
	begin();
	WR(UART_FCR, 0x81);
	WR(UART_IER, UART_IER_RDI);
	for (guint i = 0; i < 40; i++) {
		WR(UART_IER, UART_IER_RDI | UART_IER_THRI);
		g_assert_true(front.level);
		g_assert_true(rose());
		g_assert_cmphex(RD(UART_IIR), ==, 0xc2);
		WR(UART_TX, 'e');
		WR(UART_IER, UART_IER_RDI);
		g_assert_false(front.level);
		rose();
		g_assert_cmphex(RD(UART_IIR), ==, 0xc1);
		g_assert_false(rose());
	}
}

/* Looped back, a transmitter that is held off is not. */
static void test_hold_off_loop(void)
{
	begin();
	WR(UART_IER, UART_IER_THRI);
	proxy->blocked = TRUE;
	for (guint i = 0; RD(UART_LSR) & UART_LSR_THRE; i++) {
		g_assert_cmpuint(i, <, VSB_OUT_SIZE);
		WR(UART_TX, i);
	}
	g_assert_false(front.level);
	g_assert_cmphex(RD(UART_IIR), ==, 0x01);
	rose();
	WR(UART_MCR, UART_MCR_LOOP);
	g_assert_true(rose());
	g_assert_cmphex(RD(UART_LSR), ==, 0x60);
	g_assert_cmphex(RD(UART_IIR), ==, 0x02);
	WR(UART_TX, 'x');
	g_assert_cmphex(RD(UART_IIR), ==, 0x02);
	g_assert_cmphex(RD(UART_LSR), ==, 0x61);
	g_assert_cmphex(RD(UART_RX), ==, 'x');
	WR(UART_TX, 'y');
	WR(UART_MCR, 0);
	g_assert_cmphex(RD(UART_IIR), ==, 0x01);
	g_assert_cmphex(RD(UART_LSR), ==, 0x01);
	/* Its end is told once, in here and out there. */
	WR(UART_MCR, UART_MCR_LOOP);
	g_assert_cmphex(RD(UART_IIR), ==, 0x02);
	proxy->blocked = FALSE;
	settle();
	g_assert_cmphex(RD(UART_IIR), ==, 0x01);
	g_assert_cmphex(RD(UART_LSR), ==, 0x61);
}

/* As FreeBSD's ns8250_bus_transmit(): a FIFO full, then the interrupt is switched on. */
static void test_full_fifo(void)
{
	begin();
	WR(UART_FCR, 0x01);
	for (guint i = 0; i < 3; i++) {
		for (guint n = 0; n < VSB_FIFO_SIZE; n++)
			WR(UART_TX, n);
		WR(UART_IER, UART_IER_THRI);
		g_assert_true(rose());
		g_assert_cmphex(RD(UART_IIR) & 0x0f, ==, UART_IIR_THRI);
		WR(UART_IER, 0);
		g_assert_cmphex(RD(UART_IIR) & 0x0f, ==, UART_IIR_NO_INT);
	}
}

/* ---- what goes out ---- */

static void expect_sent(const guint16 *want, gsize n)
{
	g_assert_cmpuint(proxy->nr_sent, ==, n);
	for (gsize i = 0; i < n; i++)
		g_assert_cmphex(proxy->sent[i], ==, want[i]);
}

static void test_order(void)
{
	static const guint16 want[] = {
		MODEL_PARAMS | 0x03, 'a', MODEL_BREAK | 1, 'b', MODEL_BREAK | 0, 'c',
		MODEL_PARAMS | 0x1b, MODEL_DIVISOR | 0x0001, MODEL_DIVISOR | 0x0301, 'd',
	};

	begin();
	proxy->blocked = TRUE;
	WR(UART_LCR, 0x03);
	WR(UART_TX, 'a');
	WR(UART_LCR, 0x43);
	WR(UART_TX, 'b');
	WR(UART_LCR, 0x03);
	WR(UART_TX, 'c');
	WR(UART_LCR, 0x9b);
	WR(UART_DLL, 0x01);
	WR(UART_DLM, 0x03);
	WR(UART_LCR, 0x1b);
	WR(UART_TX, 'd');
	settle();
	proxy->blocked = FALSE;
	settle();
	expect_sent(want, G_N_ELEMENTS(want));
	g_assert_cmpuint(proxy->lost, ==, 0);
	g_assert_cmphex(proxy->divisor, ==, 0x301);
	g_assert_cmphex(proxy->lcr, ==, 0x1b);
	g_assert_true(vsb_pump_drained(&front));
}

/* The last byte is in no FIFO any more, and not gone: THRE without TEMT. */
static void test_last_byte(void)
{
	begin();
	proxy->blocked = TRUE;
	WR(UART_TX, 'x');
	settle();
	g_assert_cmphex(model_read(proxy, UART_LSR), ==, UART_LSR_THRE);
	g_assert_false(vsb_pump_drained(&front));
	g_assert_true(vsb_pump_blocked(&front));
	proxy->blocked = FALSE;
	settle();
	g_assert_true(vsb_pump_drained(&front));
	g_assert_false(vsb_pump_blocked(&front));
	g_assert_cmpuint(proxy->nr_sent, ==, 1);
}

/* The RESET pin: registers are gone, bytes are not. */
static void test_reset(void)
{
	begin();
	WR(UART_FCR, 0xc1);
	WR(UART_LCR, 0x1b);
	WR(UART_MCR, 0x0b);
	WR(UART_SCR, 0x5a);
	WR(UART_IER, 0x0f);
	WR(UART_TX, 'x');
	g_assert_true(front.level);
	WR(UART_TX, 'x');
	vsb_front_reset(&front);
	g_assert_false(front.level);
	g_assert_cmphex(RD(UART_IER), ==, 0);
	g_assert_cmphex(RD(UART_IIR), ==, 0x01);
	g_assert_cmphex(RD(UART_LCR), ==, 0);
	g_assert_cmphex(RD(UART_MCR), ==, 0);
	g_assert_cmphex(RD(UART_SCR), ==, 0x5a);
	g_assert_cmphex(RD(UART_LSR), ==, 0x60);
	g_assert_cmphex(RD(UART_MSR), ==, 0xb0);
	settle();
	g_assert_cmphex(proxy->lcr, ==, 0);
	g_assert_cmpuint(proxy->nr_sent, >=, 1);
	g_assert_true(vsb_pump_drained(&front));
}

/* Nothing of what is lost by a driver that does not look is a register. */
static void test_hold_off(void)
{
	guint n = 0;

	begin();
	WR(UART_FCR, 0x01);
	proxy->blocked = TRUE;
	WR(UART_IER, UART_IER_THRI);
	RD(UART_IIR);
	while (RD(UART_LSR) & UART_LSR_THRE) {
		for (guint i = 0; i < 16; i++)
			WR(UART_TX, n++);
		settle();
		g_assert_cmpuint(n, <=, VSB_OUT_SIZE);
	}
	g_assert_cmpuint(n, >=, VSB_OUT_HIGH);
	g_assert_cmpuint(RD(UART_LSR), ==, 0);
	g_assert_cmpuint(RD(UART_IIR), ==, 0xc1);
	g_assert_false(front.level);
	g_assert_cmpuint(front.dropped, ==, 0);
	/* It is taken from: the transmitter says so. */
	rose();
	proxy->blocked = FALSE;
	settle();
	g_assert_true(front.level);
	g_assert_true(rose());
	g_assert_cmpuint(RD(UART_IIR), ==, 0xc2);
	g_assert_cmpuint(RD(UART_LSR), ==, 0x60);
	g_assert_cmpuint(proxy->nr_sent, ==, n);
	for (guint i = 0; i < n; i++)
		g_assert_cmphex(proxy->sent[i], ==, i & 0xff);
	/* Only who does not look loses something: bytes, no break. */
	proxy->blocked = TRUE;
	for (guint i = 0; i < 2 * VSB_OUT_SIZE; i++)
		WR(UART_TX, 0);
	g_assert_cmpuint(front.dropped, >, 0);
	for (guint i = 0; i < 100; i++) {
		WR(UART_LCR, 0x40);
		WR(UART_LCR, 0x00);
	}
	WR(UART_LCR, 0x43);
	g_assert_cmpuint(front.out_head - front.out_tail, <=, VSB_OUT_SIZE);
	proxy->blocked = FALSE;
	settle();
	g_assert_true(vsb_pump_drained(&front));
	g_assert_cmphex(proxy->lcr, ==, 0x43);
	g_assert_cmpuint(proxy->lost, ==, 0);
}

/* A little output can wait for more; nothing else can. */
static void test_urgent(void)
{
	begin();
	settle();
	WR(UART_FCR, 0x01);
	g_assert_false(vsb_pump_ready(&front));
	for (guint i = 0; i < VSB_OUT_BATCH - 1; i++)
		WR(UART_TX, i);
	g_assert_true(vsb_pump_ready(&front));
	g_assert_false(vsb_pump_urgent(&front));
	WR(UART_TX, 'x');
	g_assert_true(vsb_pump_urgent(&front));
	settle();
	g_assert_false(vsb_pump_urgent(&front));
	WR(UART_TX, 'y');
	g_assert_false(vsb_pump_urgent(&front));
	vsb_pump_kick(&front);
	g_assert_true(vsb_pump_urgent(&front));
	settle();
	g_assert_cmpuint(proxy->nr_sent, ==, VSB_OUT_BATCH + 1);
}

/* ---- what comes in ---- */

static void test_break(void)
{
	begin();
	WR(UART_FCR, 0x01);
	WR(UART_IER, UART_IER_RLSI | UART_IER_RDI);
	proxy->source[proxy->nr_source++] = 'a';
	proxy->source[proxy->nr_source++] = 'b';
	proxy->source[proxy->nr_source++] = MODEL_BREAK;
	type("c");
	/* It travels with its byte. */
	g_assert_cmphex(RD(UART_LSR), ==, 0xe1);
	g_assert_cmphex(RD(UART_RX), ==, 'a');
	g_assert_cmphex(RD(UART_LSR), ==, 0xe1);
	g_assert_cmphex(RD(UART_RX), ==, 'b');
	g_assert_cmphex(RD(UART_IIR), ==, 0xc6);
	g_assert_cmphex(RD(UART_LSR), ==, 0xf1);
	g_assert_cmphex(RD(UART_LSR), ==, 0x61);
	g_assert_cmphex(RD(UART_IIR), ==, 0xc4);
	g_assert_cmphex(RD(UART_RX), ==, 0);
	g_assert_cmphex(RD(UART_RX), ==, 'c');
	g_assert_cmphex(RD(UART_LSR), ==, 0x60);
}

/* What the line has for it is taken in batches; a break is at its byte all the same. */
static void test_batches(void)
{
	guint n = 800, at = 403, ops = 0;

	begin();
	for (guint i = 0; i < n; i++)
		proxy->source[proxy->nr_source++] = i == at ? MODEL_BREAK : 1 + i % 50;
	while (proxy->taken < n || proxy->nr_rx) {
		step();
		while (pump_once())
			ops++;
	}
	/* LSR, IIR and 14 bytes, and once more LSR. */
	g_assert_cmpuint(ops, <, n / 3);
	for (guint i = 0; i < n; i++) {
		guint lsr = RD(UART_LSR);

		g_assert_true(lsr & UART_LSR_DR);
		g_assert_cmpuint(!!(lsr & UART_LSR_BI), ==, i == at);
		g_assert_cmphex(RD(UART_RX), ==, i == at ? 0 : 1 + i % 50);
	}
	g_assert_cmphex(RD(UART_LSR), ==, 0x60);
}

/* Accesses of the proxy's UART until the user VM is told of @key, the only one that waits. */
static guint ops_until_told(guint8 key)
{
	guint ops = 0;

	proxy->source[proxy->nr_source++] = key;
	/* No character time passes without a character. */
	step();
	while (!front.level && pump_once())
		ops++;
	g_assert_true(front.level);
	g_assert_cmphex(RD(UART_RX), ==, key);
	settle();
	return ops;
}

/* A key is there at once, before a burst and behind it. */
static void test_singles(void)
{
	begin();
	WR(UART_FCR, 0x81);
	WR(UART_IER, UART_IER_RDI);
	settle();
	g_assert_cmpuint(ops_until_told('a'), <=, 2);
	g_assert_cmpuint(ops_until_told('b'), <=, 2);
	type("0123456789012345678901234567890123456789");
	for (guint i = 0; i < 40; i++) {
		g_assert_cmphex(RD(UART_RX), ==, '0' + i % 10);
		settle();
	}
	g_assert_cmpuint(ops_until_told('c'), <=, 2);
}

/* Read ahead up to a bound; then the other side is held off. */
static void test_read_ahead(void)
{
	begin();
	for (guint i = 0; i < 5000; i++)
		proxy->source[proxy->nr_source++] = i * 7 & 0xff;
	settle();
	g_assert_cmpuint(proxy->taken, <=, VSB_IN_SIZE + 3 * VSB_FIFO_SIZE);
	WR(UART_FCR, 0x00);
	for (guint i = 0; i < 5000; i++) {
		settle();
		g_assert_true(RD(UART_LSR) & UART_LSR_DR);
		g_assert_cmphex(RD(UART_RX), ==, i * 7 & 0xff);
	}
	g_assert_cmphex(RD(UART_LSR), ==, 0x60);
}

/* What was typed before the first access is not lost when the FIFO goes on. */
/* A handler as Linux' until IIR shows nothing. Return: what it read. */
static guint handle(guint next)
{
	guint n = 0;

	while ((RD(UART_IIR) & 0x0f) != UART_IIR_NO_INT) {
		while (RD(UART_LSR) & UART_LSR_DR) {
			g_assert_cmphex(RD(UART_RX), ==, (next + n++) * 7 & 0xff);
			settle();
		}
	}
	return n;
}

/* It comes to its end, and is called again, however much is there. */
static void test_bursts(void)
{
	guint runs = 0, n = 0;

	begin();
	WR(UART_FCR, 0x01);
	WR(UART_IER, UART_IER_RDI);
	for (guint i = 0; i < 5000; i++)
		proxy->source[proxy->nr_source++] = i * 7 & 0xff;
	settle();
	while (rose()) {
		guint got = handle(n);

		g_assert_cmpuint(got, <=, 128 + VSB_FIFO_SIZE);
		n += got;
		runs++;
		settle();
	}
	g_assert_cmpuint(n, ==, 5000);
	g_assert_cmpuint(runs, <, 50);

	/* One that does not look again gets the rest after a moment. */
	for (guint i = 0; i < 1000; i++)
		proxy->source[proxy->nr_source++] = i * 7 & 0xff;
	settle();
	g_assert_cmphex(RD(UART_IIR) & 0x0f, !=, UART_IIR_NO_INT);
	for (guint i = 0; i < 1000; i++) {
		if (!(RD(UART_LSR) & UART_LSR_DR)) {
			g_assert_false(front.level);
			g_assert_true(vsb_front_waits(&front));
			/* Looped back, it waits for nothing. */
			WR(UART_MCR, UART_MCR_LOOP);
			g_assert_false(vsb_front_waits(&front));
			WR(UART_MCR, 0);
			g_assert_true(vsb_front_waits(&front));
			rose();
			vsb_front_moment(&front);
			g_assert_true(front.level);
			g_assert_true(rose());
		}
		g_assert_cmphex(RD(UART_RX), ==, i * 7 & 0xff);
		settle();
	}
	g_assert_false(vsb_front_waits(&front));
}

/*
 * Who polls and has asked IIR once, as SeaBIOS, waits for nobody: no moment passes here.
 * At most once LSR has nothing where there is something.
 */
static void test_polled(void)
{
	static const guint8 ier[] = { 0x00, UART_IER_RDI, UART_IER_THRI, 0x0f };

	for (guint k = 0; k < G_N_ELEMENTS(ier); k++) {
		begin();
		for (guint i = 0; i < 1000; i++)
			proxy->source[proxy->nr_source++] = i * 7 & 0xff;
		settle();
		WR(UART_IER, 0x03);
		g_assert_cmphex(RD(UART_IIR) & 0x0f, ==, UART_IIR_RDI);
		WR(UART_IER, ier[k]);
		for (guint i = 0; i < 1000; i++) {
			if (!(RD(UART_LSR) & UART_LSR_DR)) {
				g_assert_cmphex(ier[k], !=, 0);
				g_assert_true(RD(UART_LSR) & UART_LSR_DR);
			}
			g_assert_cmphex(RD(UART_RX), ==, i * 7 & 0xff);
		}
		g_assert_false(vsb_front_waits(&front));
		g_assert_cmphex(RD(UART_LSR), ==, 0x60);
		g_assert_cmphex(RD(UART_LSR), ==, 0x60);
	}
}

static void test_typed_before(void)
{
	begin();
	model_reset(proxy);
	proxy->source[proxy->nr_source++] = 'e';
	proxy->source[proxy->nr_source++] = 'a';
	model_step(proxy);
	vsb_pump_attach(&front);
	settle();
	g_assert_cmphex(RD(UART_RX), ==, 'e');
	g_assert_cmphex(RD(UART_RX), ==, 'a');
	g_assert_cmphex(RD(UART_LSR), ==, 0x60);
}

/* ---- proxies ---- */

static void test_no_proxy(void)
{
	begin();
	WR(UART_LCR, 0x93);
	WR(UART_DLL, 0x05);
	WR(UART_LCR, 0x13);
	WR(UART_MCR, 0x0b);
	settle();
	vsb_pump_detach(&front);
	WR(UART_IER, UART_IER_RDI);
	for (const char *c = "while it is away"; *c; c++)
		WR(UART_TX, *c);
	WR(UART_LCR, 0x53);
	g_assert_cmphex(RD(UART_LSR), ==, 0x60);
	g_assert_false(vsb_pump_ready(&front));
	proxy->nr_sent = 0;
	new_proxy();
	settle();
	g_assert_cmphex(proxy->divisor, ==, 0x05);
	g_assert_cmphex(proxy->mcr, ==, 0x0b);
	g_assert_cmphex(proxy->ier, ==, 0x05);
	g_assert_cmphex(proxy->lcr, ==, 0x53);
	g_assert_cmphex(proxy->sent[proxy->nr_sent - 1], ==, MODEL_BREAK | 1);
	g_assert_cmphex(proxy->sent[proxy->nr_sent - 2], ==, 'y');
}

/* Nobody answers at its ports. */
static void test_absent(void)
{
	struct vsb_io io;

	begin();
	vsb_pump_attach(&front);
	WR(UART_FCR, 0x01);
	for (guint i = 0; i < 100000; i++) {
		g_assert_true(RD(UART_LSR) & UART_LSR_THRE);
		WR(UART_TX, i);
		vsb_pump_kick(&front);
		while (vsb_pump_next(&front, &io)) {
			memset(io.data, 0xff, sizeof(io.data));
			vsb_pump_done(&front, io.data);
		}
	}
	g_assert_cmphex(RD(UART_LSR), ==, 0x60);
}

/* ---- a proxy that rests ---- */

static void begin_rest(guint size)
{
	begin();
	front.out_size = size;
	front.out_head = front.out_sent = front.out_tail = 0;
	vsb_front_keep(&front);
}

/* The newest output is there for who comes, and how much is not; nobody was held off. */
static void test_rest(void)
{
	guint n = VSB_KEPT_SIZE + 10000, kept = VSB_KEPT_SIZE - VSB_KEPT_FREE, at = 0;

	begin_rest(VSB_KEPT_SIZE);
	WR(UART_FCR, 0x01);
	WR(UART_IER, UART_IER_THRI);
	RD(UART_IIR);
	for (guint i = 0; i < n; i++) {
		g_assert_cmphex(RD(UART_LSR), ==, 0x60);
		rose();
		WR(UART_TX, i % 251);
		g_assert_true(rose());
		g_assert_false(vsb_pump_ready(&front));
	}
	g_assert_cmpuint(front.dropped, ==, 0);
	g_assert_cmpuint(front.lost, ==, n - kept);
	new_proxy();
	settle();
	g_assert_cmpuint(proxy->nr_sent, ==, kept);
	for (guint i = n - kept; i < n; i++)
		g_assert_cmphex(proxy->sent[at++], ==, i % 251);
	g_assert_cmphex(RD(UART_LSR), ==, 0x60);
	/* Then it holds off, as ever. */
	proxy->blocked = TRUE;
	for (guint i = 0; RD(UART_LSR) & UART_LSR_THRE; i++) {
		g_assert_cmpuint(i, <, VSB_OUT_SIZE);
		WR(UART_TX, i);
	}
	g_assert_cmpuint(front.lost, ==, n - kept);
}

/* The proxy comes while the driver sends, which has looked and does not again for a whole FIFO. */
static void test_rest_ends(void)
{
	guint n = VSB_KEPT_SIZE + 10000, at = 0, kept;

	begin_rest(VSB_KEPT_SIZE);
	WR(UART_FCR, 0x01);
	WR(UART_IER, UART_IER_THRI);
	for (guint i = 0; i < n; i++)
		WR(UART_TX, i % 251);
	g_assert_cmphex(RD(UART_LSR), ==, 0x60);
	new_proxy();
	for (guint i = 0; i < VSB_FIFO_SIZE; i++)
		WR(UART_TX, n++ % 251);
	g_assert_cmpuint(front.dropped, ==, 0);
	/* From now on it is told that it has to wait, and then that it has not. */
	g_assert_cmphex(RD(UART_LSR), ==, 0);
	g_assert_cmphex(RD(UART_IIR), ==, 0xc1);
	kept = n - (guint)front.lost;
	settle();
	g_assert_cmphex(RD(UART_IIR), ==, 0xc2);
	g_assert_cmphex(RD(UART_LSR), ==, 0x60);
	g_assert_cmpuint(proxy->nr_sent, ==, kept);
	for (guint i = n - kept; i < n; i++)
		g_assert_cmphex(proxy->sent[at++], ==, i % 251);
}

/* Parameters that have made room hold from the first byte on that is left. */
static void test_rest_params(void)
{
	begin_rest(VSB_OUT_SIZE);
	WR(UART_LCR, 0x83);
	WR(UART_DLL, 0x0c);
	WR(UART_DLM, 0x01);
	WR(UART_LCR, 0x1b);
	WR(UART_MCR, 0x0b);
	for (guint i = 0; i < 2 * VSB_OUT_SIZE; i++)
		WR(UART_TX, 'x');
	WR(UART_LCR, 0x03);
	for (guint i = 0; i < 100; i++)
		WR(UART_TX, 'y');
	g_assert_false(front.behind);
	new_proxy();
	g_assert_cmphex(front.pump.params.lcr, ==, 0x1b);
	settle();
	g_assert_cmphex(proxy->divisor, ==, 0x10c);
	g_assert_cmphex(proxy->mcr & 0x0f, ==, 0x0b);
	g_assert_cmphex(proxy->lcr, ==, 0x03);
	/* They are told where they have changed. */
	g_assert_cmphex(proxy->sent[proxy->nr_sent - 101], ==, MODEL_PARAMS | 0x03);
	g_assert_cmphex(proxy->sent[proxy->nr_sent - 102], ==, 'x');
	g_assert_cmphex(proxy->sent[proxy->nr_sent - 1], ==, 'y');
	g_assert_cmpuint(front.lost, >, VSB_OUT_SIZE);
}

/* One that goes to rest while the user VM is held off lets it go, and loses nothing. */
static void test_rest_again(void)
{
	guint n = 0;

	begin();
	WR(UART_FCR, 0x01);
	WR(UART_IER, UART_IER_THRI);
	proxy->blocked = TRUE;
	settle();
	while (RD(UART_LSR) & UART_LSR_THRE)
		WR(UART_TX, n++ % 251);
	RD(UART_IIR);
	rose();
	vsb_front_keep(&front);
	g_assert_cmphex(RD(UART_LSR), ==, 0x60);
	g_assert_true(rose());
	g_assert_cmphex(RD(UART_IIR), ==, 0xc2);
	for (guint i = 0; i < 500; i++)
		WR(UART_TX, n++ % 251);
	new_proxy();
	settle();
	g_assert_cmpuint(front.lost, ==, 0);
	g_assert_cmpuint(proxy->nr_sent, ==, n);
	for (guint i = 0; i < n; i++)
		g_assert_cmphex(proxy->sent[i], ==, i % 251);
	/* Its interrupts and loopback are its own. */
	vsb_front_keep(&front);
	WR(UART_MCR, UART_MCR_LOOP);
	WR(UART_TX, 'l');
	g_assert_cmphex(RD(UART_RX), ==, 'l');
}

/* It answers anything: nothing breaks, nothing is endless. */
static void test_hostile(void)
{
	GRand *rand = g_rand_new_with_seed(7);
	struct vsb_io io;

	begin();
	for (guint i = 0; i < 300000; i++) {
		switch (g_rand_int_range(rand, 0, 7)) {
		case 0:
			RD(g_rand_int_range(rand, 0, 8));
			break;
		case 1:
			WR(g_rand_int_range(rand, 0, 8), g_rand_int(rand));
			break;
		case 2:
			vsb_pump_kick(&front);
			break;
		case 3:
			vsb_front_moment(&front);
			break;
		case 4:
			if (g_rand_int_range(rand, 0, 100) == 0)
				vsb_pump_attach(&front);
			else if (g_rand_int_range(rand, 0, 100) == 0)
				vsb_pump_detach(&front);
			else if (g_rand_int_range(rand, 0, 100) == 0)
				vsb_front_keep(&front);
			break;
		default:
			if (!vsb_pump_next(&front, &io))
				break;
			for (guint b = 0; b < sizeof(io.data); b++)
				io.data[b] = g_rand_int(rand);
			/* A proxy that dies answers no more. */
			if (g_rand_int_range(rand, 0, 50))
				vsb_pump_done(&front, io.data);
			else
				vsb_pump_attach(&front);
			break;
		}
		g_assert_cmpuint(front.out_head - front.out_tail, <=, VSB_OUT_SIZE);
		g_assert_cmpuint(front.out_sent - front.out_tail, <=,
				 front.out_head - front.out_tail);
		g_assert_cmpuint(front.in_head - front.in_tail, <=, VSB_IN_SIZE);
		g_assert_cmpuint(front.fifo_nr, <=, VSB_FIFO_SIZE);
		g_assert_cmpuint(front.pump.todo_nr, <=, G_N_ELEMENTS(front.pump.todo));
	}
	g_rand_free(rand);
}

/*
 * A driver, a line and a reader that do what they like, in any order. All that
 * was sent arrives, and all that was typed; once, but for what a proxy had in its
 * FIFO when it was killed.
 */
static void random_life(guint32 seed, gboolean kills)
{
	GRand *rand = g_rand_new_with_seed(seed);
	guint sent = 0, typed = 0, read = 0, seen = 0, twice = 0, killed = 0;
	guint checked = 0;

	begin();
	WR(UART_FCR, 0xc1);
	for (guint i = 0; i < 60000; i++) {
		switch (g_rand_int_range(rand, 0, 10)) {
		case 0 ... 2:
			if (!(RD(UART_LSR) & UART_LSR_THRE))
				break;
			for (guint n = g_rand_int_range(rand, 1, 17); n; n--)
				WR(UART_TX, sent++ % 251);
			break;
		case 3:
			for (guint n = g_rand_int_range(rand, 1, 20); n; n--)
				proxy->source[proxy->nr_source++] = typed++ % 253;
			break;
		case 4 ... 5:
			while (RD(UART_LSR) & UART_LSR_DR && g_rand_int_range(rand, 0, 20))
				g_assert_cmphex(RD(UART_RX), ==, read++ % 253);
			break;
		case 6:
			step();
			break;
		case 7:
			proxy->blocked = g_rand_int_range(rand, 0, 3) == 0;
			if (kills && g_rand_int_range(rand, 0, 100) == 0) {
				/* What it had received dies with it. */
				typed -= proxy->nr_source - proxy->taken + proxy->nr_rx;
				g_assert_cmpuint(proxy->nr_rx, <=, MODEL_FIFO);
				new_proxy();
				proxy->nr_source = proxy->taken = 0;
				/*
				 * A byte that is received while its FIFO is switched
				 * on is lost, by QEMU's UART as by any.
				 */
				for (guint n = 0; n < 10; n++)
					pump_once();
				killed++;
			}
			break;
		default:
			if (vsb_pump_blocked(&front) && g_rand_int_range(rand, 0, 10) == 0)
				vsb_pump_kick(&front);
			for (guint n = g_rand_int_range(rand, 0, 20); n; n--)
				pump_once();
			break;
		}
		for (; seen < proxy->nr_sent; seen++) {
			guint want = checked % 251, got = proxy->sent[seen];

			g_assert_cmpuint(got, <, 0x100);
			if (got != want && kills) {
				guint back = (want + 251 - got) % 251;

				g_assert_cmpuint(back, <=, VSB_FIFO_SIZE + 1);
				checked -= back;
				twice += back;
			} else {
				g_assert_cmphex(got, ==, want);
			}
			checked++;
		}
		if (proxy->nr_sent > MODEL_LINE_MAX - 100 || proxy->nr_source > MODEL_LINE_MAX - 100)
			break;
	}
	proxy->blocked = FALSE;
	for (guint i = 0; i < 200; i++) {
		settle();
		while (RD(UART_LSR) & UART_LSR_DR)
			g_assert_cmphex(RD(UART_RX), ==, read++ % 253);
	}
	g_assert_true(vsb_pump_drained(&front));
	checked += proxy->nr_sent - seen;
	g_assert_cmpuint(checked, ==, sent);
	g_assert_cmpuint(read, ==, typed);
	g_assert_cmpuint(front.dropped, ==, 0);
	g_assert_cmpuint(proxy->lost, ==, 0);
	g_assert_cmpuint(twice, <=, killed * (VSB_FIFO_SIZE + 1));
	g_assert_cmpuint(sent, >, 10000);
	g_rand_free(rand);
}

static void test_random(void)
{
	for (guint32 seed = 1; seed <= 20; seed++)
		random_life(seed, FALSE);
}

static void test_random_kills(void)
{
	for (guint32 seed = 1; seed <= 20; seed++)
		random_life(seed, TRUE);
}

/* ---- in use before it was ours ---- */

static void test_in_use(void)
{
	begin();
	g_assert_true(vsb_uart_in_use(&uart, UART_IIR, true));
	vsb_front_ier(&front, 0);
	g_assert_cmphex(RD(UART_IER), ==, 0x07);
	g_assert_true(front.level);
	g_assert_false(vsb_uart_in_use(&uart, UART_IIR, true));
	g_assert_cmphex(RD(UART_IIR), ==, 0x02);
	g_assert_cmphex(RD(UART_IIR), ==, 0x01);
	/* It did not send. */
	g_assert_true(vsb_uart_settle(&uart));
	vsb_front_ier(&front, 0x07);
	g_assert_cmphex(RD(UART_IER), ==, 0x05);
	g_assert_false(vsb_uart_settle(&uart));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define ADD_TABLE(name) g_test_add_func("/registers/" #name, test_##name);
	UART_TABLES(ADD_TABLE)
	SHEET_TABLES(ADD_TABLE)
	g_test_add_func("/edges", test_edges);
	g_test_add_func("/linux-echo", test_linux_echo);
	g_test_add_func("/full-fifo", test_full_fifo);
	g_test_add_func("/out/order", test_order);
	g_test_add_func("/out/last-byte", test_last_byte);
	g_test_add_func("/out/reset", test_reset);
	g_test_add_func("/out/hold-off", test_hold_off);
	g_test_add_func("/out/hold-off-loop", test_hold_off_loop);
	g_test_add_func("/out/urgent", test_urgent);
	g_test_add_func("/in/break", test_break);
	g_test_add_func("/in/batches", test_batches);
	g_test_add_func("/in/singles", test_singles);
	g_test_add_func("/in/read-ahead", test_read_ahead);
	g_test_add_func("/in/bursts", test_bursts);
	g_test_add_func("/in/polled", test_polled);
	g_test_add_func("/in/typed-before", test_typed_before);
	g_test_add_func("/proxy/none", test_no_proxy);
	g_test_add_func("/proxy/absent", test_absent);
	g_test_add_func("/proxy/hostile", test_hostile);
	g_test_add_func("/rest/kept", test_rest);
	g_test_add_func("/rest/ends", test_rest_ends);
	g_test_add_func("/rest/params", test_rest_params);
	g_test_add_func("/rest/again", test_rest_again);
	g_test_add_func("/proxy/random", test_random);
	g_test_add_func("/proxy/random-kills", test_random_kills);
	g_test_add_func("/in-use", test_in_use);
	return g_test_run();
}
