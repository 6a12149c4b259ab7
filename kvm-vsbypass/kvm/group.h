/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Functions of KVM that are redirected only while somebody needs them, in the way of hook.c,
 * whose redirections are on then, too. Else they run as without us.
 */
#ifndef VSB_KVM_GROUP_H
#define VSB_KVM_GROUP_H

#include <linux/ftrace.h>

#define VSB_GROUP_MAX	3

/**
 * struct vsb_group - functions that are redirected together
 * @ops:	one for all of them
 * @decide:	as in struct vsb_hook; @i: which one it is
 * @resolve:	find their addresses. Return: 0, or as vsb_group_get()
 * @ip:		addresses, @nr of them
 * @refs:	who needs them
 */
struct vsb_group {
	struct ftrace_ops ops;
	unsigned long (*decide)(unsigned int i, struct pt_regs *regs);
	int (*resolve)(struct vsb_group *group);
	unsigned int nr;
	unsigned long ip[VSB_GROUP_MAX];
	unsigned int refs;
};

void vsb_group_callback(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *ops,
			struct ftrace_regs *fregs);

#define VSB_GROUP(_decide, _resolve) {					\
	.ops = {							\
		.func = vsb_group_callback,				\
		.flags = FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_PERMANENT, \
	},								\
	.decide = _decide,						\
	.resolve = _resolve,						\
}

/*
 * Ioctl context, behind vsb_hook_get(). Return: 0, -EOPNOTSUPP, -EBUSY: ftrace is off, or
 * another has them. The kernel log says what and why.
 */
int vsb_group_get(struct vsb_group *group);
/* No callback of it runs any more behind the last one. */
void vsb_group_put(struct vsb_group *group);

#endif
