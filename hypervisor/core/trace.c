// SPDX-License-Identifier: BSD-2-Clause
#include <zv/arch/cpu.h>
#include <zv/arch/time.h>
#include <zv/errno.h>
#include <zv/mm.h>
#include <zv/percpu.h>
#include <zv/string.h>
#include <zv/trace.h>
#include <zv/zone.h>

#define RING_SIZE (ZV_TRACE_RING * sizeof(struct zv_trace_record))
_Static_assert((ZV_TRACE_RING & (ZV_TRACE_RING - 1)) == 0,
	       "positions wrap into the ring by a mask");

#define RECORD_WORDS (sizeof(struct zv_trace_record) / sizeof(u64))

struct trace_switch trace_switch;

/* Held while rings come, go and are read; no writer takes it. */
static struct spinlock set_lock = SPINLOCK_INIT;

/* A record as the ring has it: each part is stored and loaded at once. */
union record_words {
	struct zv_trace_record record;
	u64 word[RECORD_WORDS];
};

/* ---------------------------------------------------------------- writing */

static u64 *slot(struct zv_trace_record *ring, u64 pos)
{
	return (u64 *)&ring[pos & (ZV_TRACE_RING - 1)];
}

/* Interrupts are masked at EL2: nothing comes between on this pCPU. */
static void put(const struct zv_trace_record *r)
{
	struct trace_ring *ring = &this_cpu()->trace;
	union record_words from = { .record = *r };
	struct zv_trace_record *record;
	u64 *to;

	atomic_store_relaxed(&ring->writing, true);
	/*
	 * Whoever frees the ring sees that, or the ring is gone here.  And a
	 * reader that sees a word of this record sees a head, too, that makes
	 * the record whose place it takes count as overwritten.
	 */
	atomic_fence();
	record = atomic_load_acquire(&ring->record);
	if (record != NULL) {
		to = slot(record, ring->head);
		for (u32 i = 0; i < RECORD_WORDS; i++) {
			atomic_store_relaxed(&to[i], from.word[i]);
		}
		atomic_store_release(&ring->head, ring->head + 1);
	}
	atomic_store_release(&ring->writing, false);
}

__attribute__((cold)) void trace_put_vcpu(u32 event, const struct vcpu *v,
					  u32 detail, u64 arg0, u64 arg1)
{
	struct zv_trace_record r = {
		.time_ns = arch_time_ns(),
		.event = (u16)event,
		.zone = v->zone->id,
		.vcpu = (u16)v->index,
		.detail = (u16)detail,
		.arg = { arg0, arg1 },
	};

	put(&r);
}

__attribute__((cold)) void trace_put_zone(u32 event, const struct zone *z,
					  u32 detail, u64 arg)
{
	struct zv_trace_record r = {
		.time_ns = arch_time_ns(),
		.event = (u16)event,
		.zone = z != NULL ? z->id : ZV_TRACE_NONE,
		.vcpu = ZV_TRACE_NONE,
		.detail = (u16)detail,
		.arg = { arg },
	};

	put(&r);
}

/* --------------------------------------------------------------- switching */

static int allocate_locked(struct trace_ring *ring)
{
	struct zv_trace_record *record;

	if (ring->record != NULL) {
		return 0;
	}
	record = hv_alloc(RING_SIZE, ZV_ZONE0);
	if (record == NULL) {
		return -ENOMEM;
	}
	ring->base = ring->head;
	atomic_store_release(&ring->record, record);
	return 0;
}

static void free_locked(struct trace_ring *ring)
{
	struct zv_trace_record *record = ring->record;

	atomic_store_relaxed(&ring->record, NULL);
	atomic_fence();
	/* Its pCPU sees that, or is seen here for a few instructions more. */
	while (atomic_load_acquire(&ring->writing)) {
		arch_cpu_relax();
	}
	hv_free(record, RING_SIZE);
}

/* All rings, or none. */
static int rings_set_locked(bool on)
{
	int err = 0;

	for (u32 i = 0; on && err == 0 && i < percpu_count; i++) {
		err = allocate_locked(&percpu_get(i)->trace);
	}
	for (u32 i = 0; (!on || err != 0) && i < percpu_count; i++) {
		free_locked(&percpu_get(i)->trace);
	}
	return err;
}

int trace_set(u64 classes)
{
	int err = 0;

	if ((classes & ~(u64)ZV_TRACE_ALL) != 0) {
		return -EINVAL;
	}
	spin_lock(&set_lock);
	if (classes == 0) {
		atomic_store_relaxed(&trace_switch.classes, 0);
	}
	/* There are rings already: nothing can fail. */
	if (trace_switch.classes == 0) {
		err = rings_set_locked(classes != 0);
	}
	if (err == 0) {
		atomic_store_release(&trace_switch.classes, (u32)classes);
	}
	spin_unlock(&set_lock);
	return err;
}

/* ----------------------------------------------------------------- reading */

/* The record at `head` may be half written, in the place of the oldest. */
static u64 oldest_whole(const struct trace_ring *ring, u64 head)
{
	u64 kept = head < ZV_TRACE_RING ? 0 : head - ZV_TRACE_RING + 1;

	return MAX(kept, ring->base);
}

/* The ring exists, and does while this runs. */
static u32 read_locked(const struct trace_ring *ring, u64 *pos,
		       struct zv_trace_record *buf, u32 room, u64 *ret_first)
{
	u64 head = atomic_load_acquire(&ring->head);
	u64 first = MIN(MAX(*pos, oldest_whole(ring, head)), head);
	u32 n = (u32)MIN((u64)room, head - first);
	u64 gone;

	for (u32 i = 0; i < n; i++) {
		const u64 *from = slot(ring->record, first + i);
		union record_words to;

		for (u32 w = 0; w < RECORD_WORDS; w++) {
			to.word[w] = atomic_load_relaxed(&from[w]);
		}
		buf[i] = to.record;
	}
	/* Those whose places have been written since are not what they were. */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	gone = oldest_whole(ring, atomic_load_relaxed(&ring->head));
	if (gone > first) {
		u32 lost = (u32)MIN(gone - first, (u64)n);

		n -= lost;
		memmove(buf, buf + lost, n * sizeof(*buf));
		first = gone;
	}
	*pos = first + n;
	*ret_first = first;
	return n;
}

u32 trace_read(u32 cpu, u64 *pos, struct zv_trace_record *buf, u32 room,
	       u64 *ret_first)
{
	struct trace_ring *ring = &percpu_get(cpu)->trace;
	u32 n = 0;

	spin_lock(&set_lock);
	if (ring->record != NULL) {
		n = read_locked(ring, pos, buf, room, ret_first);
	} else {
		*pos = atomic_load_relaxed(&ring->head);
		*ret_first = *pos;
	}
	spin_unlock(&set_lock);
	return n;
}
