/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Spinlock.  The hypervisor runs with interrupts masked from exit to entry, so
 * there is no irq-saving variant.  The order of locks is in zone.h.
 *
 * Whoever comes while it is free takes it; there is no queue.  In a queue the
 * next in turn may be a CPU that is not running (under an emulator, or another
 * hypervisor), and then every hand-over costs the others a time slice of their
 * host.  Starvation is kept away by `urgent`: while somebody has waited long,
 * newcomers hold back for a bounded time.
 */
#ifndef ZV_SPINLOCK_H
#define ZV_SPINLOCK_H

#include <zv/types.h>

struct spinlock {
	u16 taken;
	u16 urgent; /* CPUs that have waited long */
};

#define SPINLOCK_INIT \
	{             \
		0, 0  \
	}

void spin_init(struct spinlock *l);
void spin_lock(struct spinlock *l);
void spin_unlock(struct spinlock *l);
bool spin_is_locked(const struct spinlock *l);

#endif /* ZV_SPINLOCK_H */
