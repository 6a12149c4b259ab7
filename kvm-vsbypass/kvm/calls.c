// SPDX-License-Identifier: GPL-2.0
/*
 * Functions of KVM that we call: the only file that knows their names. Those that are
 * redirected are in hook.c.
 *
 * What KVM has for itself is called by patched calls: where the kernel has IBT nobody may call
 * it through a pointer.
 */
#include <linux/static_call.h>

#include "kvm/calls.h"
#include "kvm/compat.h"
#include "kvm/vendor.h"

const struct kvm_x86_ops *vsb_kvm_ops;
const struct kvm_x86_nested_ops *vsb_kvm_nested;
unsigned int vsb_svm_int_ctl;
unsigned int vsb_svm_vmcb01;
static bool (*kvm_file_is_kvm)(struct file *file);
static int (*kvm_read_guest_fn)(struct kvm_vcpu *vcpu, gpa_t gpa, void *data,
				unsigned long len);
static int (*kvm_write_guest_fn)(struct kvm_vcpu *vcpu, gpa_t gpa, const void *data,
				 unsigned long len);
static void (*kvm_flush_fn)(struct kvm *kvm);
static void (*kvm_zap_fn)(struct kvm *kvm, gfn_t from, gfn_t end);
static bool (*kvm_request_fn)(struct kvm *kvm, unsigned int req);

static_assert(__same_type(*kvm_file_is_kvm, file_is_kvm));
static_assert(__same_type(*kvm_read_guest_fn, kvm_vcpu_read_guest));
static_assert(__same_type(*kvm_write_guest_fn, kvm_vcpu_write_guest));
static_assert(__same_type(*kvm_flush_fn, kvm_flush_remote_tlbs));
static_assert(__same_type(*kvm_request_fn, kvm_make_all_cpus_request));

DEFINE_STATIC_CALL_NULL(vsb_svm_vmexit, vsb_proto_svm_vmexit);
DEFINE_STATIC_CALL_NULL(vsb_vmx_vmexit, vsb_proto_vmx_vmexit);
DEFINE_STATIC_CALL_NULL(vsb_svm_run, vsb_proto_svm_run);
DEFINE_STATIC_CALL_NULL(vsb_vmx_run, vsb_proto_vmx_run);
DEFINE_STATIC_CALL_NULL(vsb_check_events, vsb_proto_check_events);
DEFINE_STATIC_CALL_NULL(vsb_kick, vsb_kick_type);
DEFINE_STATIC_CALL_NULL(vsb_page_fault, vsb_proto_page_fault);
DEFINE_STATIC_CALL_NULL(vsb_load_pgd, vsb_proto_load_pgd);
DEFINE_STATIC_CALL_NULL(vsb_emulate, vsb_proto_emulate);
DEFINE_STATIC_CALL_NULL(vsb_decode, insn_decode);
DEFINE_STATIC_CALL_NULL(vsb_decode_mmio, insn_decode_mmio);

int vsb_kvm_read_guest(struct kvm_vcpu *vcpu, gpa_t gpa, void *data, int len)
{
	return kvm_read_guest_fn(vcpu, gpa, data, len);
}

/* Between vsb_hook_get() and vsb_hook_put(). */
bool vsb_kvm_is_vm(struct file *file)
{
	return kvm_file_is_kvm(file);
}

/*
 * Has L2 not got far since its reset? Paging is off, as also in system management
 * mode; but an SMI leaves TR alone, and a reset clears it (SDM vol. 3, 10.1.1 and
 * 32.5.1; APM vol. 2, 14.1.3 and 10.3.2). It is loaded once: by firmware or an
 * operating system, for a TSS, which is not at 0.
 */
bool vsb_kvm_boots(struct kvm_vcpu *vcpu)
{
	return !(vcpu->arch.cr0 & X86_CR0_PG) &&
	       !vsb_kvm_ops->get_segment_base(vcpu, VCPU_SREG_TR);
}

void vsb_kvm_cache_reg(struct kvm_vcpu *vcpu, enum kvm_reg reg)
{
	vsb_kvm_ops->cache_reg(vcpu, reg);
}

int vsb_kvm_check_events(struct kvm_vcpu *vcpu)
{
	return static_call(vsb_check_events)(vcpu);
}

/* Is L2 yet to be entered since the guest hypervisor has done so? Both vendors ask that first. */
bool vsb_kvm_run_pending(struct kvm_vcpu *vcpu)
{
	return vsb_kvm_ops->nmi_allowed(vcpu, false) == -EBUSY;
}

/* Behind STI or MOV SS? */
bool vsb_kvm_shadow(struct kvm_vcpu *vcpu)
{
	return vsb_kvm_ops->get_interrupt_shadow(vcpu);
}

unsigned long vsb_kvm_rflags(struct kvm_vcpu *vcpu)
{
	return vsb_kvm_ops->get_rflags(vcpu);
}

void vsb_kvm_segments(struct kvm_vcpu *vcpu, struct kvm_sregs *sregs)
{
	struct desc_ptr dt;

	vsb_kvm_ops->get_segment(vcpu, &sregs->cs, VCPU_SREG_CS);
	vsb_kvm_ops->get_segment(vcpu, &sregs->ds, VCPU_SREG_DS);
	vsb_kvm_ops->get_segment(vcpu, &sregs->es, VCPU_SREG_ES);
	vsb_kvm_ops->get_segment(vcpu, &sregs->fs, VCPU_SREG_FS);
	vsb_kvm_ops->get_segment(vcpu, &sregs->gs, VCPU_SREG_GS);
	vsb_kvm_ops->get_segment(vcpu, &sregs->ss, VCPU_SREG_SS);
	vsb_kvm_ops->get_segment(vcpu, &sregs->tr, VCPU_SREG_TR);
	vsb_kvm_ops->get_segment(vcpu, &sregs->ldt, VCPU_SREG_LDTR);
	vsb_kvm_ops->get_idt(vcpu, &dt);
	sregs->idt.base = dt.address;
	sregs->idt.limit = dt.size;
	vsb_kvm_ops->get_gdt(vcpu, &dt);
	sregs->gdt.base = dt.address;
	sregs->gdt.limit = dt.size;
}

void vsb_kvm_irq_window(struct kvm_vcpu *vcpu)
{
	vsb_kvm_ops->enable_irq_window(vcpu);
}

struct vmcb *vsb_kvm_vmcb(struct kvm_vcpu *vcpu)
{
	return *(struct vmcb **)((char *)vcpu + VSB_SVM_VMCB);
}

/* What KVM remembers of the VMCB that the guest hypervisor has entered L2 with; or NULL. */
u32 *vsb_kvm_svm_int_ctl(struct kvm_vcpu *vcpu)
{
	return vsb_svm_int_ctl ? (u32 *)((char *)vcpu + vsb_svm_int_ctl) : NULL;
}

/* End L2 with the exit that is in its VMCB. Return: 0; else it still runs. */
int vsb_kvm_svm_vmexit(struct kvm_vcpu *vcpu)
{
	return vsb_svm_vmexit_result(static_call(vsb_svm_vmexit)((struct vcpu_svm *)vcpu));
}

/* End L2 with this exit. */
void vsb_kvm_vmx_vmexit(struct kvm_vcpu *vcpu, u32 reason, unsigned long qualification)
{
	vsb_kvm_vmx_leave(vcpu, reason, 0, qualification);
}

/* The same, of an event. */
void vsb_kvm_vmx_leave(struct kvm_vcpu *vcpu, u32 reason, u32 intr_info,
		       unsigned long qualification)
{
	static_call(vsb_vmx_vmexit)(vcpu, reason, intr_info, qualification);
}

void vsb_kvm_kick(struct kvm_vcpu *vcpu)
{
	vsb_kick_call(static_call(vsb_kick), vcpu);
}

/* Enter L2, as the guest hypervisor has said. */
int vsb_kvm_svm_run(struct kvm_vcpu *vcpu)
{
	return static_call(vsb_svm_run)(vcpu);
}

int vsb_kvm_vmx_run(struct kvm_vcpu *vcpu, bool launch)
{
	return static_call(vsb_vmx_run)(vcpu, launch);
}

/* ---- for a veil: after vsb_calls_resolve_veil() ---- */

int vsb_kvm_write_guest(struct kvm_vcpu *vcpu, gpa_t gpa, const void *data, int len)
{
	return kvm_write_guest_fn(vcpu, gpa, data, len);
}

/* No vCPU of it has anything in its TLB that is not in the tables now. */
void vsb_kvm_flush(struct kvm *kvm)
{
	kvm_flush_fn(kvm);
}

/* Each vCPU of it gets the root of its page tables anew before it enters its guest. */
void vsb_kvm_load_roots(struct kvm *kvm)
{
	kvm_request_fn(kvm, KVM_REQ_LOAD_MMU_PGD);
}

int vsb_kvm_page_fault(struct kvm_vcpu *vcpu, gpa_t gpa, u64 error_code, void *insn,
		       int insn_len)
{
	return static_call(vsb_page_fault)(vcpu, gpa, error_code, insn, insn_len);
}

void vsb_kvm_load_pgd(struct kvm_vcpu *vcpu, hpa_t root, int level)
{
	static_call(vsb_load_pgd)(vcpu, root, level);
}

/* What VMLOAD and VMSAVE are for is there, whoever runs (svm_vcpu_run()). */
struct vmcb *vsb_kvm_vmcb01(struct kvm_vcpu *vcpu)
{
	return *(struct vmcb **)((char *)vcpu + vsb_svm_vmcb01);
}

/* ---- the kernel's decoder ---- */

/* Of 64-bit mode. Return: 0, or it cannot be decoded. */
int vsb_decode(struct insn *insn, const u8 *bytes, unsigned int nr)
{
	return nr ? static_call(vsb_decode)(insn, bytes, nr, INSN_MODE_64) : -EINVAL;
}

/* @bytes: of the operand in memory */
enum vsb_mmio vsb_decode_mmio(struct insn *insn, unsigned int *bytes)
{
	return static_call(vsb_decode_mmio)(insn, bytes);
}

/* As vsb_calls_resolve(), which has been called. */
int vsb_calls_resolve_veil(const char *kvm,
			   unsigned long (*lookup)(const char *owner, const char *name))
{
	void *page_fault = (void *)lookup(kvm, "kvm_mmu_page_fault");
	void *decode = (void *)lookup(NULL, "insn_decode");
	void *decode_mmio = (void *)lookup(NULL, "insn_decode_mmio");

	kvm_write_guest_fn = (void *)lookup(kvm, "kvm_vcpu_write_guest");
	kvm_flush_fn = (void *)lookup(kvm, "kvm_flush_remote_tlbs");
	kvm_request_fn = (void *)lookup(kvm, "kvm_make_all_cpus_request");
	if (!page_fault || !kvm_write_guest_fn || !kvm_flush_fn || !kvm_request_fn ||
	    !decode || !decode_mmio)
		return -EOPNOTSUPP;
	static_call_update(vsb_decode, decode);
	static_call_update(vsb_decode_mmio, decode_mmio);
	static_call_update(vsb_page_fault, page_fault);
	static_call_update(vsb_load_pgd, vsb_kvm_ops->load_mmu_pgd);
	return 0;
}

/* ---- for a screen: after vsb_calls_resolve_screen() ---- */

/* The instruction that L2 is at, which has had a nested page fault at @gpa. Return: as KVM's. */
int vsb_kvm_emulate(struct kvm_vcpu *vcpu, gpa_t gpa, void *insn, int insn_len)
{
	return static_call(vsb_emulate)(vcpu, gpa, EMULTYPE_PF, insn, insn_len);
}

/* None of these frames of the VM is mapped for anybody any more; each is mapped anew at a fault. */
void vsb_kvm_zap(struct kvm *kvm, gfn_t from, gfn_t end)
{
	kvm_zap_fn(kvm, from, end);
}

/* As vsb_calls_resolve(), which has been called. */
int vsb_calls_resolve_screen(const char *kvm,
			     unsigned long (*lookup)(const char *owner, const char *name))
{
	void *emulate = (void *)lookup(kvm, "x86_emulate_instruction");

	kvm_zap_fn = (void *)lookup(kvm, "kvm_zap_gfn_range");
	kvm_flush_fn = (void *)lookup(kvm, "kvm_flush_remote_tlbs");
	if (!emulate || !kvm_zap_fn || !kvm_flush_fn)
		return -EOPNOTSUPP;
	static_call_update(vsb_emulate, emulate);
	return 0;
}

/* Of the vendor's module, which is held. */
static int vsb_calls_resolve_vendor(unsigned long (*lookup)(const char *owner, const char *name))
{
	bool svm = vsb_vendor == &vsb_svm;
	void *vmexit, *run;

	vmexit = (void *)lookup(vsb_vendor->module,
				svm ? "nested_svm_vmexit" : "nested_vmx_vmexit");
	run = (void *)lookup(vsb_vendor->module, svm ? "nested_svm_vmrun" : "nested_vmx_run");
	if (!vmexit || !run)
		return -EOPNOTSUPP;
	static_call_update(vsb_svm_vmexit, svm ? vmexit : NULL);
	static_call_update(vsb_svm_run, svm ? run : NULL);
	static_call_update(vsb_vmx_vmexit, svm ? NULL : vmexit);
	static_call_update(vsb_vmx_run, svm ? NULL : run);
	return 0;
}

/**
 * vsb_calls_resolve - find them
 * @kvm: its module, or NULL: it is part of the kernel
 * @lookup: the address of a name of a module, or 0
 *
 * KVM's modules are held. Return: 0 or -EOPNOTSUPP.
 */
int vsb_calls_resolve(const char *kvm,
		      unsigned long (*lookup)(const char *owner, const char *name))
{
	void *kick = (void *)lookup(kvm, VSB_KICK);

	vsb_kvm_ops = (const void *)lookup(kvm, "kvm_x86_ops");
	vsb_kvm_nested = (const void *)lookup(kvm, VSB_NESTED_OPS);
	kvm_file_is_kvm = (void *)lookup(kvm, "file_is_kvm");
	kvm_read_guest_fn = (void *)lookup(kvm, "kvm_vcpu_read_guest");
	if (!kick || !vsb_kvm_ops || !vsb_kvm_nested || !kvm_file_is_kvm || !kvm_read_guest_fn)
		return -EOPNOTSUPP;
	vsb_kvm_nested = vsb_nested_ops(vsb_kvm_ops, vsb_kvm_nested);
	static_call_update(vsb_kick, kick);
	static_call_update(vsb_check_events, vsb_kvm_nested->check_events);
	return vsb_calls_resolve_vendor(lookup);
}
