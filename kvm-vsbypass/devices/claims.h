/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sets of claimed ports.
 */
#ifndef VSB_DEVICES_CLAIMS_H
#define VSB_DEVICES_CLAIMS_H

#include <linux/types.h>

#include "include/uapi/linux/kvm_vsbypass.h"

struct vsb_claims {
	struct rcu_head rcu;
	u32 nr;
	struct vsb_range ranges[VSB_MAX_RANGES];
};

struct vsb_claims *vsb_claims_create(const struct vsb_range *ranges, u32 nr);
bool vsb_claims_any(const struct vsb_claims *claims, u32 port, u32 size);

#endif
