/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which vector a user VM has programmed for an interrupt line, and for which of its vCPUs: as
 * seen, not as read out of the guest hypervisor's interrupt controller. Counting alone,
 * whoever uses it has the lock; a unit test builds it, too.
 */
#ifndef VSB_CORE_VECTOR_H
#define VSB_CORE_VECTOR_H

#include <linux/types.h>

#include "core/irq.h"

/**
 * struct vsb_vector - of a line
 * @vector:	0: none
 * @seen:	times that it was seen to be this one
 * @anchor:	of the vCPU
 */
struct vsb_vector {
	u8 vector;
	u8 seen;
	unsigned long anchor;
};

/**
 * struct vsb_vectors - of a user VM
 * @of:		the lines
 * @asked:	line that the guest hypervisor was made to raise, or -1
 * @injected:	what it has injected since
 * @sent:	line whose vector we have injected, and whose handler has not come, or -1
 * @entries:	of the guest hypervisor since
 * @unanswered:	times in a row that none has come, of each line
 */
struct vsb_vectors {
	struct vsb_vector of[VSB_NR_GSI];
	int asked;
	struct vsb_vector injected;
	int sent;
	u32 entries;
	u8 unanswered[VSB_NR_GSI];
};

/* Interrupts on top of each other; Linux has two at most. */
#define VSB_MAX_SERVICE	8

/**
 * struct vsb_service - what a vCPU has in service, since we have injected a vector
 * @anchor:	of the vCPU, 0: nothing of ours is in service
 * @nr:		number of those in
 * @vector:	the vectors, the last one on top,
 * @ours:	and of each: the guest hypervisor does not know of it
 */
struct vsb_service {
	unsigned long anchor;
	u8 nr;
	u8 vector[VSB_MAX_SERVICE];
	bool ours[VSB_MAX_SERVICE];
};

void vsb_vectors_init(struct vsb_vectors *v);
void vsb_vectors_unanswered(struct vsb_vectors *v);
void vsb_vectors_forget(struct vsb_vectors *v);
void vsb_vectors_asked(struct vsb_vectors *v, int gsi);
void vsb_vectors_injected(struct vsb_vectors *v, unsigned long anchor, u8 vector);
void vsb_vectors_handled(struct vsb_vectors *v, int gsi, unsigned long anchor, bool irqs_off);
const struct vsb_vector *vsb_vectors_known(const struct vsb_vectors *v, int gsi);
void vsb_vectors_sent(struct vsb_vectors *v, int gsi);
bool vsb_vectors_missed(struct vsb_vectors *v);

void vsb_service_end(struct vsb_service *s);
void vsb_service_sent(struct vsb_service *s, unsigned long anchor, u8 vector);
void vsb_service_unsent(struct vsb_service *s);
void vsb_service_injected(struct vsb_service *s, unsigned long anchor, u8 vector);
bool vsb_service_eoi(struct vsb_service *s, unsigned long anchor);

#endif
