/* SPDX-License-Identifier: GPL-2.0 */
/* The test says whether there is one. */
extern int signals_pending;

#define TASK_KILLABLE		1
#define TASK_INTERRUPTIBLE	2
#define current			0
#define signal_pending_state(state, task)	(signals_pending & (state))
#define cond_resched()
