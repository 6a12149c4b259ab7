// SPDX-License-Identifier: GPL-2.0
/*
 * VSB_PROXY_REQUIRED: until a user VM has proved who it is, its device works but
 * no data passes. A UART answers as ever, so that firmware and drivers find it
 * and do not wait for one that never becomes ready; but bytes sent reach the proxy
 * as 0, and bytes received reach the user VM as 0. Other devices are unplugged.
 *
 * The first register of a UART is the data or, with DLAB set, a divisor latch.
 * Which one the proxy takes it for can not be known for sure while another vCPU
 * writes LCR. So nothing of this register passes; the divisor is read from our
 * shadow, and given to the proxy after the proof. (A front does know: com.c.)
 */
#include "core/com.h"
#include "core/identity.h"
#include "core/proxy.h"

bool vsb_gate_closed(struct vsb_l2 *u, struct vsb_proxy *proxy)
{
	return proxy->required && !vsb_identity_proved(u, proxy);
}

/* Of the bytes @claimed of an access, those that have a device while closed. */
u32 vsb_gate_claimed(struct vsb_coms *coms, const struct vsb_pio *pio, u32 claimed)
{
	u32 i;

	for (i = 0; i < pio->size; i++)
		if (!vsb_coms_find(coms, pio->port + i))
			claimed &= ~BIT(i);
	return claimed;
}

/* Takes the data out of an access of @pio->size bytes, before a write, after a read. */
void vsb_gate_clear(struct vsb_coms *coms, const struct vsb_pio *pio, u32 *data)
{
	u8 *bytes = (u8 *)data;
	struct vsb_com *com;
	u32 i;

	for (i = 0; i < pio->size; i++) {
		com = vsb_coms_find(coms, pio->port + i);
		if (com && pio->port + i == com->uart.base)
			bytes[i] = pio->in && com->uart.lcr & UART_LCR_DLAB ? com->uart.dll : 0;
	}
}
