/* SPDX-License-Identifier: GPL-2.0 */
/* The graphics card of the user VM in the lab, QEMU's "std": its configuration, over sysfs. */
#ifndef VSB_SELFTESTS_SCREEN_CARD_H
#define VSB_SELFTESTS_SCREEN_CARD_H

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CARD	0x11111234	/* device and vendor */
#define FRAME	0x10		/* base address registers */
#define REGS	0x18

static int card;

static inline void card_write_part(uint32_t reg, uint32_t value, unsigned int size)
{
	if (pwrite(card, &value, size, reg) != (ssize_t)size) {
		fprintf(stderr, "%s: configuration of the card: %m\n", program_invocation_short_name);
		exit(1);
	}
}

static inline void card_write(uint32_t reg, uint32_t value)
{
	card_write_part(reg, value, sizeof(value));
}

static inline uint32_t card_read(uint32_t reg)
{
	uint32_t value = 0;

	return pread(card, &value, sizeof(value), reg) == sizeof(value) ? value : 0;
}

static inline void card_find(void)
{
	char path[64];

	for (unsigned int device = 0; device < 32; device++) {
		snprintf(path, sizeof(path), "/sys/bus/pci/devices/0000:00:%02x.0/config", device);
		card = open(path, O_RDWR);
		if (card >= 0 && card_read(0) == CARD)
			return;
		close(card);
	}
	fprintf(stderr, "%s: no card\n", program_invocation_short_name);
	exit(1);
}

#endif
