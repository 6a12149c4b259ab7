// SPDX-License-Identifier: GPL-2.0
/*
 * A serial port: a 16550 that answers for itself (front.c, pump.c), or whose registers are
 * only followed while the proxy's answers (uart.c).
 *
 * The first register is the data or, with DLAB set, a divisor latch. Which one the proxy
 * takes it for can not be known for sure while another vCPU writes LCR. So before the proof
 * nothing of it passes; the divisor is read from our shadow, and given to the proxy after
 * the proof. A front does know.
 */
#include <linux/kernel.h>

#include "devices/device.h"
#include "devices/front.h"
#include "include/uapi/linux/kvm_vsbypass.h"

/**
 * struct vsb_com - a serial port
 * @dev:	its @answers: @front does; else the proxy
 * @uart:	registers as written
 * @front:	valid if it answers
 * @late:	the proxy was not woken for what a handler has sent
 * @touched:	by the user VM, since com_poll()
 * @line:	interrupt line of the proxy's UART
 */
struct vsb_com {
	struct vsb_device dev;
	struct vsb_uart uart;
	bool late;
	bool touched;
	bool line;
	struct vsb_front front;
};

static struct vsb_com *com_of(struct vsb_device *dev)
{
	return container_of(dev, struct vsb_com, dev);
}

static bool com_claim(const struct vsb_range *ranges, u32 nr)
{
	u32 i;

	for (i = 0; i < nr; i++)
		if (ranges[i].device == VSB_DEV_16550 && ranges[i].last - ranges[i].first != 7)
			return false;
	return true;
}

/* Its registers are as after a reset, whoever ran before: see vsb_uart_in_use(). */
static void com_init(struct vsb_device *dev, bool ran)
{
	struct vsb_com *com = com_of(dev);

	com->uart.base = dev->base;
	com->front.out = (u16 *)(com + 1);
	com->front.out_size = dev->keeps ? VSB_KEPT_SIZE : VSB_OUT_SIZE;
	dev->gsi = vsb_uart_gsi(&com->uart);
}

/* Registers, and what a front has. */
static void com_inherit(struct vsb_device *dev, struct vsb_device *old)
{
	struct vsb_com *com = com_of(dev), *was = com_of(old);

	com->uart = was->uart;
	if (!old->answers)
		return;
	vsb_front_inherit(&com->front, &com->uart, &was->front);
	dev->answers = true;
	dev->level = old->level;
	dev->rose = old->rose;
}

/* What the front has done to its line. */
static unsigned int com_line_of_front(struct vsb_com *com)
{
	if (com->front.level == com->dev.level && !com->front.rose)
		return 0;
	WRITE_ONCE(com->dev.level, com->front.level);
	com->dev.rose |= com->front.rose;
	com->front.rose = false;
	return VSB_DO_LINE;
}

/* The same, and whether a pause has begun; @waited: there was one. */
static unsigned int com_after(struct vsb_com *com, bool waited)
{
	unsigned int does = com_line_of_front(com);

	if (vsb_front_waits(&com->front) && !waited)
		does |= VSB_DO_MOMENT;
	return does;
}

/*
 * Is the proxy to be woken now? While a handler fills the queue, not for each byte
 * of it: where CPUs are few the proxy would push the user VM aside for each. A handler
 * that never ends is what poll is for.
 */
static unsigned int com_work(struct vsb_com *com)
{
	if (!vsb_pump_ready(&com->front))
		return 0;
	if (!com->front.handler || vsb_pump_urgent(&com->front)) {
		com->late = false;
		return VSB_DO_WORK;
	}
	if (com->late)
		return 0;
	com->late = true;
	return VSB_DO_POLL;
}

static u8 com_read(struct vsb_com *com, u8 reg)
{
	u8 ier = com->uart.ier, value = vsb_front_read(&com->front, reg);

	if (reg == UART_IIR && value & UART_IIR_NO_INT && vsb_uart_settle(&com->uart))
		vsb_front_ier(&com->front, ier);
	return value;
}

static unsigned int com_front_access(struct vsb_com *com, struct vsb_byte *b)
{
	struct vsb_front *f = &com->front;
	bool looks = b->in && b->reg == UART_IIR, handler = f->handler;
	bool waited = vsb_front_waits(f);
	unsigned int does = 0;
	u8 ier = com->uart.ier;

	com->touched = true;
	if (vsb_uart_in_use(&com->uart, b->reg, b->in))
		vsb_front_ier(f, ier);
	if (b->in)
		b->value = com_read(com, b->reg);
	else
		vsb_front_write(f, b->reg, b->value);
	if (looks && f->handler)
		does |= VSB_DO_HOLD;
	if ((looks || handler) && !f->handler)
		does |= VSB_DO_UNHOLD;
	return does | com_after(com, waited) | com_work(com);
}

/* IER of the proxy's UART becomes that of @com. */
static unsigned int com_write_ier(struct vsb_com *com, struct vsb_byte *b)
{
	b->also = (struct vsb_reg_write){
		.port = com->dev.base + UART_IER, .value = com->uart.ier,
	};
	return VSB_DO_WRITE;
}

static unsigned int com_access(struct vsb_device *dev, struct vsb_byte *b)
{
	struct vsb_com *com = com_of(dev);

	if (dev->answers)
		return com_front_access(com, b);
	/* As long as nobody is there it has not been used. */
	if (b->proxy && vsb_uart_in_use(&com->uart, b->reg, b->in))
		return VSB_DO_PASS | com_write_ier(com, b);
	return VSB_DO_PASS;
}

/*
 * Registers that are programmed count also if no proxy was there. IIR was read: bit 0
 * clear, the handler of an interrupt is at work; set, it has seen that there is no more.
 */
static unsigned int com_served(struct vsb_device *dev, struct vsb_byte *b, bool done)
{
	struct vsb_com *com = com_of(dev);

	if (!b->in)
		vsb_uart_write(&com->uart, b->reg, b->value);
	if (!b->in || !done || b->reg != UART_IIR)
		return 0;
	if (!(b->value & UART_IIR_NO_INT))
		return VSB_DO_HOLD;
	return VSB_DO_UNHOLD | (vsb_uart_settle(&com->uart) ? com_write_ier(com, b) : 0);
}

static void com_hide(struct vsb_device *dev, struct vsb_byte *b)
{
	struct vsb_uart *uart = &com_of(dev)->uart;
	bool dlab = uart->lcr & UART_LCR_DLAB;

	if (b->reg != UART_TX || (dev->answers && dlab))
		return;
	b->value = b->in && dlab ? uart->dll : 0;
}

/* It finds a UART as after a reset, and no driver waits for it. */
static void com_boots(struct vsb_device *dev)
{
	com_of(dev)->uart.known = true;
}

static unsigned int com_reset(struct vsb_device *dev)
{
	struct vsb_com *com = com_of(dev);

	if (!dev->answers) {
		vsb_uart_reset(&com->uart);
		return 0;
	}
	vsb_front_reset(&com->front);
	return com_line_of_front(com);
}

static unsigned int com_attach(struct vsb_device *dev, bool front, bool rests)
{
	struct vsb_com *com = com_of(dev);
	bool answers = front && dev->gsi >= 0;

	if (answers && !dev->answers)
		vsb_front_init(&com->front, &com->uart);
	com->line = false;
	WRITE_ONCE(dev->answers, answers);
	if (!answers)
		return 0;
	if (rests) {
		vsb_front_keep(&com->front);
		return com_after(com, false) | VSB_DO_LINE;
	}
	vsb_pump_attach(&com->front);
	return com_after(com, false) | VSB_DO_LINE | VSB_DO_WORK;
}

static void com_detach(struct vsb_device *dev)
{
	if (!dev->answers)
		return;
	if (dev->keeps)
		vsb_front_keep(&com_of(dev)->front);
	else
		vsb_pump_detach(&com_of(dev)->front);
}

static void com_clear(struct vsb_device *dev)
{
	struct vsb_com *com = com_of(dev);

	if (!dev->answers)
		return;
	vsb_front_init(&com->front, &com->uart);
	if (dev->keeps)
		vsb_front_keep(&com->front);
	com_line_of_front(com);
}

static unsigned int com_replay(struct vsb_device *dev, struct vsb_reg_write *out, bool again)
{
	const struct vsb_uart *uart = &com_of(dev)->uart;
	unsigned int nr;

	if (dev->answers)
		return 0;
	nr = vsb_uart_replay(uart, out);
	return again ? nr + vsb_uart_wake(uart, out + nr) : nr;
}

static unsigned int com_restore(struct vsb_device *dev, struct vsb_reg_write *out)
{
	BUILD_BUG_ON(VSB_UART_RESTORES > VSB_MAX_RESTORE);
	return vsb_uart_restore(&com_of(dev)->uart, out);
}

static unsigned int com_next(struct vsb_device *dev, struct vsb_io *io)
{
	struct vsb_front *f = &com_of(dev)->front;

	if (!dev->answers)
		return 0;
	if (vsb_pump_next(f, io))
		return VSB_DO_WORK;
	return vsb_pump_blocked(f) ? VSB_DO_POLL : 0;
}

static unsigned int com_done(struct vsb_device *dev, const u8 *data)
{
	struct vsb_com *com = com_of(dev);
	bool waited = vsb_front_waits(&com->front);

	if (!dev->answers)
		return 0;
	vsb_pump_done(&com->front, data);
	return com_after(com, waited);
}

/*
 * QEMU's UARTs that share a line do not know of each other: each says what its own level
 * is, so a line that is high may have risen again, or fallen for one only.
 */
static unsigned int com_line(struct vsb_device *dev, bool level, bool shared)
{
	struct vsb_com *com = com_of(dev);
	unsigned int does = 0;

	if (level && (shared || !com->line)) {
		vsb_pump_kick(&com->front);
		if (vsb_pump_ready(&com->front))
			does = VSB_DO_WORK;
	}
	com->line = level;
	return does;
}

/* One that is blocked looks again, one that is late is no more. */
static unsigned int com_poll(struct vsb_device *dev)
{
	struct vsb_com *com = com_of(dev);
	unsigned int does = com->late ? VSB_DO_WORK : 0;

	if (dev->answers && vsb_pump_blocked(&com->front)) {
		vsb_pump_kick(&com->front);
		does = VSB_DO_WORK;
	}
	com->late = false;
	/* It ended without a last look. */
	if (!com->touched)
		com->front.handler = false;
	com->touched = false;
	return does;
}

static unsigned int com_moment(struct vsb_device *dev)
{
	struct vsb_com *com = com_of(dev);

	if (!dev->answers || !vsb_front_waits(&com->front))
		return 0;
	vsb_front_moment(&com->front);
	return com_line_of_front(com);
}

static bool com_drained(struct vsb_device *dev)
{
	const struct vsb_front *f = &com_of(dev)->front;

	return !dev->answers || f->keep || vsb_pump_drained(f);
}

static void com_info(struct vsb_device *dev, struct vsb_uservm *info)
{
	static const u16 bases[] = { 0x3f8, 0x2f8, 0x3e8, 0x2e8 };
	u8 ier = com_of(dev)->uart.ier;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bases); i++) {
		if (dev->base != bases[i])
			continue;
		if (i)
			info->com_ier[i - 1] = ier;
		else
			info->ier = ier;
		info->com_lost[i] = com_of(dev)->front.lost;
	}
	if (dev->answers)
		info->flags |= VSB_USERVM_FRONT;
}

const struct vsb_device_ops vsb_com = {
	.size = sizeof(struct vsb_com) + VSB_OUT_SIZE * sizeof(u16),
	.kept = (VSB_KEPT_SIZE - VSB_OUT_SIZE) * sizeof(u16),
	.secret = BIT(UART_TX),
	.replays = VSB_UART_WRITES + VSB_UART_WAKES,
	.claim = com_claim,
	.init = com_init,
	.inherit = com_inherit,
	.access = com_access,
	.served = com_served,
	.hide = com_hide,
	.boots = com_boots,
	.reset = com_reset,
	.attach = com_attach,
	.detach = com_detach,
	.clear = com_clear,
	.replay = com_replay,
	.restore = com_restore,
	.next = com_next,
	.done = com_done,
	.line = com_line,
	.poll = com_poll,
	.moment = com_moment,
	.drained = com_drained,
	.info = com_info,
};
