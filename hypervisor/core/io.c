// SPDX-License-Identifier: BSD-2-Clause
/*
 * The I/O page of a zone and the host page: what goes to zone0, and how its
 * answers come back.  Nothing here reads back what zone0 could have written,
 * but for the tail of the posted ring, which can only make its own zone wait.
 */
#include <zv/arch/irq.h>
#include <zv/arch/mm.h>
#include <zv/atomic.h>
#include <zv/check.h>
#include <zv/errno.h>
#include <zv/io.h>
#include <zv/mm.h>
#include <zv/sched.h>
#include <zv/trace.h>
#include <zv/zone.h>

static struct zv_host_page *host_page;
static u32 event_first;
static u32 event_count;

/* ------------------------------------------------------------- host page */

int io_host_init(paddr_t *ret_pa)
{
	int err = page_alloc_zeroed(0, FRAME_SHARED, ZV_ZONE0, ret_pa);

	if (err == 0) {
		host_page = pa_to_va(*ret_pa);
		host_page->magic = ZV_HOST_MAGIC;
		host_page->abi = ZV_ABI_VERSION;
		host_page->features =
			ZV_FEATURE_SHADOW | ZV_FEATURE_RESET | ZV_FEATURE_TRACE;
	}
	return err;
}

void io_host_set_events(u32 first_intid, u32 count)
{
	event_first = first_intid;
	event_count = count;
}

u32 io_host_event_intid(void)
{
	return event_first;
}

u32 io_host_event_count(void)
{
	return event_count;
}

/*
 * The detail is written.  Each read-modify-write orders it before the bit, and
 * zone0's exchange of the bit orders its look at the detail after.
 */
static void raise_pending(struct zone *z, u64 pending)
{
	u64 *zones = &host_page->zones[z->id / 64u];
	u64 mask = BIT(z->id % 64u);

	if ((atomic_fetch_or(&z->io.page->pending, pending) & pending) != 0 ||
	    (atomic_fetch_or(zones, mask) & mask) != 0) {
		return;
	}
	zone_count(z, events_raised);
	(void)arch_virq_inject(zone0, event_first + z->event_index, VIRQ_PULSE);
}

/* -------------------------------------------------------------- I/O page */

int io_zone_init(struct zone *z)
{
	struct zone_io *io = &z->io;
	int err;

	if (z->id == ZV_ZONE0) {
		return 0;
	}
	err = page_alloc_zeroed(0, FRAME_SHARED, z->id, &io->page_pa);
	if (err != 0) {
		return err;
	}
	io->page = pa_to_va(io->page_pa);
	io->page->abi = ZV_ABI_VERSION;
	io->page->zone = z->id;
	io->page->state = z->state;
	spin_lock(&zone0->s2_lock);
	err = pgtable_map(&zone0->s2, io->page_pa.v, io->page_pa, PAGE_SIZE,
			  MAP_R | MAP_W);
	spin_unlock(&zone0->s2_lock);
	if (err != 0) {
		page_free(io->page_pa, 0);
		io->page = NULL;
		return err;
	}
	z->pages_overhead++;
	return 0;
}

void io_zone_hide(struct zone *z)
{
	struct zone_io *io = &z->io;
	int err;

	spin_lock(&zone0->s2_lock);
	err = pgtable_unmap(&zone0->s2, io->page_pa.v, PAGE_SIZE);
	spin_unlock(&zone0->s2_lock);
	/* Mapped by itself, and zone0's tables do not merge: no split. */
	CHECK(err == 0);
}

void io_zone_fini(struct zone *z)
{
	shadow_zone_fini(z);
	if (z->io.page != NULL) {
		page_free(z->io.page_pa, 0);
		z->io.page = NULL;
	}
}

void io_state_changed(struct zone *z)
{
	struct zone_io *io = &z->io;

	if (io->page == NULL) {
		return;
	}
	spin_lock(&io->lock);
	atomic_store_relaxed(&io->page->state_seq,
			     atomic_load_relaxed(&z->state_seq));
	atomic_store_release(&io->page->state, atomic_load_acquire(&z->state));
	spin_unlock(&io->lock);
	raise_pending(z, ZV_PENDING_STATE);
}

void io_zone_reset(struct zone *z)
{
	struct zone_io *io = &z->io;

	if (io->page == NULL) {
		return;
	}
	spin_lock(&io->lock);
	for (u32 i = 0; i < z->vcpu_count; i++) {
		z->vcpus[i]->io_wait = VCPU_IO_NONE;
		z->vcpus[i]->io_result = VCPU_IO_PENDING;
		atomic_store_release(&io->page->slot[i].state,
				     (u8)ZV_SLOT_FREE);
	}
	io->ring_wait = 0;
	atomic_store_relaxed(&io->page->slots_waiting, 0);
	atomic_store_relaxed(&io->page->posted_wait, 0);
	for (u32 i = 0; i < ARRAY_SIZE(io->page->doorbell); i++) {
		atomic_store_relaxed(&io->page->doorbell[i], 0);
	}
	spin_unlock(&io->lock);
}

/* -------------------------------------------------------- from the guest */

void io_doorbell(struct zone *z, u32 bit)
{
	u64 *word = &z->io.page->doorbell[bit / 64u];
	u64 mask = BIT(bit % 64u);

	zone_count(z, doorbells);
	/* Whoever set it first raises; zone0 has not taken it yet. */
	if ((atomic_fetch_or(word, mask) & mask) == 0) {
		raise_pending(z, ZV_PENDING_DOORBELL);
	}
}

static void sleep_locked(struct vcpu *v, const struct mmio_access *a, u32 addr,
			 enum vcpu_io_wait wait)
{
	v->io_access = *a;
	v->io_addr = addr;
	v->io_wait = wait;
	v->io_result = VCPU_IO_PENDING;
	/* Before anybody is told: the answer must find it asleep. */
	sched_block_self(v, VCPU_IO);
}

enum mmio_result io_forward(struct vcpu *v, const struct mmio_access *a,
			    u32 addr)
{
	struct zone *z = v->zone;
	struct zone_io *io = &z->io;
	struct zv_io_slot *slot = &io->page->slot[v->index];

	zone_count(z, forwarded);
	zone_count(z, exits[ZV_EXIT_MMIO_FORWARD]);
	trace_vcpu(ZV_TRACE_FORWARD, v, a->size | (u32)a->write << 8, a->gpa,
		   0);
	spin_lock(&io->lock);
	sleep_locked(v, a, addr, VCPU_IO_ANSWER);
	v->io_seq++;
	slot->gpa = a->gpa;
	slot->value = a->write ? a->value : 0;
	slot->addr = addr;
	slot->seq = v->io_seq;
	slot->size = a->size;
	slot->write = a->write;
	atomic_store_release(&slot->state, (u8)ZV_SLOT_WAITING);
	(void)atomic_fetch_or(&io->page->slots_waiting, BIT(v->index));
	spin_unlock(&io->lock);
	raise_pending(z, ZV_PENDING_ACCESS);
	return MMIO_SLEEP;
}

/* zone0 may write any tail; what makes no sense leaves no room. */
static bool ring_has_room_locked(const struct zone_io *io)
{
	u32 tail = atomic_load_acquire(&io->page->posted_tail);

	return io->posted_head - tail < ZV_POSTED_COUNT;
}

enum mmio_result io_post(struct vcpu *v, const struct mmio_access *a, u32 addr)
{
	struct zone *z = v->zone;
	struct zone_io *io = &z->io;
	struct zv_posted *entry;

	spin_lock(&io->lock);
	if (!ring_has_room_locked(io)) {
		(void)atomic_fetch_or(&io->page->posted_wait, BIT(v->index));
		/* zone0 moves the tail, then looks at posted_wait. */
		atomic_fence();
		if (!ring_has_room_locked(io)) {
			io->ring_wait |= 1u << v->index;
			sleep_locked(v, a, addr, VCPU_IO_RING);
			spin_unlock(&io->lock);
			raise_pending(z, ZV_PENDING_POSTED);
			return MMIO_SLEEP;
		}
		(void)atomic_fetch_and(&io->page->posted_wait, ~BIT(v->index));
	}
	entry = &io->page->posted[io->posted_head % ZV_POSTED_COUNT];
	entry->addr = addr;
	entry->value = (u32)a->value;
	io->posted_head++;
	atomic_store_release(&io->page->posted_head, io->posted_head);
	spin_unlock(&io->lock);
	zone_count(z, posted);
	zone_count(z, exits[ZV_EXIT_MMIO_POSTED]);
	trace_vcpu(ZV_TRACE_POSTED, v, 0, a->gpa, 0);
	raise_pending(z, ZV_PENDING_POSTED);
	return MMIO_DONE;
}

int io_ring_kick(struct zone *z)
{
	struct zone_io *io = &z->io;

	spin_lock(&io->lock);
	for (u32 i = 0; i < z->vcpu_count; i++) {
		struct vcpu *v = z->vcpus[i];

		if ((io->ring_wait & (1u << i)) != 0) {
			v->io_wait = VCPU_IO_NONE;
			/* The instruction runs again and finds room, or not. */
			v->io_result = VCPU_IO_RETRY;
			vcpu_io_wake(v);
		}
	}
	io->ring_wait = 0;
	atomic_store_release(&io->page->posted_wait, 0);
	spin_unlock(&io->lock);
	return 0;
}
