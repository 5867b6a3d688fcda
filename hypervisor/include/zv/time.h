/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Software timers of the hypervisor: per pCPU, a short sorted list driven by
 * arch_timer_set().  Callbacks run on that pCPU from timer_run().
 */
#ifndef ZV_TIME_H
#define ZV_TIME_H

#include <zv/list.h>
#include <zv/types.h>

struct timer {
	struct list node;
	u64 deadline; /* arch_time_ns() */
	u32 cpu; /* where it is queued */
	bool queued;
	void (*fn)(struct timer *t);
};

void timer_init(struct timer *t, void (*fn)(struct timer *));
/* Arms or re-arms on the calling pCPU. */
void timer_arm(struct timer *t, u64 deadline_ns);
/* Any pCPU; when it returns the callback is not queued (it may be running
 * elsewhere only if the caller does not hold what the callback locks). */
void timer_cancel(struct timer *t);
/*
 * The same, and the callback has returned if it was running: a few instructions
 * of that pCPU.  Not from a callback, nor with a lock that it takes.
 */
void timer_cancel_wait(struct timer *t);
/* Runs what is due on this pCPU and programs the next; from cpu main loop. */
void timer_run(void);
void timer_cpu_init(u32 cpu);

#endif /* ZV_TIME_H */
