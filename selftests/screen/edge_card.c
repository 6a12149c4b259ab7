// SPDX-License-Identifier: GPL-2.0
/*
 * Of the user VM in the lab: accesses of 8 bytes to its graphics card (QEMU's "std") that begin or
 * end outside of it, or in another page of it. Each is a write, then the same bytes are read one by
 * one, and by the same access.
 *
 *	edge_card
 *
 * A line for each: "NAME WRITTEN READ-BY-BYTES READ-AT-ONCE", what the first byte is in comes first. The
 * card is where it was then, and what it shows is anything.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "card.h"

#define PAGE	0x1000

/* Where there is nothing before and behind it. */
#define FRAME_AT	0xbf000000
#define REGS_AT		0x501ff000

static int memory;

/* Two pages: @edge is where the second one begins. */
static volatile uint8_t *around(uint32_t edge)
{
	void *p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, memory, edge - PAGE);

	if (p == MAP_FAILED) {
		perror("edge_card: /dev/mem");
		exit(1);
	}
	return (volatile uint8_t *)p + PAGE;
}

static void show(const char *name, const char *how, const volatile uint8_t *p, uint64_t written)
{
	uint64_t at_once = 0;

	printf("%s-%s ", name, how);
	for (unsigned int i = 0; i < 8; i++)
		printf("%02x", (unsigned int)(written >> 8 * i & 0xff));
	printf(" ");
	for (unsigned int i = 0; i < 8; i++)
		printf("%02x", p[i]);
	at_once = *(volatile uint64_t *)p;
	printf(" ");
	for (unsigned int i = 0; i < 8; i++)
		printf("%02x", (unsigned int)(at_once >> 8 * i & 0xff));
	printf("\n");
	fflush(stdout);
}

/* So many bytes before the edge. */
static void cross(const char *name, uint32_t edge, unsigned int before)
{
	static uint64_t value = 0x1817161514131211;
	volatile uint8_t *p = around(edge) - before;
	uint64_t copied;

	*(volatile uint64_t *)p = value;
	show(name, "mov", p, value);
	value += 0x1010101010101010;
	copied = value;
	asm volatile("rep movsb" : : "D"(p), "S"(&copied), "c"(sizeof(copied)) : "memory");
	show(name, "movsb", p, value);
	value += 0x1010101010101010;
	asm volatile("movq %0, %%xmm0; movups %%xmm0, (%1)" : : "r"(value), "r"(p) : "xmm0", "memory");
	show(name, "movups", p, value);
	value += 0x1010101010101010;
	munmap((void *)(p + before - PAGE), 2 * PAGE);
}

int main(void)
{
	uint32_t frame, regs;

	memory = open("/dev/mem", O_RDWR | O_SYNC);
	if (memory < 0) {
		fprintf(stderr, "edge_card: not root\n");
		return 1;
	}
	card_find();
	frame = card_read(FRAME);
	regs = card_read(REGS);
	card_write(FRAME, FRAME_AT);
	card_write(REGS, REGS_AT);
	cross("before-frame", FRAME_AT, 3);
	cross("in-frame", FRAME_AT + PAGE, 5);
	cross("middle-of-frame", FRAME_AT + (8 << 20), 2);
	cross("behind-frame", FRAME_AT + (16 << 20), 6);
	cross("before-regs", REGS_AT, 4);
	cross("behind-regs", REGS_AT + PAGE, 4);
	cross("before-window", 0xa0000, 1);
	cross("in-window", 0xa1000, 7);
	cross("behind-window", 0xc0000, 4);
	card_write(FRAME, frame);
	card_write(REGS, regs);
	printf("done\n");
	return 0;
}
