/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The trace: a ring of records for each pCPU, read by zone0.
 *
 * A ring is written by its own pCPU only, without a lock, and read by others
 * while it is written: a record that may have been overwritten meanwhile is
 * not delivered but counted as lost.  There are rings while a class of events
 * is switched on.
 */
#ifndef ZV_TRACE_H
#define ZV_TRACE_H

#include <zv/abi_all.h>
#include <zv/atomic.h>
#include <zv/types.h>

struct vcpu;
struct zone;

struct trace_ring {
	u64 head; /* position of the next record; its pCPU writes it */
	u64 base; /* the head when `record` was allocated */
	struct zv_trace_record *record; /* ZV_TRACE_RING of them, or NULL */
	bool writing; /* its pCPU uses `record` */
};

/*
 * Looked at whenever a guest is entered and left: in a cache line of its own,
 * or each lock beside it that another pCPU takes would be paid for there.
 */
struct trace_switch {
	u32 classes; /* bits of those that are switched on */
} __attribute__((aligned(64)));

extern struct trace_switch trace_switch;

/* What the trace costs while it is off: this, and its branch. */
#define trace_on(event)                                                \
	__builtin_expect((atomic_load_relaxed(&trace_switch.classes) & \
			  ZV_TRACE_BIT(event)) != 0,                   \
			 0)

/* Out of line, so that their arguments cost nothing while the trace is off. */
void trace_put_vcpu(u32 event, const struct vcpu *v, u32 detail, u64 arg0,
		    u64 arg1);
/* z NULL: no zone. */
void trace_put_zone(u32 event, const struct zone *z, u32 detail, u64 arg);

#define trace_vcpu(event, v, detail, arg0, arg1)                       \
	do {                                                           \
		if (trace_on(event)) {                                 \
			trace_put_vcpu((event), (v), (detail), (arg0), \
				       (arg1));                        \
		}                                                      \
	} while (0)

#define trace_zone(event, z, detail, arg)                              \
	do {                                                           \
		if (trace_on(event)) {                                 \
			trace_put_zone((event), (z), (detail), (arg)); \
		}                                                      \
	} while (0)

/* Switches these classes on and all others off; -ENOMEM, -EINVAL. */
int trace_set(u64 classes);

/*
 * Copies up to room records written at or after *pos; advances *pos past them
 * and stores the position of the first in *ret_first.  cpu exists.  Returns
 * their number; 0: there are none, or they went while they were read.
 */
u32 trace_read(u32 cpu, u64 *pos, struct zv_trace_record *buf, u32 room,
	       u64 *ret_first);

#endif /* ZV_TRACE_H */
