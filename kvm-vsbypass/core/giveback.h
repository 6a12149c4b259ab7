/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Devices of the guest hypervisor are the user VM's again.
 */
#ifndef VSB_CORE_GIVEBACK_H
#define VSB_CORE_GIVEBACK_H

struct vsb_cloud;
struct vsb_proxy;

long vsb_give_back(struct vsb_proxy *proxy);
void vsb_give_ends(struct vsb_cloud *cloud);
void vsb_give_lasts(struct vsb_cloud *cloud);

#endif
