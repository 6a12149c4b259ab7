// SPDX-License-Identifier: GPL-2.0
/*
 * KVM's ioctls on the VM of a proxy: its VMM believes that a guest makes port accesses,
 * while KVM_RUN never enters one. It yields KVM_EXIT_IO; the next KVM_RUN completes that.
 */
#include <linux/kvm_host.h>

#include "core/proxy.h"
#include "kvm/compat.h"
#include "kvm/hook.h"
#include "kvm/run.h"

static void vsb_proxy_exit_io(struct kvm_vcpu *vcpu, const struct vsb_order *order)
{
	struct kvm_run *run = vcpu->run;

	run->exit_reason = KVM_EXIT_IO;
	run->io.direction = order->pio.in ? KVM_EXIT_IO_IN : KVM_EXIT_IO_OUT;
	run->io.size = order->pio.size;
	run->io.port = order->pio.port;
	run->io.count = order->count;
	run->io.data_offset = KVM_PIO_PAGE_OFFSET * PAGE_SIZE;
	memcpy(vcpu->arch.pio_data, order->data, order->count * order->pio.size);
}

/**
 * vsb_proxy_run - KVM_RUN of a proxy's vCPU
 * @vcpu: the vCPU, its mutex held
 *
 * Instead of kvm_arch_vcpu_ioctl_run(). Return: as that does.
 */
int vsb_proxy_run(struct kvm_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	struct vsb_order order;
	struct vsb_proxy *proxy;
	int ret = -EINTR;

	atomic_inc(&vsb_users);
	proxy = vsb_proxy_get(vcpu->kvm);
	if (!proxy) {		/* closed since KVM_RUN began, or not taken after all */
		run->exit_reason = KVM_EXIT_INTR;
		if (READ_ONCE(vcpu->kvm->vm_dead))
			ret = -EIO;
		goto out;
	}
	run->exit_reason = KVM_EXIT_SHUTDOWN;
	/* QEMU copies it back at each exit. */
	run->apic_base = vcpu->arch.apic_base;
	if (vsb_proxy_serve(proxy, vcpu->vcpu_idx, vcpu->arch.pio_data,
			    !vsb_immediate_exit(run), &order)) {
		vsb_proxy_exit_io(vcpu, &order);
		ret = 0;
	} else if (READ_ONCE(proxy->dead)) {
		ret = 0;
	} else {
		run->exit_reason = KVM_EXIT_INTR;
	}
	vsb_proxy_put(proxy);
out:
	atomic_dec(&vsb_users);
	return ret;
}

/**
 * vsb_proxy_irq_line - KVM_IRQ_LINE of a proxy
 * @kvm: the VM
 * @irq: line and level; status is returned if @line_status
 * @line_status: KVM_IRQ_LINE_STATUS
 *
 * Instead of kvm_vm_ioctl_irq_line(). Return: as that does.
 */
int vsb_proxy_irq_line(struct kvm *kvm, struct kvm_irq_level *irq, bool line_status)
{
	struct vsb_proxy *proxy;
	int ret = 0, set;

	atomic_inc(&vsb_users);
	proxy = vsb_proxy_get(kvm);
	if (!proxy)
		goto out;
	set = vsb_proxy_set_line(proxy, irq->irq, irq->level);
	if (set < 0)
		ret = set;
	else if (line_status)
		irq->status = set;	/* shares its place with irq */
	vsb_proxy_put(proxy);
out:
	atomic_dec(&vsb_users);
	return ret;
}
