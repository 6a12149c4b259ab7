// SPDX-License-Identifier: GPL-2.0
/*
 * The attacker in a cloud VM whose kernel he controls, for the tests of a veil: he changes vCPUs of
 * the user VM before he enters them.
 *
 *   change=WHAT	once, before an entry behind an interrupt of the user VM's: registers: those that an
 *		exit like that tells nobody of; rip, wp, nx, smep: one of it; exception,
 *		int80: an event; start: one starts again, where he likes
 *   times=N	so often
 *
 * Then "done" is how often he has, and "lasted" how often the user VM has run with that: it is
 * somewhere else at its next exit, and has not been shut down.
 */
#include <linux/kprobes.h>
#include <linux/kvm_host.h>
#include <linux/module.h>
#include <linux/string.h>
#include <asm/cpufeature.h>

#include "meddle.h"

static char *change = "";
module_param(change, charp, 0);
static int times = 1;
module_param(times, int, 0);
static int done;
module_param(done, int, 0444);
static int lasted;
module_param(lasted, int, 0444);

static const struct vendor *vendor;

/* Of one call of that function of KVM: the vCPU, if it has been changed, and where it was. */
struct run {
	struct kvm_vcpu *vcpu;
	unsigned long rip;
};

static int entered(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	struct run *run = (void *)instance->data;
	struct kvm_vcpu *vcpu = (void *)regs->di;

	run->vcpu = NULL;
	/*
	 * "registers": of a program, which looks. An event: none in place of another one. "start": if
	 * the first vCPU does so all has been reset.
	 */
	if (done >= times || !vendor->interrupted(vcpu) ||
	    (!vendor->user(vcpu) && !strcmp(change, "registers")) ||
	    (!vcpu->vcpu_idx && !strcmp(change, "start")) ||
	    (vendor->injects(vcpu) && (!strcmp(change, "exception") || !strcmp(change, "start"))))
		return 0;
	done++;
	vendor->meddle(vcpu, change);
	run->vcpu = vcpu;
	run->rip = vendor->rip(vcpu);
	return 0;
}

static int left(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	struct run *run = (void *)instance->data;

	if (!run->vcpu)
		return 0;
	lasted += !vendor->shut(run->vcpu) && vendor->rip(run->vcpu) != run->rip;
	if (vendor->after)
		vendor->after(run->vcpu);
	return 0;
}

static struct kretprobe probe = {
	.entry_handler = entered,
	.handler = left,
	.data_size = sizeof(struct run),
};

static int __init meddle_init(void)
{
	vendor = boot_cpu_has(X86_FEATURE_SVM) ? &svm : &vmx;
	probe.kp.symbol_name = vendor->run;
	return register_kretprobe(&probe);
}
module_init(meddle_init);

static void __exit meddle_exit(void)
{
	unregister_kretprobe(&probe);
}
module_exit(meddle_exit);

MODULE_DESCRIPTION("What an attacker does with a user VM, for a test");
MODULE_LICENSE("GPL");
