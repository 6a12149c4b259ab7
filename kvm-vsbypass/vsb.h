/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of kvm-vsbypass share.
 *
 * Contexts
 *   callback   ftrace callbacks (hook.c): atomic, RCU read side, may be under
 *		any lock of KVM; only look and redirect
 *   vCPU	replacements of KVM functions, in the thread of a vCPU: may sleep.
 *		Counted in vsb_users so that the module can wait for them
 *   ioctl	file operations of our descriptors: may sleep
 *   mm exit	vsb_vm_ops.gone: the process of a VM ends
 *
 * Lifetimes
 *   A callback holds nothing: it is under rcu_read_lock(), from the registry (vm.c)
 *   to its last look. So what it can reach, a VM and all that hangs on it, is freed
 *   a grace period after it was taken out of where it is found: by kfree_rcu() and
 *   call_rcu(), whoever has the last reference. References are for those who sleep.
 *   What lives shorter is not looked into under RCU (vsb_proxy.mac, vsb_vm.kvm).
 *
 * Locks, outermost first
 *   cloud->lock (mutex)	pool, user VMs and their bindings
 *   com->lock (spinlock)	a serial port of a user VM
 *   uservm->identity.lock (spinlock)	the exchange in progress, the proof
 *   uservm->kbd_lock (spinlock)	the keyboard controller as programmed
 *   proxy->lock (spinlock)	accesses in flight, interrupt lines, counters
 *   vm_lock (spinlock, vm.c)	registry of VMs
 *   cloud->inners.lock (spinlock)	VMs that user VMs run
 */
#ifndef VSB_H
#define VSB_H

#include <linux/kvm_host.h>
#include <linux/mmu_notifier.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/srcu.h>
#include <linux/wait.h>
#include <linux/xarray.h>

#include "kvm/compat.h"
#include "kvm/exits.h"
#include "devices/front.h"
#include "devices/i8042.h"
#include "include/uapi/linux/kvm_vsbypass.h"
#include "include/uapi/linux/vsbypass_identity.h"

struct crypto_shash;
struct vsb_cloud;
struct vsb_l2;
struct vsb_proxy;
struct vsb_vcpu;

/* ---- vm.c: which struct kvm is ours ---- */

struct vsb_vm;

/**
 * struct vsb_vm_ops - what a VM of the registry is
 * @gone: its process ends; no vCPU of it runs any more. mm exit context
 */
struct vsb_vm_ops {
	void (*gone)(struct vsb_vm *vm);
};

/**
 * struct vsb_vm - a VM that we know, as cloud VM or as proxy
 * @node:	in the registry; vm_lock, readers RCU
 * @kvm:	kept alive by @file
 * @file:	its kvm-vm file
 * @mm:		the process it belongs to; mm_count held by @notifier
 * @notifier:	tells when @mm ends
 * @ops:	set by the owner
 * @cloud:	the cloud VM that this is, or NULL
 * @proxy:	the proxy that this is, or NULL
 */
struct vsb_vm {
	struct hlist_node node;
	struct kvm *kvm;
	struct file *file;
	struct mm_struct *mm;
	struct mmu_notifier notifier;
	const struct vsb_vm_ops *ops;
	struct vsb_cloud *cloud;
	struct vsb_proxy *proxy;
};

int vsb_vm_add(struct vsb_vm *vm, int fd, const struct vsb_vm_ops *ops);
void vsb_vm_hide(struct vsb_vm *vm);
void vsb_vm_remove(struct vsb_vm *vm);
struct vsb_vm *vsb_vm_find(struct kvm *kvm);

/* One bit for each VM of the registry: answers "not ours" in a few instructions. */
extern unsigned long vsb_vm_filter;

static inline bool vsb_vm_maybe(struct kvm *kvm)
{
	return READ_ONCE(vsb_vm_filter) & BIT(hash_ptr(kvm, 6));
}

/* ---- claims.c: sets of ports ---- */

struct vsb_claims {
	struct rcu_head rcu;
	u32 nr;
	struct vsb_range ranges[VSB_MAX_RANGES];
};

struct vsb_claims *vsb_claims_create(const struct vsb_range *ranges, u32 nr);
bool vsb_claims_any(const struct vsb_claims *claims, u32 port, u32 size);
bool vsb_claims_i8042(const struct vsb_claims *claims);

/* ---- com.c: serial ports of a user VM ---- */

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

/* ---- proxy.c: accesses handed to the VMM of a proxy VM ---- */

#define VSB_MAX_SERVERS	16	/* vCPUs of a proxy that serve accesses */
#define VSB_MAX_REPLAY	(VSB_MAX_RANGES * VSB_UART_WRITES + VSB_KBD_WRITES)

struct vsb_access;

/* Interrupt lines of a proxy: level, and what its reader has been told. */
struct vsb_irqs {
	u32 level;	/* bit per GSI */
	u32 reported;	/* level of the last event read */
	u32 rose;	/* went high since */
	u32 settled;	/* low, and would have risen again by now */
	u32 held;	/* not reported now: their handler is at work */
};

#define VSB_NR_GSI	24

/**
 * struct vsb_proxy - a proxy VM
 * @ref:	its descriptor, its place in the pool, users
 * @rcu:	readers of vsb_l2.proxy
 * @vm:		the VM
 * @cloud:	its cloud VM, referenced
 * @name:	of the user VM; constant
 * @timeout:	jiffies that an access may wait; constant
 * @front:	16550s are answered by the module; constant
 * @claims:	ports; constant, lives as long as the proxy
 * @required:	VSB_PROXY_REQUIRED; constant
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
 * @job:	what it does there for a front, or did last; its own
 * @dead:	answers nothing any more
 * @stalled:	missed a time-out and has not been in KVM_RUN since
 * @idle:	vCPUs waiting in KVM_RUN
 * @replay:	accesses to make before anything else, @replay_nr of them
 * @replay_pos:	next one
 * @replay_by:	vCPU that makes one now, or -1
 * @irqs:	interrupt lines
 * @unhold:	ends irqs.held if the user VM does not
 * @settle:	has falls reported
 * @poll:	looks at UARTs that may have no interrupt for us
 * @expire:	tells the reader that the proof of the user VM is over
 * @moment:	ends a pause of input of fronts
 * @hold_until:	jiffies when @unhold does so in any case
 * @touched:	the user VM has made an access since @unhold ran
 * @changed:	VSB_EVENT_USERVM is due
 */
struct vsb_proxy {
	struct kref ref;
	struct rcu_head rcu;
	struct vsb_vm vm;
	struct vsb_cloud *cloud;
	char name[VSB_NAME_LEN];
	unsigned long timeout;
	bool front;
	struct vsb_claims *claims;
	bool required;
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
	struct vsb_access *server[VSB_MAX_SERVERS];
	struct vsb_com_job job[VSB_MAX_SERVERS];
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
};

int vsb_proxy_open(struct vsb_cloud *cloud, const struct vsb_create_proxy *args);
void vsb_proxy_put(struct vsb_proxy *proxy);
void vsb_proxy_kill(struct vsb_proxy *proxy);
void vsb_proxy_retire(struct vsb_cloud *cloud, struct vsb_proxy *proxy);
bool vsb_proxy_idle(struct vsb_proxy *proxy);
int vsb_proxy_wait_idle(struct vsb_proxy *proxy);
int vsb_proxy_access(struct vsb_proxy *proxy, const struct vsb_pio *pio, u32 *data);
void vsb_proxy_set_replay(struct vsb_proxy *proxy, struct vsb_l2 *u);
void vsb_proxy_notify(struct vsb_proxy *proxy);
void vsb_proxy_expire_at(struct vsb_proxy *proxy, u64 until);
void vsb_proxy_hold(struct vsb_proxy *proxy, u32 gsi, bool hold);
void vsb_proxy_follow(struct vsb_proxy *proxy, struct vsb_coms *coms, u32 gsi, bool rose);
void vsb_proxy_poll_soon(struct vsb_proxy *proxy);
void vsb_proxy_moment_from_now(struct vsb_proxy *proxy);
int vsb_proxy_run(struct kvm_vcpu *vcpu);
int vsb_proxy_irq_line(struct kvm *kvm, struct kvm_irq_level *irq, bool line_status);

/* ---- irq.c: lines to events ---- */

bool vsb_irq_set(struct vsb_irqs *irqs, u32 gsi, bool level);
bool vsb_irq_follow(struct vsb_irqs *irqs, u32 gsi, bool level, bool rose);
bool vsb_irq_unsettled(const struct vsb_irqs *irqs);
void vsb_irq_settle(struct vsb_irqs *irqs);
u32 vsb_irq_held(const struct vsb_irqs *irqs);
bool vsb_irq_pending(const struct vsb_irqs *irqs);
void vsb_irq_forget(struct vsb_irqs *irqs);
bool vsb_irq_next(struct vsb_irqs *irqs, struct vsb_event *event);

/* ---- identity.c: a user VM proves who it is ---- */

/**
 * struct vsb_identity - of a user VM: the exchange in progress, and the proof
 * @lock:	see below
 * @state:	VSB_ID_*
 * @pos:	bytes of @buf that have been written or read
 * @begun:	with this command
 * @proved:	it has proved who it is, with the key of
 * @key_id:	vsb_proxy.key_id
 * @until:	CLOCK_BOOTTIME after which @proved is over; 0: it has no end
 * @refusals:	exchanges that ended in VSB_ID_REFUSED
 * @expires:	CLOCK_BOOTTIME after which no answer counts
 * @buf:	what is written or read byte by byte now
 * @message:	what the proofs of this exchange are made of
 */
struct vsb_identity {
	spinlock_t lock;	/* guards all; innermost but proxy->lock */
	u8 state;
	u8 pos;
	u8 begun;
	bool proved;
	u8 key_id[VSB_ID_PROOF];
	u64 until;
	u32 refusals;
	u64 expires;
	union {
		u8 bytes[64];
		struct vsb_id_hello hello;
		struct vsb_id_reply reply;
		u8 answer[VSB_ID_PROOF];
	} buf;
	struct vsb_id_message message;
};

void vsb_identity_init(struct vsb_identity *id);
bool vsb_identity_is_port(u32 port, u32 size);
long vsb_identity_set_key(struct vsb_proxy *proxy, void __user *argp);
void vsb_identity_free_key(struct vsb_proxy *proxy);
int vsb_identity_access(struct vsb_cloud *cloud, struct vsb_l2 *u, const struct vsb_pio *pio,
			u32 *data);
bool vsb_identity_proved(struct vsb_l2 *u, struct vsb_proxy *proxy);
bool vsb_identity_holds(struct vsb_l2 *u);
u64 vsb_identity_until(struct vsb_l2 *u);
void vsb_uservm_unprove(struct vsb_l2 *u);
void vsb_uservm_doubt(struct vsb_l2 *u);
void vsb_uservm_expire(struct vsb_l2 *u);

/* ---- gate.c: what passes before that ---- */

bool vsb_gate_closed(struct vsb_l2 *u, struct vsb_proxy *proxy);
u32 vsb_gate_claimed(struct vsb_coms *coms, const struct vsb_pio *pio, u32 claimed);
void vsb_gate_clear(struct vsb_coms *coms, const struct vsb_pio *pio, u32 *data);

/* ---- uservm.c: who is who ---- */

#define VSB_MAX_UNBOUND	256	/* user VMs remembered that have no name */
#define VSB_MAX_ROOTS	16	/* EPT pointers remembered of a user VM */
#define VSB_MAX_ANCHORS	64	/* vCPUs of a user VM that are */

/* One for each member of struct vsb_counters, in its order. */
enum vsb_counter {
	VSB_C_READS,
	VSB_C_WRITES,
	VSB_C_ABSORBED,
	VSB_C_TIMEOUTS,
	VSB_C_RETRIES,
	VSB_C_IRQ_EDGES,
	VSB_C_ROOT_CHANGES,
	VSB_C_REPLAYS,
	VSB_C_RESETS,
	VSB_NR_COUNTERS
};

/**
 * struct vsb_anchor - a vCPU of a user VM
 * @u:		the user VM, which this is part of; constant
 * @frame:	a frame that stays with it; constant
 * @clock:	its TSC offset; cloud->lock, read without
 * @boots:	vsb_ident.boots at its last access; cloud->lock, read without
 * @reset:	has been seen to boot since; set without a lock, cleared under
 *		cloud->lock
 */
struct vsb_anchor {
	struct vsb_l2 *u;
	unsigned long frame;
	u64 clock;
	bool boots;
	bool reset;
};

/**
 * struct vsb_l2 - a user VM
 * @ref:	its place in cloud->uservms, users
 * @rcu:	readers of cloud->roots and cloud->anchors
 * @node:	in cloud->uservms, empty: forgotten; cloud->lock
 * @name:	of its proxy, from the binding on; empty: none; cloud->lock
 * @claims:	NULL: it has no name; else what is claimed for as long as it has,
 *		proxy or not. RCU, written under cloud->lock
 * @absorb:	has had claims that it has no longer: no port of the pool is the
 *		guest hypervisor's again. Written under cloud->lock
 * @barred:	an inner VM on the pages of one that had a name: gets no proxy. Written
 *		under cloud->lock
 * @proxy:	that serves it, or NULL. RCU, written under cloud->lock; @proxy
 *		outlives an RCU grace period after it is replaced
 * @id:		last seen; cloud->lock
 * @l2_gfn:	frame pair, valid if @frames; cloud->lock
 * @l1_gfn:	see @l2_gfn
 * @frames:	see @l2_gfn
 * @bound_ns:	CLOCK_BOOTTIME of the binding, 0: none; cloud->lock
 * @roots:	frames of EPT pointers, a ring of @nr_roots; cloud->lock
 * @anchors:	its vCPUs, the first is the one that boots; cloud->lock
 * @unanchored:	those of its vCPUs that show no anchor, as one; no @frame; its @u is
 *		NULL: there are none. Like @anchors
 * @coms:	the 16550s among @claims. RCU, written under cloud->lock
 * @kbd_lock:	guards @kbd
 * @kbd:	keyboard controller, if it is among @claims
 * @identity:	what it has proved
 * @count:	enum vsb_counter
 */
struct vsb_l2 {
	refcount_t ref;
	struct rcu_head rcu;
	struct list_head node;
	char name[VSB_NAME_LEN];
	struct vsb_claims __rcu *claims;
	bool absorb;
	bool barred;
	struct vsb_proxy __rcu *proxy;
	u64 ept_pointer;
	u64 l2_gfn;
	u64 l1_gfn;
	bool frames;
	u64 bound_ns;
	u32 nr_roots;
	u32 next_root;
	u32 nr_anchors;
	unsigned long roots[VSB_MAX_ROOTS];
	struct vsb_anchor anchors[VSB_MAX_ANCHORS];
	struct vsb_anchor unanchored;
	struct vsb_coms __rcu *coms;
	spinlock_t kbd_lock;	/* innermost but proxy->lock */
	struct vsb_i8042 kbd;
	struct vsb_identity identity;
	atomic64_t count[VSB_NR_COUNTERS];
};

static inline void vsb_count(struct vsb_l2 *u, enum vsb_counter c)
{
	atomic64_inc(&u->count[c]);
}

/* How a vCPU of the cloud VM names the user VM that it runs. 0: unknown. */
struct vsb_ident {
	u64 ept_pointer;
	unsigned long root;	/* frame of the EPT pointer */
	unsigned long anchor;	/* frame that stays when the pointer changes */
	u64 clock;		/* the user VM's TSC less that of the cloud VM */
	bool boots;		/* has not got far since its reset */
};

void vsb_ident_get(struct kvm_vcpu *vcpu, const struct vsb_vcpu *v, struct vsb_ident *id);
struct vsb_l2 *vsb_uservm_find(struct vsb_cloud *cloud, const struct vsb_ident *id);
bool vsb_uservm_settled(struct vsb_cloud *cloud, struct vsb_l2 *u,
			const struct vsb_ident *id);
void vsb_uservm_unpaged(struct vsb_cloud *cloud, const struct vsb_ident *id);
void vsb_uservm_learn(struct kvm_vcpu *vcpu, struct vsb_cloud *cloud,
		      const struct vsb_ident *id);
void vsb_uservm_adopt(struct vsb_cloud *cloud, struct vsb_proxy *proxy);
void vsb_uservm_lose_proxy(struct vsb_cloud *cloud, struct vsb_proxy *proxy);
void vsb_uservm_move(struct vsb_cloud *cloud, struct vsb_l2 *u, struct vsb_proxy *proxy);
void vsb_uservm_disown(struct vsb_cloud *cloud, struct vsb_l2 *u);
void vsb_uservm_forget(struct vsb_cloud *cloud, struct vsb_l2 *u);
void vsb_uservm_info(struct vsb_cloud *cloud, struct vsb_l2 *u, struct vsb_uservm *info);
void vsb_uservm_put(struct vsb_l2 *u);

/* ---- inner.c: VMs that user VMs run ---- */

#define VSB_MAX_INNER	128	/* vCPUs of inner VMs remembered of a cloud VM */

/**
 * struct vsb_inner - a vCPU of a VM that a user VM runs, or of one that may be
 * @anchor:	what it shows, see struct vsb_ident
 * @root:	the same
 * @clock:	the same, valid if @judged
 * @outer:	EPT pointer of the user VM that has entered it; 0: not in use
 * @levels:	of that page table
 * @judged:	it is one
 * @used:	vsb_inners.clock when it was entered last
 */
struct vsb_inner {
	unsigned long anchor;
	unsigned long root;
	u64 clock;
	u64 outer;
	int levels;
	bool judged;
	u64 used;
};

/**
 * struct vsb_inners - those of a cloud VM
 * @lock:	guards what follows; innermost. Also taken in callbacks
 * @clock:	counts
 * @any:	there has been one; read without @lock
 */
struct vsb_inners {
	spinlock_t lock;	/* innermost */
	u64 clock;
	bool any;
	struct vsb_inner all[VSB_MAX_INNER];
};

/* As vsb_vm_filter: cloud VMs with a user VM that has entered a VM of its own. */
extern unsigned long vsb_inner_filter;

static inline bool vsb_inner_maybe(struct kvm *kvm)
{
	return READ_ONCE(vsb_inner_filter) & BIT(hash_ptr(kvm, 6));
}

void vsb_inner_init(struct vsb_inners *inners);
void vsb_inner_end(struct kvm *kvm);
void vsb_inner_follow(struct vsb_cloud *cloud, struct vsb_vcpu *v, const struct vsb_ident *id,
		      int levels, bool enters);
bool vsb_inner_is(struct vsb_cloud *cloud, const struct vsb_ident *id);
bool vsb_inner_judge(struct kvm_vcpu *vcpu, struct vsb_cloud *cloud, const struct vsb_ident *id);
void vsb_inner_accept(struct vsb_cloud *cloud, const struct vsb_ident *id);
void vsb_inner_forget(struct vsb_cloud *cloud, const struct vsb_ident *id);

/* ---- cloud.c ---- */

/* What we remember of a vCPU of the cloud VM; written by its own thread. */
struct vsb_vcpu {
	unsigned long anchor;	/* SVM: frame of vmcb12 at the last VMRUN */
	bool taken;		/* the last I/O exit was ours */
	bool fetched;		/* of that, something was read for L2 already */
	u16 port;		/* of that, */
	u8 size;		/* and bytes */
	int outer_levels;	/* inner.c, of the user VM that enters a VM of its own: */
	u64 outer;		/* EPT pointer, 0: the last nested exit was another one, */
	unsigned long outer_root;	/* and its frame */
};

/**
 * struct vsb_cloud - an attached cloud VM
 * @ref:	descriptor, proxies, user VMs in use
 * @vm:		the VM
 * @rcu:	readers of the registry, of @ports, @vcpus, @roots and @anchors
 * @drop:	ends a cloud VM that lingers; in a thread of its own as
 *		vsb_vm_ops.gone() must not do it
 * @started:	nested exits are redirected; written under @lock
 * @flags:	VSB_CLOUD_*; @lock
 * @unclaimed:	VSB_UNCLAIMED_*; written under @lock
 * @absorb:	it counts as VSB_UNCLAIMED_ABSORB for good; written under @lock
 * @identity:	a proxy of it has had a key: the ports for a proof are claimed for
 *		all its user VMs, for good. Written under @lock
 * @frozen:	no access is begun now,
 * @thaw:	until then (jiffies); both written under @lock
 * @serving:	SRCU; around each access, so that others can wait for them
 * @accesses:	that have begun, ever; see vsb_cloud_quiesce()
 * @lock:	guards what follows, for writing
 * @closed:	no descriptor, or VSB_START has not followed; only proxies serve, no
 *		front alone. Read without @lock
 * @lingers:	@closed, and the module is held; there are proxies, or ports to absorb
 * @gone:	the process has ended
 * @dead:	let go of; nobody new may come
 * @pool:	proxies in order
 * @nr_proxies:	in @pool
 * @nr_free:	of these, how many serve no user VM; read without the lock
 * @uservms:	in order of first access
 * @nr_unbound:	of these, how many have no name
 * @roots:	frame of EPT pointer -> user VM; readers RCU
 * @anchors:	frame -> struct vsb_anchor; readers RCU
 * @inners:	VMs that its user VMs run
 * @ports:	every port that a proxy of this cloud VM has claimed; bits are only set.
 *		Readers RCU
 * @vcpus:	by vcpu_idx; each is its own thread's, callbacks included. RCU
 */
struct vsb_cloud {
	struct kref ref;
	struct rcu_head rcu;
	struct vsb_vm vm;
	struct work_struct drop;
	bool started;
	u32 flags;
	u32 unclaimed;
	bool absorb;
	bool identity;
	bool frozen;
	unsigned long thaw;
	struct srcu_struct serving;
	atomic_t accesses;

	struct mutex lock;	/* outermost */
	bool closed;
	bool lingers;
	bool gone;
	bool dead;
	struct list_head pool;
	u32 nr_proxies;
	u32 nr_free;
	struct list_head uservms;
	u32 nr_unbound;
	struct xarray roots;
	struct xarray anchors;
	struct vsb_inners inners;
	unsigned long *ports;
	struct vsb_vcpu *vcpus;
};

int vsb_cloud_open(const struct vsb_create_cloud *args);
void vsb_cloud_put(struct vsb_cloud *cloud);
void vsb_cloud_left(struct vsb_cloud *cloud);
bool vsb_cloud_takes(struct kvm_vcpu *vcpu, const struct vsb_pio *pio);
bool vsb_cloud_took(struct kvm_vcpu *vcpu, u64 port);
bool vsb_cloud_serves(struct kvm_vcpu *vcpu, u32 port, u32 size);
bool vsb_cloud_stops(struct kvm_vcpu *vcpu);
void vsb_cloud_vmrun(struct kvm_vcpu *vcpu);
void vsb_cloud_unpaged(struct kvm_vcpu *vcpu);
void vsb_cloud_follow(struct kvm_vcpu *vcpu, bool enters);
bool vsb_cloud_prepare(struct kvm_vcpu *vcpu);
void vsb_cloud_access(struct kvm_vcpu *vcpu, const struct vsb_pio *pio, void *data);
long vsb_get_uservm(void __user *argp, struct vsb_cloud *cloud, struct vsb_proxy *proxy);

/* A pointer that readers use under RCU, for a writer under cloud->lock. */
#define vsb_locked(cloud, p)	rcu_dereference_protected(p, lockdep_is_held(&(cloud)->lock))

/* ---- vmx.c, svm.c ---- */

/**
 * struct vsb_vendor - what differs between VMX and SVM
 * @name:	for messages
 * @module:	of KVM
 * @exit_pio:	does this exit say a port access? Callback context
 * @exit_enters: or that L2 enters a guest of its own? The same
 * @anchor:	frame that stays with a vCPU of a user VM; @vcpu runs nested
 * @present:	is this entry of its nested page table present?
 */
struct vsb_vendor {
	const char *name;
	const char *module;
	bool (*exit_pio)(u32 reason, u64 info, struct vsb_pio *pio);
	bool (*exit_enters)(u32 reason);
	unsigned long (*anchor)(const struct vsb_vcpu *v);
	bool (*present)(u64 pte);
};

extern const struct vsb_vendor vsb_vmx, vsb_svm;

/* ---- ept.c ---- */

bool vsb_ept_first_frame(struct kvm_vcpu *vcpu, u64 *l2_gfn, u64 *l1_gfn);
int vsb_ept_has_frame(struct kvm_vcpu *vcpu, u64 l2_gfn, u64 l1_gfn);
int vsb_ept_levels(struct kvm_vcpu *vcpu);
int vsb_ept_writable(struct kvm_vcpu *vcpu, u64 *gfns, int max);
bool vsb_ept_maps(struct kvm_vcpu *vcpu, u64 root, int levels, const u64 *gfns, int nr);

/* ---- hook.c: names of KVM functions ---- */

extern const struct vsb_vendor *vsb_vendor;
extern atomic_t vsb_users;

int vsb_hook_check(void);
int vsb_hook_get(void);
void vsb_hook_put(void);
void vsb_hook_drain(void);
int vsb_kvm_read_guest(struct kvm_vcpu *vcpu, gpa_t gpa, void *data, int len);
bool vsb_kvm_is_vm(struct file *file);
bool vsb_kvm_boots(struct kvm_vcpu *vcpu);

#endif
