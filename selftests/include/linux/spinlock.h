/* SPDX-License-Identifier: GPL-2.0 */
/* There is one thread. */
typedef struct { int unused; } spinlock_t;

#define spin_lock_init(lock)	((void)(lock))
#define spin_lock(lock)		((void)(lock))
#define spin_unlock(lock)	((void)(lock))
