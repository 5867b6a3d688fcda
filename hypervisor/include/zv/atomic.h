/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Atomics are the compiler's: they carry their ordering in their name and are
 * the same on every architecture and on the host.
 */
#ifndef ZV_ATOMIC_H
#define ZV_ATOMIC_H

#define atomic_load_acquire(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define atomic_load_relaxed(p) __atomic_load_n(p, __ATOMIC_RELAXED)
#define atomic_store_release(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)
#define atomic_store_relaxed(p, v) __atomic_store_n(p, v, __ATOMIC_RELAXED)
#define atomic_fetch_or(p, v) __atomic_fetch_or(p, v, __ATOMIC_ACQ_REL)
#define atomic_fetch_and(p, v) __atomic_fetch_and(p, v, __ATOMIC_ACQ_REL)
#define atomic_fetch_add(p, v) __atomic_fetch_add(p, v, __ATOMIC_ACQ_REL)
#define atomic_fetch_sub(p, v) __atomic_fetch_sub(p, v, __ATOMIC_ACQ_REL)
#define atomic_exchange(p, v) __atomic_exchange_n(p, v, __ATOMIC_ACQ_REL)

/* Orders an earlier store before a later load; the other orders are above. */
#define atomic_fence() __atomic_thread_fence(__ATOMIC_SEQ_CST)

#endif /* ZV_ATOMIC_H */
