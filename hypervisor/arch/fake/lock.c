// SPDX-License-Identifier: BSD-2-Clause
/* Fake spinlock: one thread, so a lock that is taken already would hang. */
#include <zv/arch/harness.h>
#include <zv/check.h>
#include <zv/spinlock.h>

void (*fake_lock_hook)(const struct spinlock *l, bool taken);

void spin_init(struct spinlock *l)
{
	*l = (struct spinlock)SPINLOCK_INIT;
}

bool spin_is_locked(const struct spinlock *l)
{
	return l->taken != 0;
}

void spin_lock(struct spinlock *l)
{
	if (fake_lock_hook != NULL) {
		fake_lock_hook(l, true);
	}
	if (spin_is_locked(l)) {
		panic("lock %p is taken already", (void *)l);
	}
	l->taken = 1;
	fake_record.locks_held++;
}

void spin_unlock(struct spinlock *l)
{
	if (!spin_is_locked(l)) {
		panic("lock %p is not taken", (void *)l);
	}
	l->taken = 0;
	fake_record.locks_held--;
	if (fake_lock_hook != NULL) {
		fake_lock_hook(l, false);
	}
}
