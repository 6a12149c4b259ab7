// SPDX-License-Identifier: GPL-2.0
/*
 * What is learned: the guest hypervisor was made to raise a line; it injects one vector, and
 * nothing else, into a vCPU; and there, with interrupts off as in a handler, the device is asked
 * what interrupt it has. Twice the same. With threads for handlers (PREEMPT_RT) the device is
 * asked with interrupts on, so nothing is learned.
 *
 * What is known is checked with each use: the handler has to come. It is forgotten at each
 * access to an interrupt controller.
 *
 * For some the vector alone says nothing: Linux in an HVM domain of Xen has one for all its
 * interrupts, and which ones they are is in memory that it shares with Xen. After a few that
 * nobody has answered no more are tried.
 */
#include <linux/kernel.h>
#include <linux/string.h>

#include "core/vector.h"

/* Below are exceptions (SDM vol. 3, 6.2). */
#define FIRST_VECTOR	0x20

#define VSB_SEEN	2

/* A handler begins at once; before, nothing but page faults of its can come. */
#define VSB_ENTRIES	8

#define VSB_TRIES	3

void vsb_vectors_init(struct vsb_vectors *v)
{
	memset(v, 0, sizeof(*v));
	v->asked = -1;
	v->sent = -1;
}

/* No handler has come. What else is known may be as wrong. */
void vsb_vectors_unanswered(struct vsb_vectors *v)
{
	if (v->sent >= 0 && v->unanswered[v->sent] < VSB_TRIES)
		v->unanswered[v->sent]++;
	v->sent = -1;
	vsb_vectors_forget(v);
}

/* Somebody may program other vectors. */
void vsb_vectors_forget(struct vsb_vectors *v)
{
	memset(v->of, 0, sizeof(v->of));
	v->asked = -1;
}

/* The guest hypervisor has been made to raise this line. */
void vsb_vectors_asked(struct vsb_vectors *v, int gsi)
{
	v->asked = gsi;
	v->injected.vector = 0;
}

/* It injects an external interrupt. */
void vsb_vectors_injected(struct vsb_vectors *v, unsigned long anchor, u8 vector)
{
	if (v->asked < 0)
		return;
	if (v->injected.vector || vector < FIRST_VECTOR || !anchor) {
		v->asked = -1;		/* which one is it? */
		return;
	}
	v->injected.vector = vector;
	v->injected.anchor = anchor;
}

/* A handler for this line is at work on this vCPU. */
void vsb_vectors_handled(struct vsb_vectors *v, int gsi, unsigned long anchor, bool irqs_off)
{
	struct vsb_vector *known = &v->of[gsi];

	if (v->sent == gsi) {
		v->sent = -1;
		v->unanswered[gsi] = 0;
	}
	if (v->asked != gsi)
		return;
	v->asked = -1;
	if (!v->injected.vector || v->injected.anchor != anchor || !irqs_off)
		return;
	if (known->vector != v->injected.vector || known->anchor != anchor) {
		*known = v->injected;
		known->seen = 0;
	}
	if (known->seen < VSB_SEEN)
		known->seen++;
}

/* Return: or NULL, it is not sure. */
const struct vsb_vector *vsb_vectors_known(const struct vsb_vectors *v, int gsi)
{
	return v->of[gsi].seen == VSB_SEEN && v->unanswered[gsi] < VSB_TRIES ? &v->of[gsi] : NULL;
}

/* The vector of this line was injected. */
void vsb_vectors_sent(struct vsb_vectors *v, int gsi)
{
	v->sent = gsi;
	v->entries = 0;
}

/* The guest hypervisor enters that vCPU. Return: the handler should have come by now. */
bool vsb_vectors_missed(struct vsb_vectors *v)
{
	if (v->sent < 0 || ++v->entries < VSB_ENTRIES)
		return false;
	v->of[v->sent].seen = 0;
	return true;
}

void vsb_service_end(struct vsb_service *s)
{
	s->anchor = 0;
	s->nr = 0;
}

static void vsb_service_push(struct vsb_service *s, u8 vector, bool ours)
{
	/* More than anybody has: all EOIs are the guest hypervisor's. */
	if (s->nr == VSB_MAX_SERVICE) {
		vsb_service_end(s);
		return;
	}
	s->vector[s->nr] = vector;
	s->ours[s->nr] = ours;
	s->nr++;
}

static bool vsb_service_pop(struct vsb_service *s)
{
	bool ours = s->ours[--s->nr];

	if (!s->nr)
		vsb_service_end(s);
	return ours;
}

/* We have injected a vector into this vCPU. */
void vsb_service_sent(struct vsb_service *s, unsigned long anchor, u8 vector)
{
	if (s->anchor != anchor)
		vsb_service_end(s);
	s->anchor = anchor;
	if (anchor)
		vsb_service_push(s, vector, true);
}

/* That has not come, and does not any more. */
void vsb_service_unsent(struct vsb_service *s)
{
	if (s->nr)
		vsb_service_pop(s);
}

/*
 * The guest hypervisor injects an external interrupt. One whose delivery an exit has
 * interrupted (SDM vol. 3, 28.2.4; APM vol. 2, 15.7.2) comes twice and is in service once; if
 * it was ours it is the guest hypervisor's from then on.
 */
void vsb_service_injected(struct vsb_service *s, unsigned long anchor, u8 vector)
{
	int i;

	if (!s->anchor || s->anchor != anchor)
		return;
	for (i = 0; i < s->nr; i++) {
		if (s->vector[i] == vector) {
			s->ours[i] = false;
			return;
		}
	}
	vsb_service_push(s, vector, false);
}

/* This vCPU is done with what came last. Return: that was ours. */
bool vsb_service_eoi(struct vsb_service *s, unsigned long anchor)
{
	return s->anchor && s->anchor == anchor && vsb_service_pop(s);
}
