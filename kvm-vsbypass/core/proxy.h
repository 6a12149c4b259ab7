/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A proxy: the VM whose unmodified VMM has the devices of one user VM.
 *
 * proxy->lock is a spinlock inside of those of user VMs; inside of it is vm_lock only.
 * What binds a proxy to its cloud VM, pool and user VM, is guarded by cloud->lock.
 */
#ifndef VSB_CORE_PROXY_H
#define VSB_CORE_PROXY_H

#include <linux/kref.h>
#include <linux/list.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "core/irq.h"
#include "core/pio.h"
#include "core/slots.h"
#include "core/uservm.h"
#include "core/vm.h"
#include "devices/device.h"
#include "include/uapi/linux/kvm_vsbypass.h"
#include "include/uapi/linux/vsbypass_identity.h"

struct crypto_shash;
struct kvm;
struct vsb_claims;
struct vsb_cloud;
struct vsb_vram;

#define VSB_MAX_SERVERS	16	/* vCPUs of a proxy that serve accesses */

struct vsb_queued;

/**
 * struct vsb_order - what the VMM of a proxy is asked to do
 * @pio:	accesses to one port,
 * @count:	so many; more than one only of a byte
 * @data:	to write, little endian
 */
struct vsb_order {
	struct vsb_pio pio;
	u32 count;
	u8 data[VSB_IO_SIZE];
};

/**
 * struct vsb_proxy - a proxy VM
 * @ref:	its descriptor, its place in the pool, users
 * @rcu:	readers of vsb_l2.proxy
 * @vm:		the VM
 * @cloud:	its cloud VM, referenced
 * @name:	of the user VM; constant
 * @timeout:	jiffies that an access may wait; constant
 * @front:	devices may answer themselves, without it; constant
 * @keeps:	was made without a VM (VSB_PROXY_RESTS); constant
 * @claims:	ports; constant, lives as long as the proxy
 * @required:	VSB_PROXY_REQUIRED; constant
 * @veil:	pages that its user VM's veil may have, 0: it gets none; constant
 * @vram:	memory of its graphics card, or NULL; constant once it is in the pool. Readers RCU
 * @mac:	has the key of the user VM; NULL until VSB_SET_KEY, then constant.
 *		Freed with the last reference: under RCU alone it is NULL or not
 * @key_id:	tells key and name from others; valid if @mac
 * @opened:	has had a descriptor: its VM is ours for good
 * @node:	in cloud->pool; cloud->lock
 * @uservm:	that it serves, referenced, or NULL; RCU, written under cloud->lock
 * @lock:	guards what follows
 * @work:	vCPU threads of the proxy wait here for accesses
 * @ready:	vCPU threads of the cloud VM wait here for an idle proxy
 * @events:	readers of the descriptor wait here for events
 * @queue:	accesses that no server has taken
 * @server:	the access that vCPU n has taken to user space
 * @job:	what it does there for a device, or did last; its own
 * @has_vm:	@vm is one. Written under cloud->lock, too
 * @taking:	VSB_SET_VM is on its way, or was; cloud->lock
 * @dead:	answers nothing any more
 * @stalled:	missed a time-out and has not been in KVM_RUN since
 * @idle:	vCPUs waiting in KVM_RUN
 * @replay:	accesses to make before anything else, @replay_nr of them. While that is 0
 *		written under cloud->lock
 * @replay_pos:	next one
 * @replay_by:	vCPU that makes one now, or -1; VSB_MAX_SERVERS: they are not known yet
 * @irqs:	interrupt lines
 * @unhold:	ends irqs.held if the user VM does not
 * @settle:	has falls reported
 * @poll:	calls devices that asked for it, in a moment
 * @expire:	tells the reader that the proof of the user VM is over
 * @moment:	the same, behind a pause
 * @hold_until:	jiffies when @unhold does so in any case
 * @touched:	the user VM has made an access since @unhold ran
 * @changed:	VSB_EVENT_USERVM is due
 * @wanted:	an access of the user VM has needed the VM, which it has not
 * @wants:	VSB_EVENT_WANTED is due
 * @late:	edges are for the reader of events, too: the user VM does not run
 * @attend:	looks after what has waited too long (raise.c), at
 * @attend_at:	(jiffies)
 */
struct vsb_proxy {
	struct kref ref;
	struct rcu_head rcu;
	struct vsb_vm vm;
	struct vsb_cloud *cloud;
	char name[VSB_NAME_LEN];
	unsigned long timeout;
	bool front;
	bool keeps;
	struct vsb_claims *claims;
	bool required;
	u64 veil;
	struct vsb_vram *vram;
	struct crypto_shash *mac;
	u8 key_id[VSB_ID_PROOF];
	bool opened;
	struct list_head node;
	struct vsb_l2 __rcu *uservm;

	spinlock_t lock;	/* innermost but vm_lock */
	wait_queue_head_t work;
	wait_queue_head_t ready;
	wait_queue_head_t events;
	struct list_head queue;
	struct vsb_queued *server[VSB_MAX_SERVERS];
	struct vsb_job job[VSB_MAX_SERVERS];
	bool has_vm;
	bool taking;
	bool dead;
	bool stalled;
	u32 idle;
	struct vsb_reg_write replay[VSB_MAX_REPLAY];
	u32 replay_nr;
	u32 replay_pos;
	int replay_by;
	struct vsb_irqs irqs;
	struct delayed_work unhold;
	struct delayed_work settle;
	struct delayed_work poll;
	struct delayed_work expire;
	struct delayed_work moment;
	unsigned long hold_until;
	bool touched;
	bool changed;
	bool wanted;
	bool wants;
	bool late;
	struct delayed_work attend;
	unsigned long attend_at;
};

/* Has it no VM yet? What needs one waits for it. */
static inline bool vsb_proxy_rests(const struct vsb_proxy *proxy)
{
	return !READ_ONCE(proxy->has_vm);
}

int vsb_proxy_open(struct vsb_cloud *cloud, const struct vsb_create_proxy *args);
struct vsb_proxy *vsb_proxy_get(struct kvm *kvm);
bool vsb_proxy_is(struct kvm *kvm);
void vsb_proxy_put(struct vsb_proxy *proxy);
void vsb_proxy_kill(struct vsb_proxy *proxy);
void vsb_proxy_retire(struct vsb_cloud *cloud, struct vsb_proxy *proxy);
void vsb_proxy_notify(struct vsb_proxy *proxy);
void vsb_proxy_expire_at(struct vsb_proxy *proxy, u64 until);
void vsb_proxy_count(struct vsb_proxy *proxy, enum vsb_counter c);

/* queue.c: accesses on their way to the VMM */

bool vsb_proxy_idle(struct vsb_proxy *proxy);
int vsb_proxy_wait_idle(struct vsb_proxy *proxy);
int vsb_proxy_access(struct vsb_proxy *proxy, const struct vsb_pio *pio, u32 *data);
bool vsb_proxy_serve(struct vsb_proxy *proxy, unsigned int n, const void *answer, bool wait,
		     struct vsb_order *order);
void vsb_proxy_set_replay(struct vsb_proxy *proxy, struct vsb_l2 *u);
void vsb_proxy_release_all(struct vsb_proxy *proxy);

/* lines.c: its interrupt lines, and what happens later */

void vsb_proxy_init_lines(struct vsb_proxy *proxy);
void vsb_proxy_stop_lines(struct vsb_proxy *proxy);
void vsb_proxy_edges(struct vsb_proxy *proxy);
bool vsb_proxy_tells(const struct vsb_proxy *proxy);
int vsb_proxy_set_line(struct vsb_proxy *proxy, u32 gsi, bool level);
void vsb_proxy_settle_soon(struct vsb_proxy *proxy, bool edge);
void vsb_proxy_hold(struct vsb_proxy *proxy, u32 gsi, bool hold);
void vsb_proxy_follow(struct vsb_proxy *proxy, struct vsb_slots *slots, u32 gsi, bool rose);
void vsb_proxy_poll_soon(struct vsb_proxy *proxy);
void vsb_proxy_moment_from_now(struct vsb_proxy *proxy);

#endif
