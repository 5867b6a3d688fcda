/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ticket lock.  The hypervisor runs with interrupts masked from exit to entry,
 * so there is no irq-saving variant.  The order of locks is in zone.h.
 */
#ifndef ZV_SPINLOCK_H
#define ZV_SPINLOCK_H

#include <zv/types.h>

struct spinlock {
	u16 next;
	u16 owner;
};

#define SPINLOCK_INIT { 0, 0 }

void spin_init(struct spinlock *l);
void spin_lock(struct spinlock *l);
void spin_unlock(struct spinlock *l);
bool spin_is_locked(const struct spinlock *l);

#endif /* ZV_SPINLOCK_H */
