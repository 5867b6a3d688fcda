/* SPDX-License-Identifier: BSD-2-Clause */
#include <zv/arch/cpu.h>
#include <zv/atomic.h>
#include <zv/spinlock.h>

/*
 * Turns of the waiting loop.  Sections are short: waiting this long means that
 * others are faster each time.
 */
#define PATIENCE 2000u
/* How long a newcomer lets the urgent ones go first. */
#define COURTESY 500u

void spin_init(struct spinlock *l)
{
	*l = (struct spinlock)SPINLOCK_INIT;
}

static bool try_take(struct spinlock *l)
{
	return atomic_load_relaxed(&l->taken) == 0 &&
	       __atomic_exchange_n(&l->taken, 1, __ATOMIC_ACQUIRE) == 0;
}

static void wait(struct spinlock *l)
{
	bool urgent = false;
	u32 turns = 0;

	for (;; turns++) {
		if ((urgent || turns >= COURTESY ||
		     atomic_load_relaxed(&l->urgent) == 0) &&
		    try_take(l)) {
			break;
		}
		if (!urgent && turns >= PATIENCE) {
			__atomic_fetch_add(&l->urgent, 1, __ATOMIC_RELAXED);
			urgent = true;
		}
		arch_cpu_relax();
	}
	if (urgent) {
		__atomic_fetch_sub(&l->urgent, 1, __ATOMIC_RELAXED);
	}
}

void spin_lock(struct spinlock *l)
{
	if (atomic_load_relaxed(&l->urgent) != 0 || !try_take(l)) {
		wait(l);
	}
}

void spin_unlock(struct spinlock *l)
{
	atomic_store_release(&l->taken, 0);
}

bool spin_is_locked(const struct spinlock *l)
{
	return atomic_load_relaxed(&l->taken) != 0;
}
