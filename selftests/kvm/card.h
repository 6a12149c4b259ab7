/* SPDX-License-Identifier: GPL-2.0 */
/* A proxy with a graphics card. */
#ifndef VSB_CARD_H
#define VSB_CARD_H

#include <stdint.h>

#include "vsb.h"

#define VRAM_FRAME	0xe0000
#define VRAM_MIB	2

/* "vm2" with a graphics card, whose memory the VM @vm has. */
struct vsb_create_proxy card_args(int vm);

/* Room for that memory, which forks share. */
void *card_room(void);
/* The VM has it there, or -1; @flags are KVM's. In the VM's own process. */
int card_give(int vm, void *room, uint32_t flags);
/* Both. */
void card_memory(int vm, uint32_t flags);

#endif
