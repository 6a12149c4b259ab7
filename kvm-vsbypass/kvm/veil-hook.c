// SPDX-License-Identifier: GPL-2.0
/*
 * Functions of KVM that are redirected as long as a cloud VM has a veil, in the way of hook.c,
 * whose redirections are on then, too. With no veil they run as without us.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kvm_host.h>

#include "core/vm.h"
#include "kvm/calls.h"
#include "kvm/compat.h"
#include "kvm/fault-hook.h"
#include "kvm/group.h"
#include "kvm/hook.h"
#include "kvm/veil.h"
#include "kvm/veil-hook.h"
#include "kvm/veil-table.h"
#include "kvm/veil-vendor.h"
#include "kvm/vendor.h"

/* ---- replacements ---- */

/* For nested_svm_vmexit(); its argument begins with the vCPU (struct vcpu_svm). */
static int vsb_svm_vmexit(struct kvm_vcpu *vcpu)
{
	int ret;

	atomic_inc(&vsb_users);
	ret = vsb_veil_leave(vcpu, NULL);
	atomic_dec(&vsb_users);
	return ret;
}

/* For nested_vmx_vmexit() */
static void vsb_vmx_vmexit(struct kvm_vcpu *vcpu, u32 reason, u32 intr_info,
			   unsigned long qualification)
{
	const struct vsb_left left = { reason, intr_info, qualification };

	atomic_inc(&vsb_users);
	vsb_veil_leave(vcpu, &left);
	atomic_dec(&vsb_users);
}

static_assert(__same_type(&vsb_vmx_vmexit, &vsb_proto_vmx_vmexit));

/* For svm_load_mmu_pgd(), vmx_load_mmu_pgd() */
static void vsb_load_pgd(struct kvm_vcpu *vcpu, hpa_t root, int level)
{
	atomic_inc(&vsb_users);
	vsb_veil_load(vcpu, root, level);
	atomic_dec(&vsb_users);
}

static_assert(__same_type(&vsb_load_pgd, vsb_kvm_ops->load_mmu_pgd));

/* ---- redirections ---- */

enum { VMEXIT, LOAD_PGD, NR_HOOKS };

static unsigned long vsb_veil_decide(unsigned int i, struct pt_regs *regs)
{
	struct kvm_vcpu *vcpu = (void *)regs->di;

	if (!vsb_vm_maybe(vcpu->kvm))
		return 0;
	switch (i) {
	case VMEXIT:
		if (!vsb_veil_leaves(vcpu))
			return 0;
		return vsb_vendor == &vsb_svm ? (unsigned long)vsb_svm_vmexit :
						(unsigned long)vsb_vmx_vmexit;
	case LOAD_PGD:
		/* The root is the second argument. */
		return vsb_veil_loads(vcpu, &regs->si, regs->dx) ?
		       (unsigned long)vsb_load_pgd : 0;
	}
	return 0;
}

static int vsb_veil_resolve(struct vsb_group *group)
{
	const char *kvm = IS_BUILTIN(CONFIG_KVM) ? NULL : "kvm";
	const char *missing = vsb_vendor->veil->missing();
	int ret;

	if (!VSB_HAS_VEIL)
		missing = "Linux 6.1 or 6.12";
	else if (vsb_table_check())
		missing = "a CPU with 40 bits of physical addresses or more";
	if (missing) {
		pr_err("no veil here: it needs %s\n", missing);
		return -EOPNOTSUPP;
	}
	ret = vsb_calls_resolve_veil(kvm, vsb_hook_lookup);
	if (ret)
		return ret;
	group->nr = NR_HOOKS;
	group->ip[VMEXIT] = vsb_hook_lookup(vsb_vendor->module, vsb_vendor->veil->vmexit);
	group->ip[LOAD_PGD] = (unsigned long)vsb_kvm_ops->load_mmu_pgd;
	return 0;
}

static struct vsb_group vsb_veil_group = VSB_GROUP(vsb_veil_decide, vsb_veil_resolve);

/**
 * vsb_veil_hook_get - have KVM's functions redirected that a veil needs
 *
 * Ioctl context, behind vsb_hook_get(). Return: 0, -EOPNOTSUPP: this kernel or CPU has no
 * veils, -EBUSY: ftrace is off, or another has them. The kernel log says what and why.
 */
int vsb_veil_hook_get(void)
{
	int ret;

	ret = vsb_group_get(&vsb_veil_group);
	if (ret)
		return ret;
	ret = vsb_fault_hook_get();
	if (ret) {
		vsb_group_put(&vsb_veil_group);
		return ret;
	}
	atomic_inc(&vsb_veils);
	return 0;
}

/* No callback runs any more behind the last one. */
void vsb_veil_hook_put(void)
{
	atomic_dec(&vsb_veils);
	vsb_fault_hook_put();
	vsb_group_put(&vsb_veil_group);
}
