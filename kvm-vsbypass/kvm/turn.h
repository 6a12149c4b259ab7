/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which user VM does a vCPU of a cloud VM run now?
 */
#ifndef VSB_KVM_TURN_H
#define VSB_KVM_TURN_H

#include "core/ident.h"

struct kvm_vcpu;
struct vsb_cloud;
struct vsb_l2;
struct vsb_vcpu;

/**
 * struct vsb_turn - a vCPU of the cloud VM that runs a user VM
 * @cloud:	the cloud VM
 * @v:		the vCPU
 * @id:		what it shows
 * @u:		the user VM, or NULL
 */
struct vsb_turn {
	struct vsb_cloud *cloud;
	struct vsb_vcpu *v;
	struct vsb_ident id;
	struct vsb_l2 *u;
};

/*
 * Under rcu_read_lock(), in the thread of the vCPU. Return: is there a user VM? @t->cloud is set
 * also if not, or NULL.
 */
bool vsb_turn_find(struct vsb_turn *t, struct kvm_vcpu *vcpu);
/* For who sleeps. */
bool vsb_turn_get(struct vsb_turn *t, struct kvm_vcpu *vcpu);
void vsb_turn_put(struct vsb_turn *t);

#endif
