// SPDX-License-Identifier: GPL-2.0
/* What all of the guests' code shares; see guest.h. */
#include "guest_exits.h"

struct mbox mbox;
struct l2_state l2_state[NR_L2];
struct exits_mbox exits;
