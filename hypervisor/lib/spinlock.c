/* SPDX-License-Identifier: BSD-2-Clause */
#include <zv/arch/cpu.h>
#include <zv/atomic.h>
#include <zv/spinlock.h>

void spin_init(struct spinlock *l)
{
	*l = (struct spinlock)SPINLOCK_INIT;
}

void spin_lock(struct spinlock *l)
{
	u16 ticket = __atomic_fetch_add(&l->next, 1, __ATOMIC_RELAXED);

	while (atomic_load_acquire(&l->owner) != ticket) {
		arch_cpu_relax();
	}
}

void spin_unlock(struct spinlock *l)
{
	u16 owner = atomic_load_relaxed(&l->owner);

	/* Only the holder writes it: a plain increment is enough. */
	atomic_store_release(&l->owner, (u16)(owner + 1));
}

bool spin_is_locked(const struct spinlock *l)
{
	return atomic_load_relaxed(&l->owner) != atomic_load_relaxed(&l->next);
}
