/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Functions of KVM that we call, and where it has its operations.
 *
 * Found by name anew by each first vsb_hook_get(), as KVM may have been loaded anew since the
 * last one. They point into modules, and are for those who know that these are there:
 *   - between vsb_hook_get() and vsb_hook_put(): the vendor's module is held
 *   - callbacks, which are between these, too
 *   - replacements, in the thread of a vCPU: its file holds KVM's modules
 */
#ifndef VSB_KVM_CALLS_H
#define VSB_KVM_CALLS_H

#include <linux/kvm_host.h>
#include <linux/static_call_types.h>
#include <asm/insn.h>
#include <asm/insn-eval.h>

#include "kvm/compat.h"

struct file;
struct vcpu_svm;
struct vmcb;

extern const struct kvm_x86_ops *vsb_kvm_ops;
extern const struct kvm_x86_nested_ops *vsb_kvm_nested;

/* Of struct vcpu_svm: member vmcb, the present one. */
#define VSB_SVM_VMCB	ALIGN(sizeof(struct kvm_vcpu), sizeof(void *))

/* Where struct vcpu_svm has nested.ctl.int_ctl, or 0: not known. hook.c reads it in KVM's BTF. */
extern unsigned int vsb_svm_int_ctl;

/* Where it has vmcb01, that of the cloud VM, or 0: not known. The same. */
extern unsigned int vsb_svm_vmcb01;

int vsb_calls_resolve(const char *kvm,
		      unsigned long (*lookup)(const char *owner, const char *name));

int vsb_calls_resolve_veil(const char *kvm,
			   unsigned long (*lookup)(const char *owner, const char *name));

int vsb_calls_resolve_screen(const char *kvm,
			     unsigned long (*lookup)(const char *owner, const char *name));

bool vsb_kvm_is_vm(struct file *file);
int vsb_kvm_read_guest(struct kvm_vcpu *vcpu, gpa_t gpa, void *data, int len);

/* In the thread of a vCPU that runs L2. */
bool vsb_kvm_boots(struct kvm_vcpu *vcpu);
void vsb_kvm_cache_reg(struct kvm_vcpu *vcpu, enum kvm_reg reg);
bool vsb_kvm_run_pending(struct kvm_vcpu *vcpu);
bool vsb_kvm_shadow(struct kvm_vcpu *vcpu);
unsigned long vsb_kvm_rflags(struct kvm_vcpu *vcpu);
void vsb_kvm_segments(struct kvm_vcpu *vcpu, struct kvm_sregs *sregs);
void vsb_kvm_irq_window(struct kvm_vcpu *vcpu);
struct vmcb *vsb_kvm_vmcb(struct kvm_vcpu *vcpu);
u32 *vsb_kvm_svm_int_ctl(struct kvm_vcpu *vcpu);
int vsb_kvm_check_events(struct kvm_vcpu *vcpu);
int vsb_kvm_svm_vmexit(struct kvm_vcpu *vcpu);
void vsb_kvm_vmx_vmexit(struct kvm_vcpu *vcpu, u32 reason, unsigned long qualification);
void vsb_kvm_vmx_leave(struct kvm_vcpu *vcpu, u32 reason, u32 intr_info,
		       unsigned long qualification);

/* The same, with a veil. */
int vsb_kvm_write_guest(struct kvm_vcpu *vcpu, gpa_t gpa, const void *data, int len);
int vsb_kvm_page_fault(struct kvm_vcpu *vcpu, gpa_t gpa, u64 error_code, void *insn,
		       int insn_len);
void vsb_kvm_load_pgd(struct kvm_vcpu *vcpu, hpa_t root, int level);
struct vmcb *vsb_kvm_vmcb01(struct kvm_vcpu *vcpu);

/* Any context, with a veil. */
int vsb_decode(struct insn *insn, const u8 *bytes, unsigned int nr);
enum vsb_mmio vsb_decode_mmio(struct insn *insn, unsigned int *bytes);

/* The same, with a screen. */
int vsb_kvm_emulate(struct kvm_vcpu *vcpu, gpa_t gpa, void *insn, int insn_len);

/* Any context that may sleep, with a veil or a screen; the VM is there. */
void vsb_kvm_zap(struct kvm *kvm, gfn_t from, gfn_t end);
void vsb_kvm_flush(struct kvm *kvm);
void vsb_kvm_load_roots(struct kvm *kvm);

/* In the thread of a vCPU that runs L1. */
int vsb_kvm_svm_run(struct kvm_vcpu *vcpu);
int vsb_kvm_vmx_run(struct kvm_vcpu *vcpu, bool launch);

/* Any context that keeps the vCPU. */
void vsb_kvm_kick(struct kvm_vcpu *vcpu);

/* Types of functions of KVM that no header has; hook.c compares them with KVM's BTF. */
VSB_SVM_VMEXIT_RETURNS vsb_proto_svm_vmexit(struct vcpu_svm *svm);
void vsb_proto_vmx_vmexit(struct kvm_vcpu *vcpu, u32 reason, u32 intr_info,
			  unsigned long qualification);
int vsb_proto_svm_run(struct kvm_vcpu *vcpu);
int vsb_proto_vmx_run(struct kvm_vcpu *vcpu, bool launch);
int vsb_proto_check_events(struct kvm_vcpu *vcpu);
int vsb_proto_page_fault(struct kvm_vcpu *vcpu, gpa_t gpa, u64 error_code, void *insn,
			 int insn_len);
int vsb_proto_emulate(struct kvm_vcpu *vcpu, gpa_t gpa, int type, void *insn, int insn_len);
void vsb_proto_load_pgd(struct kvm_vcpu *vcpu, hpa_t root, int level);

#endif
