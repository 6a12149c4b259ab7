// SPDX-License-Identifier: GPL-2.0
/*
 * Sets of claimed ports.
 */
#include <linux/err.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "devices/claims.h"
#include "devices/i8042.h"

static const struct vsb_range vsb_com1 = {
	.first = 0x3f8, .last = 0x3ff, .device = VSB_DEV_16550,
};

/* Both ports of a keyboard controller, or none. */
static bool vsb_claims_check_i8042(const struct vsb_range *ranges, u32 nr)
{
	u32 i, ports = 0;

	for (i = 0; i < nr; i++) {
		const struct vsb_range *r = &ranges[i];

		if (r->device != VSB_DEV_I8042)
			continue;
		if (r->first != r->last ||
		    (r->first != VSB_KBD_DATA && r->first != VSB_KBD_COMMAND))
			return false;
		ports++;
	}
	/* No two ranges overlap. */
	return ports != 1;
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

		if (r->last < r->first || r->pad || r->device > VSB_DEV_I8042)
			return -EINVAL;
		if (r->device == VSB_DEV_16550 && r->last - r->first != 7)
			return -EINVAL;
		for (j = 0; j < i; j++)
			if (r->first <= ranges[j].last && ranges[j].first <= r->last)
				return -EINVAL;
	}
	return vsb_claims_check_i8042(ranges, nr) ? 0 : -EINVAL;
}

/* Is there a keyboard controller? */
bool vsb_claims_i8042(const struct vsb_claims *claims)
{
	u32 i;

	for (i = 0; i < claims->nr; i++)
		if (claims->ranges[i].device == VSB_DEV_I8042)
			return true;
	return false;
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
