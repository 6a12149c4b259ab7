/* SPDX-License-Identifier: GPL-2.0 */
/* The calls of <linux/kvm_vsbypass.h>, each as a function: value, or -1 and errno. */
#ifndef VSB_VSB_H
#define VSB_VSB_H

#include <linux/kvm_vsbypass.h>

int vsb_open(void);
int vsb_cloud(int dev, int vm_fd, uint32_t flags, uint32_t unclaimed);
struct vsb_create_proxy vsb_proxy_args(int vm_fd, const char *name);
int vsb_proxy(int cloud, const struct vsb_create_proxy *args);
int vsb_start(int cloud);
int vsb_uservm(int fd, uint32_t index, struct vsb_uservm *u);

#endif
