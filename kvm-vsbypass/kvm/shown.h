/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A second view: pages of the host's that a user VM has at an address where the guest
 * hypervisor sees others.
 */
#ifndef VSB_KVM_SHOWN_H
#define VSB_KVM_SHOWN_H

#include <linux/types.h>

struct kvm;
struct kvm_vcpu;
struct page;
struct vsb_shown;

/* Of so many pages, a multiple of 2 MiB. Ioctl context. Return: or NULL, no memory. */
struct vsb_shown *vsb_shown_create(struct page *const *pages, u32 nr);
void vsb_shown_free(struct vsb_shown *shown);

/*
 * vCPU context, L2 is running; one call at a time. They are at @at now, for the page table that
 * the vCPU has. Return: true: since this call; L2 goes on. Else they were before, or cannot be.
 */
bool vsb_shown_map(struct kvm_vcpu *vcpu, struct vsb_shown *shown, u64 at, u64 gpa);
/* They are not at any address any more, and no CPU has them there. Not beside vsb_shown_map(). */
void vsb_shown_unmap(struct kvm *kvm, struct vsb_shown *shown);

#endif
