/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One port access, free of vendors.
 */
#ifndef VSB_CORE_PIO_H
#define VSB_CORE_PIO_H

#include <linux/types.h>

struct vsb_pio {
	u16 port;
	u8 size;	/* 1, 2 or 4 bytes */
	bool in;
};

#endif
