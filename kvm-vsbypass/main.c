// SPDX-License-Identifier: GPL-2.0
/*
 * kvm-vsbypass: port I/O of a nested VM, served outside its guest hypervisor.
 *
 * A nested exit of a user VM for a claimed port is not reflected to the guest
 * hypervisor; KVM emulates it, and the access goes to the VMM of a proxy VM, or a
 * front does it and talks to the VMM later.
 *
 * Rooms, each of which uses only those below it: this file, kvm/, core/, devices/.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/uaccess.h>

#include "core/cloud.h"
#include "include/uapi/linux/kvm_vsbypass.h"
#include "kvm/host.h"

static long vsb_create_cloud(void __user *argp)
{
	struct vsb_create_cloud args;

	if (copy_from_user(&args, argp, sizeof(args)))
		return -EFAULT;
	return vsb_cloud_open(&args);
}

static long vsb_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	switch (cmd) {
	case VSB_GET_API_VERSION:
		return arg ? -EINVAL : VSB_API_VERSION;
	case VSB_CREATE_CLOUD:
		return vsb_create_cloud((void __user *)arg);
	}
	return -ENOTTY;
}

static const struct file_operations vsb_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = vsb_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.llseek = noop_llseek,
};

static struct miscdevice vsb_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "kvm-vsbypass",
	.fops = &vsb_fops,
	.mode = 0600,
};

static int __init vsb_init(void)
{
	int ret;

	ret = vsb_kvm_init();
	if (!ret)
		ret = misc_register(&vsb_misc);
	if (ret)
		vsb_kvm_exit();
	return ret;
}
module_init(vsb_init);

static void __exit vsb_exit(void)
{
	misc_deregister(&vsb_misc);
	vsb_kvm_exit();
}
module_exit(vsb_exit);

MODULE_DESCRIPTION("Port I/O of a nested VM, served outside its guest hypervisor");
MODULE_LICENSE("GPL");
MODULE_SOFTDEP("pre: hmac sha256");
MODULE_ALIAS("devname:kvm-vsbypass");
