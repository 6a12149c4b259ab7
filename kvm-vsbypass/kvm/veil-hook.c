// SPDX-License-Identifier: GPL-2.0
/*
 * Functions of KVM that are redirected as long as a cloud VM has a veil, in the way of hook.c,
 * whose redirections are on then, too. With no veil they run as without us.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/ftrace.h>
#include <linux/kvm_host.h>
#include <linux/mutex.h>
#include <asm/ibt.h>

#include "core/vm.h"
#include "kvm/calls.h"
#include "kvm/compat.h"
#include "kvm/hook.h"
#include "kvm/veil.h"
#include "kvm/veil-hook.h"
#include "kvm/veil-table.h"
#include "kvm/vendor.h"

/* ---- replacements ---- */

/* For kvm_mmu_page_fault() */
static int vsb_page_fault(struct kvm_vcpu *vcpu, gpa_t gpa, u64 error_code, void *insn,
			  int insn_len)
{
	int ret;

	atomic_inc(&vsb_users);
	ret = vsb_veil_fault(vcpu, gpa, error_code, insn, insn_len);
	atomic_dec(&vsb_users);
	return ret;
}

/* For nested_svm_vmexit(); its argument begins with the vCPU (struct vcpu_svm). */
static int vsb_svm_vmexit(struct kvm_vcpu *vcpu)
{
	int ret;

	atomic_inc(&vsb_users);
	ret = vsb_veil_leave(vcpu);
	atomic_dec(&vsb_users);
	return ret;
}

/* For svm_load_mmu_pgd() */
static void vsb_load_pgd(struct kvm_vcpu *vcpu, hpa_t root, int level)
{
	atomic_inc(&vsb_users);
	vsb_veil_load(vcpu, root, level);
	atomic_dec(&vsb_users);
}

static_assert(__same_type(&vsb_page_fault, (vsb_page_fault_type *)NULL));
static_assert(__same_type(&vsb_load_pgd, vsb_kvm_ops->load_mmu_pgd));

/* ---- redirections ---- */

enum { PAGE_FAULT, VMEXIT, LOAD_PGD, NR_HOOKS };

static unsigned long veil_ips[NR_HOOKS];

static unsigned long vsb_veil_decide(int hook, struct pt_regs *regs)
{
	struct kvm_vcpu *vcpu = (void *)regs->di;

	if (!vsb_vm_maybe(vcpu->kvm))
		return 0;
	switch (hook) {
	case PAGE_FAULT:
		return vsb_veil_faults(vcpu, regs->si) ? (unsigned long)vsb_page_fault : 0;
	case VMEXIT:
		return vsb_veil_leaves(vcpu) ? (unsigned long)vsb_svm_vmexit : 0;
	case LOAD_PGD:
		/* The root is the second argument. */
		return vsb_veil_loads(vcpu, &regs->si, regs->dx) ?
		       (unsigned long)vsb_load_pgd : 0;
	}
	return 0;
}

/* As vsb_hook_callback(). */
static void vsb_veil_callback(unsigned long ip, unsigned long parent_ip,
			      struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	struct pt_regs *regs = vsb_ftrace_regs(fregs);
	unsigned long to;
	int i;

	for (i = 0; i < NR_HOOKS; i++) {
		if (ip - veil_ips[i] > ENDBR_INSN_SIZE)
			continue;
		to = vsb_veil_decide(i, regs);
		if (to)
			regs->ip = to;
		return;
	}
}

static struct ftrace_ops vsb_veil_ops = {
	.func = vsb_veil_callback,
	.flags = FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_PERMANENT,
};

static DEFINE_MUTEX(veil_lock);		/* inside of no other; guards what follows */
static unsigned int veil_refs;

static void vsb_veil_unfilter(void)
{
	int i;

	for (i = 0; i < NR_HOOKS; i++)
		ftrace_set_filter_ip(&vsb_veil_ops, veil_ips[i], 1, 0);
}

static int vsb_veil_enable(void)
{
	const char *kvm = IS_BUILTIN(CONFIG_KVM) ? NULL : "kvm";
	int i, ret;

	if (!VSB_HAS_VEIL || vsb_vendor != &vsb_svm || vsb_table_check()) {
		pr_err("no veil here: it needs an AMD CPU with page tables of four levels, and Linux 6.1 or 6.12\n");
		return -EOPNOTSUPP;
	}
	ret = vsb_calls_resolve_veil(kvm, vsb_hook_lookup);
	if (ret)
		return ret;
	veil_ips[PAGE_FAULT] = vsb_hook_lookup(kvm, "kvm_mmu_page_fault");
	veil_ips[VMEXIT] = vsb_hook_lookup(vsb_vendor->module, "nested_svm_vmexit");
	veil_ips[LOAD_PGD] = (unsigned long)vsb_kvm_ops->load_mmu_pgd;
	for (i = 0; i < NR_HOOKS && !ret; i++)
		ret = veil_ips[i] ? ftrace_set_filter_ip(&vsb_veil_ops, veil_ips[i], 0, 0) :
				    -EOPNOTSUPP;
	if (!ret)
		ret = register_ftrace_function(&vsb_veil_ops);
	if (ret) {
		pr_err("cannot redirect KVM's functions for a veil (%d)\n", ret);
		vsb_veil_unfilter();
	}
	return ret;
}

/**
 * vsb_veil_hook_get - have KVM's functions redirected that a veil needs
 *
 * Ioctl context, behind vsb_hook_get(). Return: 0, -EOPNOTSUPP: this kernel or CPU has no
 * veils, -EBUSY: ftrace is off, or another has them. The kernel log says what and why.
 */
int vsb_veil_hook_get(void)
{
	int ret = 0;

	mutex_lock(&veil_lock);
	if (!veil_refs)
		ret = vsb_veil_enable();
	if (!ret && !veil_refs++)
		WRITE_ONCE(vsb_veils, true);
	mutex_unlock(&veil_lock);
	return ret;
}

/* No callback runs any more behind the last one. */
void vsb_veil_hook_put(void)
{
	mutex_lock(&veil_lock);
	if (!--veil_refs) {
		WRITE_ONCE(vsb_veils, false);
		unregister_ftrace_function(&vsb_veil_ops);
		vsb_veil_unfilter();
	}
	mutex_unlock(&veil_lock);
}
