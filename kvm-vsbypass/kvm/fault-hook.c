// SPDX-License-Identifier: GPL-2.0
/* kvm_mmu_page_fault() is redirected for veils and screens: one function, one redirection. */
#include <linux/kvm_host.h>

#include "core/vm.h"
#include "kvm/calls.h"
#include "kvm/compat.h"
#include "kvm/fault-hook.h"
#include "kvm/group.h"
#include "kvm/hook.h"
#include "kvm/screen.h"
#include "kvm/veil.h"

static int vsb_page_fault_veil(struct kvm_vcpu *vcpu, gpa_t gpa, u64 error_code, void *insn,
			       int insn_len)
{
	int ret;

	atomic_inc(&vsb_users);
	ret = vsb_veil_fault(vcpu, gpa, error_code, insn, insn_len);
	atomic_dec(&vsb_users);
	return ret;
}

static int vsb_page_fault_screen(struct kvm_vcpu *vcpu, gpa_t gpa, u64 error_code, void *insn,
				 int insn_len)
{
	int ret;

	atomic_inc(&vsb_users);
	ret = vsb_screen_fault(vcpu, gpa, insn, insn_len);
	atomic_dec(&vsb_users);
	return ret;
}

static_assert(__same_type(&vsb_page_fault_veil, (vsb_page_fault_type *)NULL));
static_assert(__same_type(&vsb_page_fault_screen, (vsb_page_fault_type *)NULL));

static unsigned long vsb_fault_decide(unsigned int i, struct pt_regs *regs)
{
	struct kvm_vcpu *vcpu = (void *)regs->di;

	if (!vsb_vm_maybe(vcpu->kvm))
		return 0;
	if (vsb_veil_any() && vsb_veil_faults(vcpu, regs->si))
		return (unsigned long)vsb_page_fault_veil;
	if (vsb_screen_any() && vsb_screen_faults(vcpu, regs->si))
		return (unsigned long)vsb_page_fault_screen;
	return 0;
}

static int vsb_fault_resolve(struct vsb_group *group)
{
	const char *kvm = IS_BUILTIN(CONFIG_KVM) ? NULL : "kvm";

	group->nr = 1;
	group->ip[0] = vsb_hook_lookup(kvm, "kvm_mmu_page_fault");
	return 0;
}

static struct vsb_group vsb_fault_group = VSB_GROUP(vsb_fault_decide, vsb_fault_resolve);

int vsb_fault_hook_get(void)
{
	return vsb_group_get(&vsb_fault_group);
}

void vsb_fault_hook_put(void)
{
	vsb_group_put(&vsb_fault_group);
}
