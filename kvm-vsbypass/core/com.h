/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Serial ports of a user VM.
 */
#ifndef VSB_CORE_COM_H
#define VSB_CORE_COM_H

#include <linux/refcount.h>
#include <linux/spinlock.h>

#include "core/pio.h"
#include "devices/front.h"

struct vsb_claims;
struct vsb_l2;
struct vsb_proxy;
struct vsb_uservm;

/**
 * struct vsb_com - a 16550 of a user VM
 * @lock:	guards what follows if @on
 * @on:		@front answers; else the proxy does, and @uart is written by the
 *		vCPU that writes the register, ordered no better than the
 *		hardware would. Written under cloud->lock and @lock
 * @uart:	registers as written
 * @front:	valid if @on
 * @late:	the proxy was not woken for what a handler has sent
 * @touched:	by the user VM, since vsb_com_poll() looked
 * @line:	interrupt line of the proxy's UART
 * @serial:	of the present proxy; 0: none
 * @required:	data is for a user VM that has proved who it is
 */
struct vsb_com {
	spinlock_t lock;	/* proxy->lock is inside */
	bool on;
	struct vsb_uart uart;
	struct vsb_front front;
	bool late;
	bool touched;
	bool line;
	u64 serial;
	bool required;
};

/**
 * struct vsb_coms - the serial ports of a user VM
 * @ref:	its user VM, users that sleep
 * @rcu:	readers of vsb_l2.coms
 * @nr:		of @com
 */
struct vsb_coms {
	refcount_t ref;
	struct rcu_head rcu;
	u32 nr;
	struct vsb_com com[];
};

/* What a vCPU of a proxy does for a port: number @com, if that is still @serial. */
struct vsb_com_job {
	u32 com;
	u64 serial;
};

struct vsb_coms *vsb_coms_create(const struct vsb_claims *claims);
struct vsb_coms *vsb_coms_get(struct vsb_l2 *u);
void vsb_coms_put(struct vsb_coms *coms);
struct vsb_com *vsb_coms_find(struct vsb_coms *coms, u32 port);
bool vsb_coms_level(struct vsb_coms *coms, u32 gsi);
void vsb_coms_attach(struct vsb_coms *coms, struct vsb_proxy *proxy);
void vsb_coms_attached(struct vsb_l2 *u, struct vsb_coms *coms);
void vsb_coms_detach(struct vsb_coms *coms);
void vsb_coms_empty(struct vsb_coms *coms);
void vsb_coms_reset(struct vsb_l2 *u, struct vsb_coms *coms);
void vsb_coms_boot(struct vsb_l2 *u);
bool vsb_coms_drained(struct vsb_coms *coms);
void vsb_coms_info(struct vsb_coms *coms, struct vsb_uservm *info);
bool vsb_com_covers(struct vsb_l2 *u, u32 port, u32 size);
u32 vsb_com_access(struct vsb_l2 *u, const struct vsb_pio *pio, u32 claimed, u32 *data);
bool vsb_com_take(struct vsb_proxy *proxy, struct vsb_com_job *job, struct vsb_io *io,
		  u16 *base);
void vsb_com_complete(struct vsb_proxy *proxy, const struct vsb_com_job *job,
		      const u8 *data);
bool vsb_com_irq_line(struct vsb_proxy *proxy, u32 gsi, bool level);
void vsb_com_poll(struct vsb_proxy *proxy);
void vsb_com_moment(struct vsb_proxy *proxy);
bool vsb_gate_closed(struct vsb_l2 *u, struct vsb_proxy *proxy);
u32 vsb_gate_claimed(struct vsb_coms *coms, const struct vsb_pio *pio, u32 claimed);
void vsb_gate_clear(struct vsb_coms *coms, const struct vsb_pio *pio, u32 *data);

#endif
