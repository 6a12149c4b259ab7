/* SPDX-License-Identifier: GPL-2.0 */
#include <linux/kvm_host.h>

struct vmcb;

struct vmcb *vsb_kvm_vmcb(struct kvm_vcpu *vcpu);
int vsb_kvm_emulate(struct kvm_vcpu *vcpu, gpa_t gpa, void *insn, int insn_len);
