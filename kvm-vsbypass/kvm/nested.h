/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Nested exits of a cloud VM.
 */
#ifndef VSB_KVM_NESTED_H
#define VSB_KVM_NESTED_H

#include <linux/types.h>

struct kvm_vcpu;
struct vsb_ident;
struct vsb_pio;
struct vsb_vcpu;

/* vCPU or callback context, L2 is running. */
void vsb_nested_ident(struct kvm_vcpu *vcpu, const struct vsb_vcpu *v, struct vsb_ident *id);

/* Callback context. */
bool vsb_nested_takes(struct kvm_vcpu *vcpu, const struct vsb_pio *pio);
bool vsb_nested_took(struct kvm_vcpu *vcpu, u64 port);
bool vsb_nested_serves(struct kvm_vcpu *vcpu, u32 port, u32 size);
void vsb_nested_vmrun(struct kvm_vcpu *vcpu);
void vsb_nested_unpaged(struct kvm_vcpu *vcpu);
void vsb_nested_follow(struct kvm_vcpu *vcpu, bool enters);

/* vCPU context. */
bool vsb_nested_prepare(struct kvm_vcpu *vcpu);
bool vsb_nested_stops(struct kvm_vcpu *vcpu);
void vsb_nested_access(struct kvm_vcpu *vcpu, const struct vsb_pio *pio, void *data);

#endif
