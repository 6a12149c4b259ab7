// SPDX-License-Identifier: GPL-2.0
/*
 * How we get between KVM's functions: the only file that knows their names, but for those that
 * a veil needs (veil-hook.c).
 *
 * Each is found by name and its entry redirected with ftrace. The callback
 * runs with KVM's arguments still in the registers and decides; it changes the
 * instruction pointer only for what is ours, so for everything else none of
 * our code is on the stack when KVM goes on. The redirections are on while a
 * cloud VM is attached. All functions are called from another object file or
 * through a pointer, so the compiler has not inlined them; that, and what else no
 * header promises, is checked first.
 *
 * A replacement counts itself in vsb_users where it may sleep. What is left
 * before and behind that, vsb_hook_drain() waits for with Tasks RCU.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/delay.h>
#include <linux/ftrace.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/stringify.h>
#include <asm/ibt.h>

#include "core/pio.h"
#include "core/proxy.h"
#include "core/vm.h"
#include "core/inner.h"
#include "core/raise.h"
#include "core/watch.h"
#include "kvm/calls.h"
#include "kvm/check.h"
#include "kvm/compat.h"
#include "kvm/crossing.h"
#include "kvm/hook.h"
#include "kvm/nested.h"
#include "kvm/run.h"
#include "kvm/screen.h"
#include "kvm/synthetic.h"
#include "kvm/veil.h"
#include "kvm/vendor.h"
#include "kvm/watch.h"

atomic_t vsb_users = ATOMIC_INIT(0);

/* The kernel's own, found by name: there for good. */
static unsigned long (*lookup_name)(const char *name);
static struct module *(*kernel_find_module)(const char *name);

/*
 * KVM's, found by name anew by each first vsb_hook_get(), as KVM may have been loaded
 * anew since the last one. They point into modules, and are for those who know that
 * these are there:
 *   - between vsb_hook_get() and vsb_hook_put(): kvm_module is held
 *   - callbacks, which are between these, too
 *   - replacements, in the thread of a vCPU: its file holds KVM's modules
 */
const struct vsb_vendor *vsb_vendor;
/* ---- replacements ---- */

/* For nested_svm_vmrun() */
static int vsb_run_svm(struct kvm_vcpu *vcpu)
{
	int ret;

	atomic_inc(&vsb_users);
	ret = vsb_kvm_svm_run(vcpu);
	if (vsb_veil_any())
		vsb_veil_entered(vcpu);
	vsb_synthetic_entered(vcpu);
	if (vsb_screen_any() && vsb_screen_follows(vcpu))
		vsb_screen_meet(vcpu);
	atomic_dec(&vsb_users);
	return ret;
}

/* For nested_vmx_run() */
static int vsb_run_vmx(struct kvm_vcpu *vcpu, bool launch)
{
	int ret;

	atomic_inc(&vsb_users);
	ret = vsb_kvm_vmx_run(vcpu, launch);
	if (vsb_veil_any())
		vsb_veil_entered(vcpu);
	vsb_synthetic_entered(vcpu);
	if (vsb_screen_any() && vsb_screen_follows(vcpu))
		vsb_screen_meet(vcpu);
	atomic_dec(&vsb_users);
	return ret;
}

/* For nested_vmx_reflect_vmexit() and nested_svm_exit_special(): L2 goes on. */
static int vsb_nested_goes_on(struct kvm_vcpu *vcpu)
{
	return 1;
}

/* For the same: the user VM is learned, then L2 goes on with the same instruction. */
static int vsb_nested_meet(struct kvm_vcpu *vcpu)
{
	int ret;

	atomic_inc(&vsb_users);
	ret = vsb_screen_meet(vcpu);
	atomic_dec(&vsb_users);
	return ret;
}

/* For the same: KVM does HLT itself. It would not find the instruction behind a veil. */
static int vsb_nested_halt(struct kvm_vcpu *vcpu)
{
	return vsb_veil_any() && vsb_veil_halts(vcpu);
}

/*
 * For nested_vmx_reflect_vmexit(): true is "reflected", upon which KVM enters
 * the guest again, to the same instruction; false: L0 handles the exit. For
 * nested_svm_exit_special() the same as NESTED_EXIT_DONE and NESTED_EXIT_HOST;
 * its argument begins with the vCPU (struct vcpu_svm).
 */
static int vsb_nested_exit(struct kvm_vcpu *vcpu)
{
	int again;

	atomic_inc(&vsb_users);
	again = vsb_nested_prepare(vcpu);
	atomic_dec(&vsb_users);
	return again;
}

/* For kvm_io_bus_read(), kvm_io_bus_write(): 0, somebody was there. */
static int vsb_bus_read(struct kvm_vcpu *vcpu, enum kvm_bus bus, gpa_t port, int size,
			void *data)
{
	struct vsb_pio pio = { .port = port, .size = size, .in = true };

	atomic_inc(&vsb_users);
	vsb_nested_access(vcpu, &pio, data);
	atomic_dec(&vsb_users);
	return 0;
}

static int vsb_bus_write(struct kvm_vcpu *vcpu, enum kvm_bus bus, gpa_t port, int size,
			 const void *data)
{
	struct vsb_pio pio = { .port = port, .size = size };

	atomic_inc(&vsb_users);
	vsb_nested_access(vcpu, &pio, (void *)data);
	atomic_dec(&vsb_users);
	return 0;
}

/* The same on the MMIO bus. */
static int vsb_bus_fetch(struct kvm_vcpu *vcpu, enum kvm_bus bus, gpa_t addr, int size,
			 void *data)
{
	atomic_inc(&vsb_users);
	vsb_screen_bus(vcpu, addr, size, true, data);
	atomic_dec(&vsb_users);
	return 0;
}

static int vsb_bus_store(struct kvm_vcpu *vcpu, enum kvm_bus bus, gpa_t addr, int size,
			 const void *data)
{
	atomic_inc(&vsb_users);
	vsb_screen_bus(vcpu, addr, size, false, (void *)data);
	atomic_dec(&vsb_users);
	return 0;
}

/*
 * For vmx_check_intercept(), svm_check_intercept(). INTERCEPTED: KVM enters the guest, with
 * what was done of the string behind it, and nothing told to anybody. To be decided only
 * when the emulator begins with an element.
 */
static int vsb_check_intercept(struct kvm_vcpu *vcpu, const void *info, u32 stage,
			       void *exception)
{
	bool stop;

	if (stage != VSB_X86_ICPT_PRE_EXCEPT)
		return VSB_X86EMUL_CONTINUE;
	atomic_inc(&vsb_users);
	stop = vsb_nested_stops(vcpu);
	atomic_dec(&vsb_users);
	return stop ? VSB_X86EMUL_INTERCEPTED : VSB_X86EMUL_CONTINUE;
}

/* ---- decide: where to redirect what is ours, 0 for what is not ---- */

/* nested_vmx_reflect_vmexit(vcpu), nested_svm_exit_special(svm) */
static unsigned long vsb_on_nested_exit(struct pt_regs *regs)
{
	struct kvm_vcpu *vcpu = (void *)regs->di;
	u32 reason, intr_info, error_code;
	struct vsb_pio pio;
	u64 info, info2;
	bool enters, plain;

	if (!vsb_vm_maybe(vcpu->kvm))
		return 0;
	/* Not a guest-owned bit: L2's own, whoever intercepts the write to it. */
	if (unlikely(!(vcpu->arch.cr0 & X86_CR0_PG)))
		vsb_nested_unpaged(vcpu);
	vsb_kvm_ops->get_exit_info(vcpu, &reason, &info, &info2, &intr_info, &error_code);
	if (unlikely(vsb_watch_any()))
		vsb_watch_exits(vcpu);
	if (vsb_veil_any() && vsb_veil_answers(vcpu, reason, info))
		return (unsigned long)vsb_nested_goes_on;
	if (vsb_screen_any() && (u16)reason == vsb_vendor->resumes &&
	    vsb_vendor->exit_resumes(reason, intr_info) && vsb_screen_leaves_smm(vcpu))
		return (unsigned long)vsb_nested_meet;
	plain = vsb_vendor->exit_plain(reason);
	if (!plain && vsb_vendor->exit_halts(reason) && vsb_synthetic_keeps(vcpu))
		return (unsigned long)vsb_nested_halt;
	if (unlikely(vsb_raise_any()))
		vsb_synthetic_exits(vcpu);
	if (plain) {
		if (unlikely(vsb_inner_maybe(vcpu->kvm)))
			vsb_nested_follow(vcpu, false);
		return 0;
	}
	if (vsb_vendor->exit_wrmsr(reason, info) && vsb_synthetic_wrmsr(vcpu))
		return (unsigned long)vsb_nested_goes_on;
	if (vsb_vendor->exit_pages(reason) && vsb_synthetic_is_irqchip(vsb_vendor->exit_gpa(info2)))
		vsb_synthetic_irqchip(vcpu);
	if (unlikely(vsb_vendor->exit_hosts(reason)))
		vsb_synthetic_hosts(vcpu);
	enters = vsb_vendor->exit_enters(reason);
	if (unlikely(enters || vsb_inner_maybe(vcpu->kvm)))
		vsb_nested_follow(vcpu, enters);
	if (!vsb_vendor->exit_pio(reason, info, &pio))
		return 0;
	if (vsb_synthetic_is_pic(pio.port))
		vsb_synthetic_irqchip(vcpu);
	if (vsb_screen_any() && vsb_screen_is_pci(pio.port) && vsb_screen_configures(vcpu, &pio))
		return (unsigned long)vsb_nested_meet;
	if (!vsb_nested_takes(vcpu, &pio))
		return 0;
	return (unsigned long)vsb_nested_exit;
}

/* The guest hypervisor has the user VM's registers where they will be. */
static bool vsb_on_run_nested(struct kvm_vcpu *vcpu)
{
	return (unlikely(vsb_raise_any()) || unlikely(vsb_watch_any_stops()) ||
		unlikely(vsb_bars_any_reads()) || vsb_veil_any() ||
		unlikely(vsb_raise_signed(vcpu->arch.regs[VCPU_REGS_RDX]))) &&
	       vsb_synthetic_enters(vcpu);
}

/* nested_svm_vmrun(vcpu) */
static unsigned long vsb_on_vmrun(struct pt_regs *regs)
{
	struct kvm_vcpu *vcpu = (void *)regs->di;

	if (!vsb_vm_maybe(vcpu->kvm))
		return 0;
	vsb_nested_vmrun(vcpu);
	return vsb_on_run_nested(vcpu) ? (unsigned long)vsb_run_svm : 0;
}

/* nested_vmx_run(vcpu, launch) */
static unsigned long vsb_on_vmx_run(struct pt_regs *regs)
{
	struct kvm_vcpu *vcpu = (void *)regs->di;

	if (!vsb_vm_maybe(vcpu->kvm))
		return 0;
	return vsb_on_run_nested(vcpu) ? (unsigned long)vsb_run_vmx : 0;
}

/* svm_check_nested_events(vcpu), vmx_check_nested_events(vcpu) */
static unsigned long vsb_on_check_events(struct pt_regs *regs)
{
	struct kvm_vcpu *vcpu = (void *)regs->di;

	if (likely(!vsb_raise_any() && !vsb_watch_any()) || !vsb_vm_maybe(vcpu->kvm))
		return 0;
	if (unlikely(vsb_watch_any()) && vsb_watch_checks(vcpu))
		return (unsigned long)vsb_watch_check;
	if (!vsb_raise_any())
		return 0;
	return vsb_synthetic_checks(vcpu) ? (unsigned long)vsb_synthetic_check : 0;
}

/* The beginning of struct x86_instruction_info, arch/x86/kvm/kvm_emulate.h. */
struct vsb_instruction_info {
	u8 intercept, rep_prefix, modrm_mod, modrm_reg, modrm_rm;
	u64 src_val, dst_val;
};

/*
 * vmx_check_intercept(vcpu, info, stage, exception), svm_check_intercept(): the
 * emulator of string I/O asks before each element whether the guest hypervisor wants
 * the instruction. One that we took it must not have: on VMX KVM would stop the
 * cloud VM with an internal error. L2 may have changed the instruction since the exit,
 * so look at what the emulator decoded.
 */
static unsigned long vsb_on_check_intercept(struct pt_regs *regs)
{
	struct kvm_vcpu *vcpu = (void *)regs->di;
	const struct vsb_instruction_info *info = (void *)regs->si;
	u64 port;

	if (!vsb_vm_maybe(vcpu->kvm))
		return 0;
	switch (info->intercept) {
	case VSB_X86_INTERCEPT_IN:
	case VSB_X86_INTERCEPT_INS:
		port = info->src_val;
		break;
	case VSB_X86_INTERCEPT_OUT:
	case VSB_X86_INTERCEPT_OUTS:
		port = info->dst_val;
		break;
	default:
		return 0;
	}
	return vsb_nested_took(vcpu, port & 0xffff) ? (unsigned long)vsb_check_intercept : 0;
}

/* kvm_io_bus_read(), kvm_io_bus_write() (vcpu, bus, port, size, data) */
static bool vsb_on_bus(struct pt_regs *regs)
{
	struct kvm_vcpu *vcpu = (void *)regs->di;

	return (u32)regs->si == KVM_PIO_BUS && vsb_vm_maybe(vcpu->kvm) &&
	       vsb_is_guest_mode(vcpu) && (u32)regs->cx <= sizeof(u32) &&
	       vsb_nested_serves(vcpu, regs->dx, regs->cx);
}

/* An access of L2 that a page fault of ours has led to: it has left KVM no other way. */
static bool vsb_on_trap(struct pt_regs *regs)
{
	struct kvm_vcpu *vcpu = (void *)regs->di;

	return vsb_screen_any() && (u32)regs->si == KVM_MMIO_BUS && regs->dx & VSB_TRAPPED &&
	       (u32)regs->cx <= sizeof(u64) && vsb_vm_maybe(vcpu->kvm) && vsb_is_guest_mode(vcpu);
}

static unsigned long vsb_on_bus_read(struct pt_regs *regs)
{
	if (vsb_on_trap(regs))
		return (unsigned long)vsb_bus_fetch;
	return vsb_on_bus(regs) ? (unsigned long)vsb_bus_read : 0;
}

static unsigned long vsb_on_bus_write(struct pt_regs *regs)
{
	if (vsb_on_trap(regs))
		return (unsigned long)vsb_bus_store;
	return vsb_on_bus(regs) ? (unsigned long)vsb_bus_write : 0;
}

/* kvm_arch_vcpu_ioctl_run(vcpu) */
static unsigned long vsb_on_run(struct pt_regs *regs)
{
	struct kvm_vcpu *vcpu = (void *)regs->di;

	/* Dead: a proxy that was closed since kvm_vcpu_ioctl() looked at it. */
	return READ_ONCE(vcpu->kvm->vm_dead) || vsb_proxy_is(vcpu->kvm) ?
	       (unsigned long)vsb_proxy_run : 0;
}

/* kvm_vm_ioctl_irq_line(kvm, irq_level, line_status) */
static unsigned long vsb_on_irq_line(struct pt_regs *regs)
{
	return vsb_proxy_is((struct kvm *)regs->di) ?
	       (unsigned long)vsb_proxy_irq_line : 0;
}

/* ---- names ---- */

/**
 * struct vsb_hook - a function of KVM that is redirected
 * @name:	of it
 * @vendor:	in whose module it is; NULL: in kvm
 * @decide:	called at its entry, in the ftrace callback; NULL: it is only looked at
 * @proto:	its type, if no header has it; the others are below
 * @compared:	its caller compares what it returns with 1 (NESTED_EXIT_DONE)
 * @pointer:	it is called through kvm_x86_ops, not directly
 * @ip:		0: not of this vendor, or not resolved
 */
struct vsb_hook {
	const char *name;
	const struct vsb_vendor *vendor;
	unsigned long (*decide)(struct pt_regs *regs);
	const char *proto;
	bool compared;
	bool pointer;
	unsigned long ip;
};

#define CHECK_INTERCEPT \
	"int (struct kvm_vcpu *, struct x86_instruction_info *, enum x86_intercept_stage, struct x86_exception *)"

/* The busiest first: they are searched in this order. */
static struct vsb_hook vsb_hooks[] = {
	{ "nested_vmx_reflect_vmexit", &vsb_vmx, vsb_on_nested_exit,
	  .proto = "bool (struct kvm_vcpu *)" },
	{ "nested_vmx_run", &vsb_vmx, vsb_on_vmx_run,
	  .proto = "int (struct kvm_vcpu *, bool)" },
	{ "nested_svm_exit_special", &vsb_svm, vsb_on_nested_exit,
	  .proto = "int (struct vcpu_svm *)" },
	{ "nested_svm_vmrun", &vsb_svm, vsb_on_vmrun,
	  .proto = "int (struct kvm_vcpu *)" },
	{ "svm_check_nested_events", &vsb_svm, vsb_on_check_events,
	  .proto = "int (struct kvm_vcpu *)", .pointer = true },
	{ "vmx_check_nested_events", &vsb_vmx, vsb_on_check_events,
	  .proto = "int (struct kvm_vcpu *)", .pointer = true },
	{ "kvm_io_bus_write", NULL, vsb_on_bus_write },
	{ "kvm_io_bus_read", NULL, vsb_on_bus_read },
	{ "vmx_check_intercept", &vsb_vmx, vsb_on_check_intercept,
	  .proto = CHECK_INTERCEPT, .pointer = true },
	{ "svm_check_intercept", &vsb_svm, vsb_on_check_intercept,
	  .proto = CHECK_INTERCEPT, .pointer = true },
	{ "kvm_arch_vcpu_ioctl_run", NULL, vsb_on_run },
	{ "kvm_vm_ioctl_irq_line", NULL, vsb_on_irq_line },
	/* Called behind nested_svm_exit_special(), where the answer of both is compared. */
	{ "nested_svm_exit_handled", &vsb_svm, NULL,
	  .proto = "int (struct vcpu_svm *)", .compared = true },
};

static_assert(__same_type(vsb_bus_fetch, kvm_io_bus_read));
static_assert(__same_type(vsb_bus_store, kvm_io_bus_write));
static_assert(__same_type(vsb_bus_read, kvm_io_bus_read));
static_assert(__same_type(vsb_bus_write, kvm_io_bus_write));
static_assert(__same_type(vsb_proxy_run, kvm_arch_vcpu_ioctl_run));
static_assert(__same_type(vsb_proxy_irq_line, kvm_vm_ioctl_irq_line));

/*
 * @ip: of the call to ftrace, which is behind ENDBR where the kernel has that. Of the
 * registers those are saved that arguments are in, and the instruction pointer.
 */
static void vsb_hook_callback(unsigned long ip, unsigned long parent_ip,
			      struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	struct pt_regs *regs = vsb_ftrace_regs(fregs);
	unsigned long to;
	int i;

	for (i = 0; i < ARRAY_SIZE(vsb_hooks); i++) {
		if (ip - vsb_hooks[i].ip > ENDBR_INSN_SIZE || !vsb_hooks[i].decide)
			continue;
		to = vsb_hooks[i].decide(regs);
		if (to)
			regs->ip = to;
		return;
	}
}

/*
 * One for all addresses: ftrace waits for a grace period of Tasks RCU per
 * ftrace_ops that it unregisters.
 *
 * Without SAVE_REGS: arguments are enough, and cheaper (CONFIG_HAVE_DYNAMIC_FTRACE_WITH_ARGS,
 * which this architecture has; so does live patching). Without RECURSION: nothing that the
 * callback calls is redirected, so it needs no protection. PERMANENT: refuse
 * "sysctl kernel.ftrace_enabled=0" while attached, as live patching does.
 */
static struct ftrace_ops vsb_hook_ops = {
	.func = vsb_hook_callback,
	.flags = FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_PERMANENT,
};

static DEFINE_MUTEX(hook_lock);	/* guards what follows and, but for the callback, vsb_hooks */
static unsigned int hook_refs;
/* kvm-intel or kvm-amd, held while there are redirections; it holds kvm. */
static struct module *kvm_module;

static int vsb_hook_find_lookup(void)
{
	struct kprobe kp = { .symbol_name = "kallsyms_lookup_name" };
	int ret;

	if (lookup_name)
		return 0;
	ret = register_kprobe(&kp);
	if (ret) {
		pr_err("cannot find kernel functions by name (kprobe: %d); the kernel needs CONFIG_KPROBES and CONFIG_KALLSYMS\n",
		       ret);
		return -EOPNOTSUPP;
	}
	lookup_name = (void *)kp.addr;
	unregister_kprobe(&kp);
	return 0;
}

/* The address of @name, or 0. @owner: module, or NULL: the kernel itself. */
unsigned long vsb_hook_lookup(const char *owner, const char *name)
{
	char full[KSYM_NAME_LEN];
	unsigned long ip;

	snprintf(full, sizeof(full), "%s%s%s", owner ?: "", owner ? ":" : "", name);
	ip = lookup_name(full);
	if (!ip)
		pr_err("this kernel's KVM has no %s(); it is not supported\n", name);
	return ip;
}

/* One that is wholly loaded, and stays until vsb_hook_let_go(). Return: or NULL. */
static struct module *vsb_hook_hold(const char *name)
{
	struct module *module;

	/* find_module() wants that; a module that is there does not go while it lasts. */
	preempt_disable();
	module = kernel_find_module(name);
	/* One whose init fails is freed, held or not. */
	if (module && (READ_ONCE(module->state) != MODULE_STATE_LIVE || !try_module_get(module)))
		module = NULL;
	preempt_enable();
	return module;
}

static void vsb_hook_let_go(void)
{
	module_put(kvm_module);
	kvm_module = NULL;
}

/* Hold the vendor's module that is loaded; nested virtualization has to be on. */
static int vsb_hook_find_vendor(void)
{
	static const struct vsb_vendor *const vendors[] = { &vsb_vmx, &vsb_svm };
	bool *nested;
	int i;

	for (i = 0; i < ARRAY_SIZE(vendors) && !kvm_module; i++) {
		vsb_vendor = vendors[i];
		kvm_module = vsb_hook_hold(vsb_vendor->module);
	}
	if (!kvm_module) {
		pr_err("neither kvm-intel nor kvm-amd is loaded; load one first\n");
		return -ENODEV;
	}
	nested = (bool *)vsb_hook_lookup(vsb_vendor->module, "nested");
	if (!nested)
		return -EOPNOTSUPP;
	if (!*nested) {
		pr_err("nested virtualization is off; load %s with nested=1\n",
		       vsb_vendor->name);
		return -EOPNOTSUPP;
	}
	return 0;
}

/* KVM's modules are held. */
static int vsb_hook_resolve(void)
{
	const char *kvm = IS_BUILTIN(CONFIG_KVM) ? NULL : "kvm";
	int i;

	for (i = 0; i < ARRAY_SIZE(vsb_hooks); i++) {
		struct vsb_hook *hook = &vsb_hooks[i];

		hook->ip = 0;
		if (hook->vendor && hook->vendor != vsb_vendor)
			continue;
		hook->ip = vsb_hook_lookup(hook->vendor ? vsb_vendor->module : kvm, hook->name);
		if (!hook->ip)
			return -EOPNOTSUPP;
	}
	return vsb_calls_resolve(kvm, vsb_hook_lookup);
}

/* ---- is it the KVM that we were written for? ---- */

#define INFO(m, t) { BTF_KIND_STRUCT, "x86_instruction_info", #m, \
		     offsetof(struct vsb_instruction_info, m), t }
#define INTERCEPT(m, v) { BTF_KIND_ENUM, "x86_intercept", "x86_intercept_" #m, v }

/* Of the vendor's module (NULL: of both), which no header has. */
static const struct {
	const struct vsb_vendor *vendor;
	struct vsb_expect type;
} vsb_expected[] = {
	{ &vsb_svm, { BTF_KIND_STRUCT, "vcpu_svm", "vcpu", 0, "struct kvm_vcpu" } },
	{ &vsb_svm, { BTF_KIND_STRUCT, "vcpu_svm", "vmcb", VSB_SVM_VMCB, "struct vmcb *" } },
	{ &vsb_svm, { .kind = BTF_KIND_FUNC, .name = "nested_svm_vmexit",
		      .type = __stringify(VSB_SVM_VMEXIT_RETURNS) " (struct vcpu_svm *)" } },
	{ &vsb_vmx, { .kind = BTF_KIND_FUNC, .name = "nested_vmx_vmexit",
		      .type = "void (struct kvm_vcpu *, u32, u32, long unsigned int)" } },
	{ NULL, INFO(intercept, "u8") },
	{ NULL, INFO(src_val, "u64") },
	{ NULL, INFO(dst_val, "u64") },
	{ NULL, INTERCEPT(in, VSB_X86_INTERCEPT_IN) },
	{ NULL, INTERCEPT(ins, VSB_X86_INTERCEPT_INS) },
	{ NULL, INTERCEPT(out, VSB_X86_INTERCEPT_OUT) },
	{ NULL, INTERCEPT(outs, VSB_X86_INTERCEPT_OUTS) },
	{ NULL, { BTF_KIND_ENUM, "x86_intercept_stage", "X86_ICPT_PRE_EXCEPT",
		  VSB_X86_ICPT_PRE_EXCEPT } },
};

static bool vsb_hook_check_type(const struct vsb_btf *b, const struct vsb_expect *e)
{
	char want[VSB_SEEN], seen[VSB_SEEN];

	if (vsb_check_type(b, e, want, seen))
		return true;
	pr_err("this kernel's KVM is not supported: %s%s%s is \"%s\", not \"%s\" (BTF); install a kvm-vsbypass that is made for this kernel\n",
	       e->name, e->member ? "." : "", e->member ?: "", seen, want);
	return false;
}

/* Without it a vector is not injected before L2 has interrupts on. */
static void vsb_hook_find_int_ctl(const struct vsb_btf *b)
{
	int nested = vsb_check_offset(b, "vcpu_svm", "nested", "struct svm_nested_state");
	int ctl = vsb_check_offset(b, "svm_nested_state", "ctl", "struct vmcb_ctrl_area_cached");
	int int_ctl = vsb_check_offset(b, "vmcb_ctrl_area_cached", "int_ctl", "u32");

	vsb_svm_int_ctl = nested > 0 && ctl >= 0 && int_ctl >= 0 ? nested + ctl + int_ctl : 0;
}

/* Without it there is no veil. */
static void vsb_hook_find_vmcb01(const struct vsb_btf *b)
{
	int vmcb01 = vsb_check_offset(b, "vcpu_svm", "vmcb01", "struct kvm_vmcb_info");
	int ptr = vsb_check_offset(b, "kvm_vmcb_info", "ptr", "struct vmcb *");

	vsb_svm_vmcb01 = vmcb01 > 0 && ptr >= 0 ? vmcb01 + ptr : 0;
}

/* Without them an access that ends in a page's last bytes may be taken for one that goes on. */
static void vsb_hook_find_operands(const struct vsb_btf *b)
{
	int src = vsb_check_offset(b, "x86_emulate_ctxt", "src", "struct operand");
	int dst = vsb_check_offset(b, "x86_emulate_ctxt", "dst", "struct operand");
	int bytes = vsb_check_offset(b, "operand", "bytes", "unsigned int");

	if (src > 0 && dst > 0 && bytes > 0)
		vsb_emulator = (struct vsb_emulator){ src, dst, bytes };
	else
		vsb_emulator = (struct vsb_emulator){};
}

/* What @b has of the vendor's module. */
static int vsb_hook_check_types(const struct vsb_btf *b)
{
	struct vsb_expect e;
	int i;

	for (i = 0; i < ARRAY_SIZE(vsb_expected); i++)
		if ((!vsb_expected[i].vendor || vsb_expected[i].vendor == vsb_vendor) &&
		    !vsb_hook_check_type(b, &vsb_expected[i].type))
			return -EOPNOTSUPP;
	vsb_hook_find_operands(b);
	if (vsb_vendor == &vsb_svm) {
		vsb_hook_find_int_ctl(b);
		vsb_hook_find_vmcb01(b);
	}
	for (i = 0; i < ARRAY_SIZE(vsb_hooks); i++) {
		if (!vsb_hooks[i].proto || vsb_hooks[i].vendor != vsb_vendor)
			continue;
		e = (struct vsb_expect){ .kind = BTF_KIND_FUNC, .name = vsb_hooks[i].name,
					 .type = vsb_hooks[i].proto };
		if (!vsb_hook_check_type(b, &e))
			return -EOPNOTSUPP;
	}
	return 0;
}

/* A kernel without BTF, or that does not let us look, is taken at its word. */
static int vsb_hook_check_btf(void)
{
	struct btf *(*get)(const struct module *module);
	void (*put)(struct btf *btf);
	struct vsb_btf b;
	int ret;

	get = (void *)lookup_name("btf_get_module_btf");
	put = (void *)lookup_name("btf_put");
	b.find = (void *)lookup_name("btf_find_by_name_kind");
	b.type = (void *)lookup_name("btf_type_by_id");
	b.name = (void *)lookup_name("btf_name_by_offset");
	b.btf = get && put && b.find && b.type && b.name ? get(kvm_module) : NULL;
	if (IS_ERR_OR_NULL(b.btf)) {
		pr_info_once("this kernel has no BTF of %s: that its types are those of Linux 6.1, 6.12 and 7.3 is not checked\n",
			     vsb_vendor->name);
		return 0;
	}
	ret = vsb_hook_check_types(&b);
	put(b.btf);
	return ret;
}

/* Those that are in @module. */
static void vsb_hook_find_calls(const struct module *module, const struct vsb_vendor *vendor,
				struct vsb_call *calls)
{
	struct vsb_call mine[ARRAY_SIZE(vsb_hooks)] = {};
	int i;

	for (i = 0; i < ARRAY_SIZE(vsb_hooks); i++)
		if (vsb_hooks[i].vendor == vendor && !vsb_hooks[i].pointer)
			mine[i] = calls[i];
	vsb_check_calls(vsb_module_text(module), vsb_module_text_size(module),
			(unsigned long)vsb_module_text(module), VSB_PADDING, mine,
			ARRAY_SIZE(mine));
	for (i = 0; i < ARRAY_SIZE(vsb_hooks); i++)
		calls[i].found |= mine[i].found;
}

/* Where KVM has the address of such a function. */
static unsigned long vsb_hook_pointer(const struct vsb_hook *hook)
{
	return hook->decide == vsb_on_check_events ?
	       (unsigned long)vsb_kvm_nested->check_events :
	       (unsigned long)vsb_kvm_ops->check_intercept;
}

/*
 * Does KVM call the functions? Where the compiler has put one into its caller it is
 * there for nobody. It may have done so at one of two callers, which nobody sees: so no
 * kernel whose compiler looks across files.
 */
static int vsb_hook_check_calls(void)
{
	struct vsb_call calls[ARRAY_SIZE(vsb_hooks)] = {};
	struct module *kvm;
	int i;

	if (IS_ENABLED(CONFIG_LTO)) {
		pr_err("this kernel's KVM is not supported: with CONFIG_LTO it may not call what is redirected; use a kernel without\n");
		return -EOPNOTSUPP;
	}
	for (i = 0; i < ARRAY_SIZE(vsb_hooks); i++)
		calls[i] = (struct vsb_call){ vsb_hooks[i].ip, vsb_hooks[i].compared };
	preempt_disable();
	kvm = kernel_find_module("kvm");	/* kvm_module holds it */
	preempt_enable();
	vsb_hook_find_calls(kvm_module, vsb_vendor, calls);
	if (kvm)
		vsb_hook_find_calls(kvm, NULL, calls);
	for (i = 0; i < ARRAY_SIZE(vsb_hooks); i++) {
		const struct vsb_hook *hook = &vsb_hooks[i];

		if (!hook->ip || (!hook->vendor && !kvm))
			continue;
		if (hook->pointer ? hook->ip == vsb_hook_pointer(hook) : calls[i].found)
			continue;
		pr_err("this kernel's KVM is not supported: nobody calls %s()%s; install a kvm-vsbypass that is made for this kernel\n",
		       hook->name, hook->compared ? " and compares with NESTED_EXIT_DONE" : "");
		return -EOPNOTSUPP;
	}
	return 0;
}

/* ---- on and off ---- */

static void vsb_hook_unfilter(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(vsb_hooks); i++)
		if (vsb_hooks[i].ip && vsb_hooks[i].decide)
			ftrace_set_filter_ip(&vsb_hook_ops, vsb_hooks[i].ip, 1, 0);
}

/* No callback runs any more afterwards. */
static void vsb_hook_disable(void)
{
	unregister_ftrace_function(&vsb_hook_ops);
	vsb_hook_unfilter();
	vsb_hook_let_go();
}

/* KVM's modules are held. */
static int vsb_hook_redirect(void)
{
	int i, ret;

	for (i = 0; i < ARRAY_SIZE(vsb_hooks); i++) {
		if (!vsb_hooks[i].ip || !vsb_hooks[i].decide)
			continue;
		ret = ftrace_set_filter_ip(&vsb_hook_ops, vsb_hooks[i].ip, 0, 0);
		if (ret) {
			pr_err("cannot redirect %s() (%d): %s\n", vsb_hooks[i].name, ret,
			       ret == -ENOMEM ? "no memory" : "ftrace does not know it");
			goto unfilter;
		}
	}
	ret = register_ftrace_function(&vsb_hook_ops);
	if (!ret)
		return 0;
	pr_err("cannot redirect KVM's functions (%d): %s\n", ret, ret == -EBUSY ?
	       "ftrace is off (sysctl kernel.ftrace_enabled=1) or a live patch has one" :
	       ret == -ENOMEM ? "no memory" : "ftrace refuses");
unfilter:
	vsb_hook_unfilter();
	return ret;
}

static int vsb_hook_enable(void)
{
	int ret;

	ret = vsb_hook_find_lookup();
	if (ret)
		return ret;
	kernel_find_module = (void *)vsb_hook_lookup(NULL, "find_module");
	if (!kernel_find_module)
		return -EOPNOTSUPP;
	ret = vsb_hook_find_vendor();
	if (!ret)
		ret = vsb_hook_resolve();
	if (!ret)
		ret = vsb_hook_check_btf();
	if (!ret)
		ret = vsb_hook_check_calls();
	if (!ret)
		ret = vsb_hook_redirect();
	if (ret)
		vsb_hook_let_go();
	return ret;
}

/**
 * vsb_hook_get - have KVM's functions redirected, and its modules held
 *
 * Ioctl context. Return: 0, -ENODEV: KVM's module is not loaded, -EOPNOTSUPP:
 * this KVM cannot be redirected, -EBUSY: ftrace is off, or another has them.
 * The kernel log says what and why.
 */
int vsb_hook_get(void)
{
	int ret = 0;

	mutex_lock(&hook_lock);
	if (!hook_refs)
		ret = vsb_hook_enable();
	if (!ret)
		hook_refs++;
	mutex_unlock(&hook_lock);
	return ret;
}

void vsb_hook_put(void)
{
	mutex_lock(&hook_lock);
	if (!--hook_refs)
		vsb_hook_disable();
	mutex_unlock(&hook_lock);
}

/* Would it work? Redirects for a moment to be sure. */
int vsb_hook_check(void)
{
	int ret = vsb_hook_get();

	if (!ret)
		vsb_hook_put();
	return ret;
}

/*
 * Wait until no thread is in the module's code, after the last vsb_hook_put():
 * those that were redirected and have not counted themselves yet, those that
 * are counted, those on their last instructions.
 */
void vsb_hook_drain(void)
{
	synchronize_rcu_tasks();
	while (atomic_read(&vsb_users))
		msleep(20);
	synchronize_rcu_tasks();
	rcu_barrier();
}
