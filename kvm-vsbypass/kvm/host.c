// SPDX-License-Identifier: GPL-2.0
/*
 * KVM as the hypervisor that core asks for, see core/host.h.
 */
#include <linux/fs.h>
#include <linux/kvm_host.h>

#include "core/host.h"
#include "kvm/ept.h"
#include "kvm/calls.h"
#include "kvm/hook.h"
#include "kvm/host.h"
#include "kvm/screen-hook.h"
#include "kvm/shown.h"
#include "kvm/synthetic.h"
#include "kvm/veil-hook.h"
#include "kvm/veil-table.h"
#include "kvm/view.h"
#include "kvm/watch.h"

static struct kvm *vsb_kvm_vm(struct file *file)
{
	return vsb_kvm_is_vm(file) ? file->private_data : NULL;
}

static struct mm_struct *vsb_kvm_mm(struct kvm *kvm)
{
	return kvm->mm;
}

/* KVM answers EIO from now on. */
static void vsb_kvm_kill(struct kvm *kvm)
{
	WRITE_ONCE(kvm->vm_dead, true);
}

/* A vCPU that has told KVM to emulate an access of ours is under this lock. */
static void vsb_kvm_sync(struct kvm *kvm)
{
	synchronize_srcu_expedited(&kvm->srcu);
}

static const struct vsb_host_ops vsb_host_of_kvm = {
	.max_vcpus = KVM_MAX_VCPUS,
	.get = vsb_hook_get,
	.put = vsb_hook_put,
	.vm = vsb_kvm_vm,
	.mm = vsb_kvm_mm,
	.kill = vsb_kvm_kill,
	.prod = vsb_synthetic_prod,
	.sync = vsb_kvm_sync,
	.veil_get = vsb_veil_hook_get,
	.veil_put = vsb_veil_hook_put,
	.veil_table = vsb_table_create,
	.veil_mask = vsb_table_mask,
	.veil_unmap = vsb_table_unmap,
	.veil_unhook = vsb_table_unhook,
	.veil_table_free = vsb_table_free,
	.screen_get = vsb_screen_hook_get,
	.screen_put = vsb_screen_hook_put,
	.pin = vsb_view_pin,
	.show = vsb_shown_create,
	.show_end = vsb_shown_unmap,
	.show_free = vsb_shown_free,
	.first_frame = vsb_ept_first_frame,
	.has_frame = vsb_ept_has_frame,
	.low = vsb_ept_low,
	.frames = vsb_ept_frames,
	.maps = vsb_ept_maps,
	.open = vsb_view_open,
	.close = vsb_view_close,
	.begin = vsb_view_begin,
	.span = vsb_view_span,
	.read = vsb_view_read,
	.frames_of = vsb_view_frames,
	.summon = vsb_watch_summon,
};

/* Return: 0, or why KVM's functions cannot be redirected; see vsb_hook_get(). */
int vsb_kvm_init(void)
{
	vsb_host = &vsb_host_of_kvm;
	return vsb_hook_check();
}

/* Nothing is attached. Returns when no thread is in the module's code. */
void vsb_kvm_exit(void)
{
	vsb_hook_drain();
}
