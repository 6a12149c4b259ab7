// SPDX-License-Identifier: GPL-2.0
/*
 * Sets of claimed ports.
 */
#include <linux/err.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "devices/claims.h"
#include "devices/device.h"

static const struct vsb_range vsb_com1 = {
	.first = 0x3f8, .last = 0x3ff, .device = VSB_DEV_16550,
};

/* What each kind of device says. */
static int vsb_claims_check_kinds(const struct vsb_range *ranges, u32 nr)
{
	u32 i, kind, of_kind, replays = 0;

	for (kind = 0; kind < vsb_nr_devices; kind++) {
		const struct vsb_device_ops *ops = vsb_devices[kind];

		if (ops->claim && !ops->claim(ranges, nr))
			return -EINVAL;
		for (i = 0, of_kind = 0; i < nr; i++)
			of_kind += ranges[i].device == kind;
		replays += ops->replays * (ops->whole ? !!of_kind : of_kind);
	}
	return replays > VSB_MAX_REPLAY ? -EINVAL : 0;
}

static int vsb_claims_check(const struct vsb_range *ranges, u32 nr)
{
	static const struct vsb_range unused;
	u32 i, j;

	if (nr > VSB_MAX_RANGES)
		return -EINVAL;
	for (i = nr; i < VSB_MAX_RANGES; i++)
		if (memcmp(&ranges[i], &unused, sizeof(unused)))
			return -EINVAL;
	for (i = 0; i < nr; i++) {
		const struct vsb_range *r = &ranges[i];

		if (r->last < r->first || r->pad || r->device >= vsb_nr_devices)
			return -EINVAL;
		for (j = 0; j < i; j++)
			if (r->first <= ranges[j].last && ranges[j].first <= r->last)
				return -EINVAL;
	}
	return vsb_claims_check_kinds(ranges, nr);
}

/**
 * vsb_claims_create - from user space's ranges
 * @ranges: VSB_MAX_RANGES of them, unchecked
 * @nr: how many count; 0 is COM1
 *
 * Return: the claims, to be kfree()d, or an error pointer: -EINVAL, -ENOMEM.
 */
struct vsb_claims *vsb_claims_create(const struct vsb_range *ranges, u32 nr)
{
	struct vsb_claims *claims;
	int ret;

	ret = vsb_claims_check(ranges, nr);
	if (ret)
		return ERR_PTR(ret);
	claims = kzalloc(sizeof(*claims), GFP_KERNEL_ACCOUNT);
	if (!claims)
		return ERR_PTR(-ENOMEM);
	if (nr) {
		claims->nr = nr;
		memcpy(claims->ranges, ranges, nr * sizeof(*ranges));
	} else {
		claims->nr = 1;
		claims->ranges[0] = vsb_com1;
	}
	return claims;
}

/* Is any of @size ports from @port on claimed? */
bool vsb_claims_any(const struct vsb_claims *claims, u32 port, u32 size)
{
	u32 i;

	for (i = 0; i < claims->nr; i++)
		if (port <= claims->ranges[i].last &&
		    port + size > claims->ranges[i].first)
			return true;
	return false;
}
