// SPDX-License-Identifier: GPL-2.0
/*
 * Functions of KVM that are redirected as long as a cloud VM has a screen, in the way of hook.c,
 * whose redirections are on then, too. With none they run as without us.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kvm_host.h>

#include "core/vm.h"
#include "core/vram.h"
#include "kvm/calls.h"
#include "kvm/compat.h"
#include "kvm/crossing.h"
#include "kvm/fault-hook.h"
#include "kvm/group.h"
#include "kvm/hook.h"
#include "kvm/screen.h"
#include "kvm/screen-hook.h"
#include "kvm/vendor.h"

enum { TRANSLATE, SYNC_LOG, NR_HOOKS };

/* For translate_nested_gpa(), of which KVM has no header. */
static gpa_t vsb_translate(struct kvm_vcpu *vcpu, gpa_t gpa, u64 access,
			   struct x86_exception *exception)
{
	return gpa | VSB_TRAPPED;
}

static gpa_t vsb_translate_nobody(struct kvm_vcpu *vcpu, gpa_t gpa, u64 access,
				  struct x86_exception *exception)
{
	return gpa | VSB_TRAPPED | VSB_NOBODY;
}

/* kvm_arch_sync_dirty_log(): KVM's own follows. */
static void vsb_sync_log(struct kvm *kvm, struct kvm_memory_slot *slot)
{
	if (slot->dirty_bitmap)
		vsb_vram_sync(kvm, slot->base_gfn, slot->npages, slot->dirty_bitmap);
}

static_assert(__same_type(vsb_sync_log, kvm_arch_sync_dirty_log));

static unsigned long vsb_screen_decide(unsigned int i, struct pt_regs *regs)
{
	struct kvm_vcpu *vcpu = (void *)regs->di;

	switch (i) {
	case TRANSLATE:
		if (!vsb_vm_maybe(vcpu->kvm))
			break;
		if (vsb_crossing_nobody(vcpu, regs->si))
			return (unsigned long)vsb_translate_nobody;
		return vsb_screen_traps(vcpu, regs->si) ? (unsigned long)vsb_translate : 0;
	case SYNC_LOG:
		if (vsb_vm_maybe((struct kvm *)regs->di))
			vsb_sync_log((struct kvm *)regs->di, (void *)regs->si);
		break;
	}
	return 0;
}

static int vsb_screen_resolve(struct vsb_group *group)
{
	const char *kvm = IS_BUILTIN(CONFIG_KVM) ? NULL : "kvm";
	int ret;

	ret = vsb_calls_resolve_screen(kvm, vsb_hook_lookup);
	if (ret)
		return ret;
	group->nr = NR_HOOKS;
	group->ip[TRANSLATE] = vsb_hook_lookup(VSB_TRANSLATE_OWNER, VSB_TRANSLATE);
	group->ip[SYNC_LOG] = vsb_hook_lookup(kvm, "kvm_arch_sync_dirty_log");
	return 0;
}

static struct vsb_group vsb_screen_group = VSB_GROUP(vsb_screen_decide, vsb_screen_resolve);

/**
 * vsb_screen_hook_get - have KVM's functions redirected that a screen needs
 *
 * Ioctl context, behind vsb_hook_get(). Return: 0, -EOPNOTSUPP: not on this kernel, -EBUSY:
 * ftrace is off, or another has them. The kernel log says what and why.
 */
int vsb_screen_hook_get(void)
{
	int ret = vsb_group_get(&vsb_screen_group);

	if (ret)
		return ret;
	ret = vsb_fault_hook_get();
	if (ret) {
		vsb_group_put(&vsb_screen_group);
		return ret;
	}
	atomic_inc(&vsb_screens);
	return 0;
}

/* No callback runs any more behind the last one. */
void vsb_screen_hook_put(void)
{
	atomic_dec(&vsb_screens);
	vsb_fault_hook_put();
	vsb_group_put(&vsb_screen_group);
}
