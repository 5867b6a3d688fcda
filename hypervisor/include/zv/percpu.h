/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Per-pCPU data.  `this_cpu()` is valid from arch_cpu_init() on.
 */
#ifndef ZV_PERCPU_H
#define ZV_PERCPU_H

#include <zv/arch/percpu.h>
#include <zv/list.h>
#include <zv/spinlock.h>
#include <zv/trace.h>
#include <zv/types.h>
#include <zv/abi_all.h>

struct timer;
struct vcpu;

struct runqueue {
	struct spinlock lock;
	struct list ready; /* struct vcpu.run_node, priority then order */
	struct list leaving; /* struct vcpu.move_node: go to another pCPU */
	bool has_leaving; /* atomic */
	struct vcpu *current; /* the vCPU given the pCPU, or NULL */
	u64 slice_start; /* when `current` was picked, or others began to wait */
	u64 slice_end; /* 0: nobody waits, no slice */
	u64 guard_end; /* `current` had starved: not pre-empted before */
	u32 assigned; /* powered-on vCPUs pinned here */
	bool resched;
};

struct percpu {
	u32 id; /* dense index */
	bool online;
	struct vcpu *loaded; /* whose state is in the hardware */
	struct runqueue rq;
	struct spinlock timer_lock;
	struct list timers;
	struct timer *timer_running; /* compared only, never looked into */
	u64 ipi_due; /* pCPUs to kick before leaving EL2 or sleeping */
	u64 idle_ns;
	struct trace_ring trace;
	struct arch_percpu arch;
};

extern struct percpu percpu_table[];
extern u32 percpu_count;

static inline struct percpu *percpu_get(u32 cpu)
{
	return &percpu_table[cpu];
}

#define this_cpu() arch_this_cpu()

#endif /* ZV_PERCPU_H */
