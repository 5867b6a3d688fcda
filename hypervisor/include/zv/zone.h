/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Zones.
 *
 * States (ZV_ZONE_*) and transitions:
 *   CREATED   -> RUNNING    zone_start
 *   RUNNING  <-> PAUSED     zone_pause / zone_resume
 *   RUNNING, PAUSED -> OFF       guest power-off, last CPU_OFF, zone_stop
 *   RUNNING, PAUSED -> RESETTING guest reset, zone_reset
 *   RUNNING, PAUSED -> CRASHED   zone_crash
 *   OFF, RESETTING, CRASHED -> OFF/RESETTING   zone_stop / zone_reset
 *   OFF, RESETTING -> RUNNING    zone_start
 *   any but DYING -> DYING       first zone_destroy step
 * Leaving RUNNING only asks the vCPUs off their pCPUs (an IPI each); "quiet" is
 * when none is loaded any more.  Nothing waits for that at EL2: callers get
 * -EAGAIN and a state event follows when the last one has left.
 *
 * Lifetime: the table holds one reference, zone_get() adds one for the time of
 * a hypercall or of a vCPU being loaded.  Memory of the struct itself goes when
 * zone_destroy() has freed everything and the last reference is put.
 *
 * Lock order (take downwards only):
 *   zone_table_lock
 *   zone.lock            state, memory extents, life cycle
 *   zone.s2_lock         stage-2 of the zone; zone0's is taken after a zone's
 *   zone.io_lock         shadow pages, access slots, posted ring
 *   zone.arch vgic lock  (arch)
 *   runqueue.lock        vCPU run state; two queues: lower pCPU first
 *   percpu.timer_lock
 *   trace set_lock       (trace.c)
 *   pool lock            (page allocator)
 *   log lock
 */
#ifndef ZV_ZONE_H
#define ZV_ZONE_H

#include <zv/abi_all.h>
#include <zv/arch/zone.h>
#include <zv/io.h>
#include <zv/mmio.h>
#include <zv/pgtable.h>
#include <zv/spinlock.h>
#include <zv/types.h>
#include <zv/vcpu.h>

#define ZONE_PRIORITY_DEFAULT 8
#define ZONE_PRIORITY_ZONE0 16
#define ZONE_SLICE_DEFAULT_US 5000

struct zone {
	u16 id;
	u16 vmid;
	u32 refs; /* atomic */
	struct spinlock lock;
	u32 state; /* ZV_ZONE_*; written under lock, read anywhere */
	u32 reason;
	u32 state_seq;
	u32 vcpu_count;
	u32 vcpu_limit; /* atomic; no other vCPU may be powered on */
	struct vcpu *vcpus[ZV_VCPUS_MAX];
	u32 loaded; /* atomic mask of vCPUs on a pCPU */

	struct spinlock s2_lock;
	struct pgtable s2;
	u64 pages; /* RAM */
	u64 pages_granted;
	u64 pages_overhead;
	u64 destroy_next; /* progress of zone_destroy: next gpa */
	paddr_t destroy_pa; /* unmapped already, still to be freed */
	u64 destroy_left;

	struct zone_io io;
	struct mmio_map mmio;
	struct arch_zone arch; /* virtual interrupt controller, time offset */

	u8 priority;
	u64 slice_ns;
	u32 event_index;
	u64 created_ns;
	u64 paused_ns; /* when it was paused: its clock stands still */

	struct zv_counters counters; /* relaxed atomics */
	struct {
		u32 vcpu;
		u64 pc;
		u64 addr;
		u64 ipa;
		u64 syndrome;
	} fault;
	char name[ZV_NAME_MAX];
	u8 uuid[16];
};

/* The root zone; set by zone0_create(), never NULL once guests run. */
extern struct zone *zone0;

/* Boot: an empty zone0 with vcpu_count vCPUs pinned 1:1 to pCPUs. */
int zone_create_root(u32 vcpu_count, struct zone **ret_zone);
int zone_create(const struct zv_zone_create *args, u16 *ret_id);

/* NULL if there is none. Pair with zone_put(). */
struct zone *zone_get(u64 id);
void zone_put(struct zone *z);
/* One more reference for whoever knows that the zone exists. */
void zone_hold(struct zone *z);
/* Smallest id >= id, or -ESRCH. */
int zone_next(u64 id);

int zone_start(struct zone *z);
int zone_pause(struct zone *z);
int zone_resume(struct zone *z);
int zone_stop(struct zone *z);
int zone_reset(struct zone *z);
int zone_destroy_step(struct zone *z);

int zone_mem_populate(struct zone *z, u64 gpa, u64 size, u64 *ret_done);
int zone_mem_grant(struct zone *z, u64 gpa, u64 *ret_pa);
int zone_mem_revoke(struct zone *z, u64 gpa);
int zone_mem_next(struct zone *z, u64 gpa, u64 *ret_gpa, u64 *ret_size);

/*
 * True if stage-2 allows the access (MAP_*) now: the fault was taken while the
 * entry was being replaced, and the guest shall simply try again.
 */
bool zone_mem_allows(struct zone *z, u64 gpa, u32 access);
/* A step of zone_destroy_step(): 0 all freed, -EAGAIN more to do. */
int zone_mem_destroy_step(struct zone *z);

void zone_info(struct zone *z, struct zv_zone_info *ret);
int zone_vcpu_set(struct zone *z, u32 vcpu, const struct zv_vcpu_state *s);
int zone_vcpu_get(struct zone *z, u32 vcpu, struct zv_vcpu_state *ret);
/*
 * The vCPUs from limit on can no longer be powered on; those that are on go on
 * until they go off by themselves.  0 changes nothing.  Returns the limit, or
 * -EINVAL: there are not so many.
 */
s64 zone_vcpu_limit(struct zone *z, u64 limit);
/* In any state; -EINVAL: no such vCPU or pCPU. */
int zone_vcpu_pin(struct zone *z, u64 vcpu, u64 pcpu);

/* Called on behalf of the guest, from a vCPU's own exit. zone0: the machine. */
void zone_guest_off(struct zone *z);
void zone_guest_reset(struct zone *z);
/* The last vCPU has powered itself off. */
void zone_all_off(struct zone *z);
/* The guest did something that has no answer: state CRASHED. */
void zone_crash(struct vcpu *v, u32 reason, u64 addr, u64 ipa, u64 syndrome);

/* All pages of [gpa, gpa+len) as RAM of z: copy, or -EFAULT. len <= a page. */
int copy_from_zone(struct zone *z, u64 gpa, void *dst, size_t len);
int copy_to_zone(struct zone *z, u64 gpa, const void *src, size_t len);

/* Sums a zone's counters; mind that they move while they are read. */
void zone_counters(struct zone *z, struct zv_counters *ret);
u32 zone_total(void);

/*
 * Takes a zone that is quiet and has no memory any more out of the table;
 * -EAGAIN while somebody but the table and the caller refers to it.
 */
int zone_remove(struct zone *z);

#define zone_count(z, field) \
	__atomic_fetch_add(&(z)->counters.field, 1, __ATOMIC_RELAXED)

#endif /* ZV_ZONE_H */
