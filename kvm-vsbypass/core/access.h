/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Port accesses of user VMs: whether one is ours, and how it is done.
 *
 * First the callbacks, under rcu_read_lock() from vsb_cloud_find() on; they look and do not
 * sleep. @v is the vCPU's, whose thread this is. Then what its thread does when nothing is
 * held, which may sleep: it has a reference to the cloud VM.
 */
#ifndef VSB_CORE_ACCESS_H
#define VSB_CORE_ACCESS_H

#include <linux/types.h>

#include "core/ident.h"
#include "core/pio.h"
#include "devices/device.h"

struct kvm_vcpu;
struct vsb_cloud;
struct vsb_l2;
struct vsb_proxy;
struct vsb_vcpu;

bool vsb_cloud_takes(struct vsb_cloud *cloud, struct vsb_vcpu *v, const struct vsb_ident *id,
		     const struct vsb_pio *pio);
bool vsb_cloud_took(const struct vsb_vcpu *v, u64 port);
bool vsb_cloud_serves(struct vsb_cloud *cloud, const struct vsb_ident *id, u32 port,
		      u32 size);
bool vsb_cloud_stops(struct vsb_cloud *cloud, const struct vsb_vcpu *v);

/**
 * struct vsb_attempt - the user VM is about to make an access that is ours
 * @cloud:	the cloud VM
 * @v:		its vCPU
 * @id:		what that shows
 * @u:		the user VM, referenced, or NULL
 * @proxy:	referenced: wait for it. Or NULL
 * @again:	the vCPU has to execute the instruction again
 */
struct vsb_attempt {
	struct vsb_cloud *cloud;
	struct vsb_vcpu *v;
	struct vsb_ident id;
	struct vsb_l2 *u;
	struct vsb_proxy *proxy;
	bool again;
};

enum vsb_verdict {
	VSB_GO,			/* the access shall be made */
	VSB_AGAIN,		/* the vCPU has to execute the instruction again, */
	VSB_AGAIN_LATER,	/* after a pause */
};

bool vsb_attempt_begin(struct vsb_attempt *a, struct kvm_vcpu *vcpu);
void vsb_attempt_wait(struct vsb_attempt *a);
enum vsb_verdict vsb_attempt_end(struct vsb_attempt *a);

/**
 * struct vsb_access - an access of a user VM
 * @cloud:	the cloud VM, or NULL: it was detached
 * @v:		its vCPU
 * @id:		what that shows
 * @pio:	the access
 * @irqs_off:	the vCPU has interrupts off
 * @data:	little endian, to write or as read
 * @result:	0, or an error: nobody was there
 * @resets:	it resets the user VM
 * @u:		the user VM, referenced, or NULL
 * @claimed:	bytes that are claimed and left for the proxy, bit 0 for the first
 * @identifies:	it is one of a proof
 * @first:	to be written to the proxy before, @nr_first of them
 */
struct vsb_access {
	struct vsb_cloud *cloud;
	struct vsb_vcpu *v;
	struct vsb_ident id;
	struct vsb_pio pio;
	bool irqs_off;
	u32 data;
	int result;
	bool resets;
	struct vsb_l2 *u;
	u32 claimed;
	bool identifies;
	u32 nr_first;
	struct vsb_reg_write first[sizeof(u32)];
};

struct vsb_l2 *vsb_cloud_get_uservm(struct vsb_cloud *cloud, const struct vsb_ident *id);
struct vsb_proxy *vsb_cloud_get_proxy(struct vsb_l2 *u);

bool vsb_access_begin(struct vsb_access *a);
void vsb_access_finish(struct vsb_access *a);
void vsb_access_end(struct vsb_access *a);

#endif
