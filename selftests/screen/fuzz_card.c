// SPDX-License-Identifier: GPL-2.0
/*
 * Of the user VM in the lab: accesses to its graphics card (QEMU's "std") as nobody makes them who
 * wants to see something. Ports, across the ends of its ranges; the window at 0xa0000, its memory and
 * registers, unaligned and across their ends; its base address registers, moved in the middle of
 * that, also by halves and bytes.
 *
 * The kernel makes the accesses to ports (/dev/port, sysfs): QEMU's TCG lets no program of a nested
 * guest do so, as it finds the TSS busy (helper_check_io()).
 *
 *	fuzz_card SEED STEPS
 *
 * Ends with "STEPS steps, MOVES moves", and the card where it was.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "card.h"

#define COMMAND		0x04

#define WINDOW		0xa0000
#define WINDOW_SIZE	0x20000
#define MARGIN		0x1000
#define SIZE		(16u << 20)

/* Where it may be: no memory there, and no other device of the lab's user VM. */
static const uint32_t frames[] = { 0x30000000, 0x3f000000, 0x7f000000, 0xbf000000, 0xc0000000, 0xe0000000 };
static const uint32_t regs[] = { 0x50000000, 0x501ff000, 0xd0000000 };

#define NR(a)	(sizeof(a) / sizeof((a)[0]))

static volatile uint8_t *window, *frame_at[NR(frames)], *regs_at[NR(regs)];
static int ports;
static unsigned int moves;

static uint32_t any(uint32_t end)
{
	return ((uint32_t)random() << 8 ^ (uint32_t)random()) % end;
}

/* With a margin on both sides. */
static volatile uint8_t *map(int fd, uint32_t at, uint32_t size)
{
	void *p = mmap(NULL, size + 2 * MARGIN, PROT_READ | PROT_WRITE, MAP_SHARED, fd, at - MARGIN);

	if (p == MAP_FAILED) {
		perror("fuzz_card: /dev/mem");
		exit(1);
	}
	return (volatile uint8_t *)p + MARGIN;
}

static void port(void)
{
	static const struct {
		uint16_t first, nr;
	} range[] = { { 0x3ae, 0x33 }, { 0x1cd, 6 }, { 0x3c0, 0x10 }, { 0x3c0, 0x10 }, { 0x1ce, 2 } };
	unsigned int i = any(NR(range)), at = range[i].first + any(range[i].nr), n = 1 + any(4);
	uint32_t value = any(4) ? any(256) : any(0xffffffff);

	if ((any(3) ? pwrite(ports, &value, n, at) : pread(ports, &value, n, at)) != (ssize_t)n) {
		perror("fuzz_card: /dev/port");
		exit(1);
	}
}

/* One access of any width at @p, which is followed by 8 bytes at least. */
static void touch(volatile uint8_t *p)
{
	uint64_t value = random() * 0x100000001ull;

	switch (any(10)) {
	case 0:
		*p = value;
		break;
	case 1:
		*(volatile uint16_t *)p = value;
		break;
	case 2:
		*(volatile uint32_t *)p = value;
		break;
	case 3:
		*(volatile uint64_t *)p = value;
		break;
	case 4:
		value = *p;
		break;
	case 5:
		value = *(volatile uint16_t *)p;
		break;
	case 6:
		value = *(volatile uint32_t *)p;
		break;
	case 7:
		value = *(volatile uint64_t *)p;
		break;
	case 8:
		*(volatile uint32_t *)p ^= value;
		break;
	default:
		memset((void *)p, value, 8);
		break;
	}
}

/* About the first or last bytes of something of that size, or anywhere in it. */
static int32_t in(uint32_t size)
{
	switch (any(4)) {
	case 0:
		return (int32_t)any(24) - 8;
	case 1:
		return size - 1 - any(16);
	case 2:
		/* what the proxy has of it ends there */
		return size / 2 - 1 - any(16);
	default:
		return any(size - 8);
	}
}

static void move(void)
{
	unsigned int frame = any(2);
	uint32_t reg = frame ? FRAME : REGS;
	uint32_t at = frame ? frames[any(NR(frames))] : regs[any(NR(regs))];

	moves++;
	switch (any(7)) {
	case 0:
		/* what has it? */
		card_write(reg, 0xffffffff);
		card_read(reg);
		card_write(reg, at);
		break;
	case 1:
		card_write(reg, 0xffffffff);
		break;
	case 2:
		card_write_part(reg + 2, at >> 16, 2);
		break;
	case 3:
		card_write_part(reg + 3, at >> 24, 1);
		card_write_part(reg + 2, at >> 16, 1);
		card_write_part(reg + 1, at >> 8, 1);
		break;
	case 4:
		/* it is not decoded meanwhile */
		card_write(COMMAND, 0);
		card_write(reg, at);
		touch((frame ? frame_at : regs_at)[any(NR(regs))]);
		card_write(COMMAND, 3);
		break;
	case 5:
		card_write(reg, at | any(0x1000000));
		card_read(reg);
		card_write(reg, at);
		break;
	default:
		card_write(reg, at);
		break;
	}
}

int main(int argc, char **argv)
{
	uint32_t was[3];
	int fd = open("/dev/mem", O_RDWR | O_SYNC);
	unsigned int steps;

	ports = open("/dev/port", O_RDWR);
	if (argc != 3 || ports < 0 || fd < 0) {
		fprintf(stderr, "usage, as root: fuzz_card SEED STEPS\n");
		return 1;
	}
	srandom(strtoul(argv[1], NULL, 0));
	steps = strtoul(argv[2], NULL, 0);
	card_find();
	was[0] = card_read(FRAME);
	was[1] = card_read(REGS);
	was[2] = card_read(COMMAND);
	window = map(fd, WINDOW, WINDOW_SIZE);
	for (unsigned int i = 0; i < NR(frames); i++)
		frame_at[i] = map(fd, frames[i], SIZE);
	for (unsigned int i = 0; i < NR(regs); i++)
		regs_at[i] = map(fd, regs[i], MARGIN);
	for (unsigned int i = 0; i < steps; i++) {
		switch (any(8)) {
		case 0:
		case 1:
		case 2:
			port();
			break;
		case 3:
			touch(window + in(WINDOW_SIZE));
			break;
		case 4:
		case 5:
			touch(frame_at[any(NR(frames))] + in(SIZE));
			break;
		case 6:
			touch(regs_at[any(NR(regs))] + in(MARGIN));
			break;
		default:
			/* seldom: at each all that the host has mapped for the cloud VM is mapped anew */
			if (!any(6))
				move();
			break;
		}
	}
	card_write(FRAME, was[0]);
	card_write(REGS, was[1]);
	card_write(COMMAND, was[2] & 0xffff);
	printf("%u steps, %u moves\n", steps, moves);
	return 0;
}
