// SPDX-License-Identifier: GPL-2.0
/* Functions of KVM that are redirected while somebody needs them; see kvm/group.h. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/container_of.h>
#include <linux/kernel.h>
#include <linux/mutex.h>
#include <asm/ibt.h>

#include "kvm/compat.h"
#include "kvm/group.h"

static DEFINE_MUTEX(group_lock);	/* inside of no other; guards refs */

/* As vsb_hook_callback(). */
void vsb_group_callback(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *ops,
			struct ftrace_regs *fregs)
{
	struct vsb_group *group = container_of(ops, struct vsb_group, ops);
	struct pt_regs *regs = vsb_ftrace_regs(fregs);
	unsigned long to;
	unsigned int i;

	for (i = 0; i < group->nr; i++) {
		if (ip - group->ip[i] > ENDBR_INSN_SIZE)
			continue;
		to = group->decide(i, regs);
		if (to)
			regs->ip = to;
		return;
	}
}

static void vsb_group_unfilter(struct vsb_group *group)
{
	unsigned int i;

	for (i = 0; i < group->nr; i++)
		ftrace_set_filter_ip(&group->ops, group->ip[i], 1, 0);
}

static int vsb_group_enable(struct vsb_group *group)
{
	unsigned int i;
	int ret;

	ret = group->resolve(group);
	if (ret)
		return ret;
	for (i = 0; i < group->nr && !ret; i++)
		ret = group->ip[i] ? ftrace_set_filter_ip(&group->ops, group->ip[i], 0, 0) :
				     -EOPNOTSUPP;
	if (!ret)
		ret = register_ftrace_function(&group->ops);
	if (ret) {
		pr_err("cannot redirect KVM's functions for a veil or a screen (%d)\n", ret);
		vsb_group_unfilter(group);
	}
	return ret;
}

int vsb_group_get(struct vsb_group *group)
{
	int ret = 0;

	mutex_lock(&group_lock);
	if (!group->refs)
		ret = vsb_group_enable(group);
	if (!ret)
		group->refs++;
	mutex_unlock(&group_lock);
	return ret;
}

void vsb_group_put(struct vsb_group *group)
{
	mutex_lock(&group_lock);
	if (!--group->refs) {
		unregister_ftrace_function(&group->ops);
		vsb_group_unfilter(group);
	}
	mutex_unlock(&group_lock);
}
