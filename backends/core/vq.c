/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/vq.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

/* Ring headers: flags, idx; then the entries (virtio 1.2, 2.7.6 and 2.7.8). */
#define RING_FLAGS 0u
#define RING_IDX 2u
#define RING_ENTRIES 4u
#define AVAIL_ENTRY 2u
#define USED_ENTRY 8u
#define EVENT_FIELD 2u /* used_event, avail_event: after the entries */

_Static_assert(sizeof(struct vq_desc) == 16, "vq_desc is guest memory");

static uint64_t avail_bytes(uint32_t size)
{
	return RING_ENTRIES + AVAIL_ENTRY * (uint64_t)size + EVENT_FIELD;
}

static uint64_t used_bytes(uint32_t size)
{
	return RING_ENTRIES + USED_ENTRY * (uint64_t)size + EVENT_FIELD;
}

static bool is_power_of_two(uint32_t n)
{
	return n != 0 && (n & (n - 1)) == 0;
}

int vq_check(const struct guest_mem *gm, const struct vq_layout *layout)
{
	uint32_t size = layout->size;

	if (!is_power_of_two(size) || size > VQ_SIZE_MAX) {
		return -EPROTO;
	}
	if ((layout->desc & 15) != 0 || (layout->avail & 1) != 0 ||
	    (layout->used & 3) != 0) {
		return -EPROTO;
	}
	if (guest_mem_map(gm, layout->desc, sizeof(struct vq_desc) * size) ==
		    NULL ||
	    guest_mem_map(gm, layout->avail, avail_bytes(size)) == NULL ||
	    guest_mem_map(gm, layout->used, used_bytes(size)) == NULL) {
		return -EPROTO;
	}
	return 0;
}

int vq_clear(struct guest_mem *gm, const struct vq_layout *layout)
{
	if (vq_check(gm, layout) != 0 ||
	    guest_mem_store16(gm, layout->used + RING_FLAGS, 0) != 0 ||
	    guest_mem_store16(gm, layout->used + RING_IDX, 0) != 0) {
		return -EPROTO;
	}
	return 0;
}

int vq_init(struct vq *vq, struct guest_mem *gm, const struct vq_layout *layout,
	    uint64_t features)
{
	uint16_t used_idx;

	if (vq_check(gm, layout) != 0 ||
	    guest_mem_load16(gm, layout->used + RING_IDX, &used_idx) != 0) {
		return -EPROTO;
	}
	*vq = (struct vq){
		.gm = gm,
		.at = *layout,
		.ready = true,
		.indirect = (features & VQ_F_INDIRECT_DESC) != 0,
		.event_idx = (features & VQ_F_EVENT_IDX) != 0,
		.signal_always = true,
		.last_avail = used_idx,
		.used_idx = used_idx,
		.signalled = used_idx,
	};
	return 0;
}

void vq_fini(struct vq *vq)
{
	memset(vq, 0, sizeof(*vq));
}

/* ------------------------------------------------------------- descriptors */

/*
 * Where a walk through a chain is: in the main table or in an indirect one,
 * which is copied as a whole, for drivers make it just as long as the chain.
 */
struct walk {
	uint64_t table;
	const struct vq_desc *copy; /* of an indirect table */
	uint32_t count; /* descriptors in the table */
	uint32_t index;
	uint32_t steps; /* left in this table; a chain may not visit more */
	bool indirect;
	bool writing; /* a writable descriptor was seen */
};

static int read_desc(struct vq *vq, const struct walk *walk,
		     struct vq_desc *ret)
{
	uint64_t gpa = walk->table + (uint64_t)walk->index * sizeof(*ret);

	/* No sum overflows: vq_check() has seen the main table in memory. */
	if (walk->index >= walk->count ||
	    (walk->copy == NULL &&
	     guest_mem_read(vq->gm, gpa, ret, sizeof(*ret)) != 0)) {
		return -EPROTO;
	}
	if (walk->copy != NULL) {
		*ret = walk->copy[walk->index];
	}
	ret->addr = le64toh(ret->addr);
	ret->len = le32toh(ret->len);
	ret->flags = le16toh(ret->flags);
	ret->next = le16toh(ret->next);
	return 0;
}

/* 2.7.5.3: one level, a whole number of descriptors, nothing after it. */
static int enter_indirect(struct vq *vq, struct walk *walk,
			  const struct vq_desc *desc,
			  struct vq_desc copy[VQ_SEGS_MAX])
{
	uint32_t count = desc->len / (uint32_t)sizeof(*desc);

	if (!vq->indirect || walk->indirect ||
	    (desc->flags & VQ_DESC_NEXT) != 0 || count == 0 ||
	    count > VQ_SEGS_MAX || desc->len % sizeof(*desc) != 0 ||
	    guest_mem_read(vq->gm, desc->addr, copy, desc->len) != 0) {
		return -EPROTO;
	}
	*walk = (struct walk){
		.copy = copy,
		.count = count,
		.steps = count,
		.indirect = true,
		.writing = walk->writing,
	};
	return 0;
}

static int add_segment(struct vq *vq, struct walk *walk, struct vq_chain *chain,
		       const struct vq_desc *desc)
{
	bool writable = (desc->flags & VQ_DESC_WRITE) != 0;
	uint32_t *total =
		writable ? &chain->writable_len : &chain->readable_len;
	uint32_t used = (uint32_t)chain->readable + chain->writable;
	void *base;

	/* 2.7.4.2: what the device reads comes before what it writes. */
	if (!writable && walk->writing) {
		return -EPROTO;
	}
	walk->writing = writable;
	if (desc->len == 0) {
		return 0;
	}
	if (used == VQ_SEGS_MAX ||
	    __builtin_add_overflow(*total, desc->len, total)) {
		return -EPROTO;
	}
	base = guest_mem_map(vq->gm, desc->addr, desc->len);
	if (base == NULL) {
		return -EPROTO;
	}
	chain->seg[used] = (struct vq_seg){ base, desc->len };
	if (writable) {
		chain->writable++;
	} else {
		chain->readable++;
	}
	return 0;
}

int vq_walk(struct vq *vq, uint16_t head, struct vq_chain *chain)
{
	struct walk walk = {
		.table = vq->at.desc,
		.count = vq->at.size,
		.index = head,
		.steps = vq->at.size,
	};
	struct vq_desc copy[VQ_SEGS_MAX];
	struct vq_desc desc;

	chain->head = head;
	chain->readable = 0;
	chain->writable = 0;
	chain->readable_len = 0;
	chain->writable_len = 0;
	for (;;) {
		int rc;

		if (walk.steps-- == 0 || read_desc(vq, &walk, &desc) != 0) {
			return -EPROTO;
		}
		if ((desc.flags & VQ_DESC_INDIRECT) != 0) {
			rc = enter_indirect(vq, &walk, &desc, copy);
			if (rc != 0) {
				return rc;
			}
			continue;
		}
		rc = add_segment(vq, &walk, chain, &desc);
		if (rc != 0) {
			return rc;
		}
		if ((desc.flags & VQ_DESC_NEXT) == 0) {
			return 0;
		}
		walk.index = desc.next;
	}
}

/* ------------------------------------------------------------------- rings */

int vq_head_at(struct vq *vq, uint16_t pos, uint16_t *ret_head)
{
	uint32_t slot = pos & (vq->at.size - 1);
	uint16_t head;

	if (guest_mem_load16(vq->gm,
			     vq->at.avail + RING_ENTRIES + AVAIL_ENTRY * slot,
			     &head) != 0 ||
	    head >= vq->at.size) {
		return -EPROTO;
	}
	*ret_head = head;
	return 0;
}

int vq_pop(struct vq *vq, struct vq_chain *ret_chain)
{
	uint16_t avail_idx;
	uint16_t head;
	int rc;

	if (!vq->ready) {
		return 0;
	}
	if (guest_mem_load16(vq->gm, vq->at.avail + RING_IDX, &avail_idx) !=
	    0) {
		return -EPROTO;
	}
	if (avail_idx == vq->last_avail) {
		return 0;
	}
	if ((uint16_t)(avail_idx - vq->last_avail) > vq->at.size) {
		return -EPROTO;
	}
	rc = vq_head_at(vq, vq->last_avail, &head);
	if (rc == 0) {
		rc = vq_walk(vq, head, ret_chain);
	}
	if (rc != 0) {
		return rc;
	}
	vq->last_avail++;
	return 1;
}

uint32_t vq_waiting(struct vq *vq)
{
	uint16_t avail_idx;

	if (!vq->ready || guest_mem_load16(vq->gm, vq->at.avail + RING_IDX,
					   &avail_idx) != 0) {
		return 0;
	}
	return (uint16_t)(avail_idx - vq->last_avail);
}

void vq_unpop(struct vq *vq)
{
	vq->last_avail--;
}

static int write_used(struct vq *vq, uint16_t idx, const struct vq_used *used)
{
	uint32_t slot = idx & (vq->at.size - 1);
	uint32_t entry[2] = { htole32(used->head), htole32(used->len) };

	return guest_mem_write(vq->gm,
			       vq->at.used + RING_ENTRIES + USED_ENTRY * slot,
			       entry, sizeof(entry));
}

int vq_push_all(struct vq *vq, const struct vq_used *used, uint32_t count)
{
	uint16_t idx = vq->used_idx;

	if (!vq->ready || count > vq->at.size) {
		return -EPROTO;
	}
	for (uint32_t i = 0; i < count; i++) {
		if (write_used(vq, idx++, &used[i]) != 0) {
			return -EPROTO;
		}
	}
	if (guest_mem_store16(vq->gm, vq->at.used + RING_IDX, idx) != 0) {
		return -EPROTO;
	}
	vq->used_idx = idx;
	return 0;
}

int vq_push(struct vq *vq, uint16_t head, uint32_t len)
{
	struct vq_used used = { head, len };

	return vq_push_all(vq, &used, 1);
}

bool vq_should_signal(struct vq *vq)
{
	uint16_t old = vq->signalled;
	uint16_t word = 0;

	if (!vq->ready || vq->used_idx == old) {
		return false;
	}
	/*
	 * The used index must be visible before the driver's wish is read: the
	 * driver does the two in the other order (2.7.7.1).
	 */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!vq->event_idx) {
		vq->signalled = vq->used_idx;
		vq->signal_always = false;
		return guest_mem_load16(vq->gm, vq->at.avail + RING_FLAGS,
					&word) == 0 &&
		       (word & VQ_AVAIL_NO_INTERRUPT) == 0;
	}
	if (guest_mem_load16(vq->gm,
			     vq->at.avail + RING_ENTRIES +
				     AVAIL_ENTRY * vq->at.size,
			     &word) != 0) {
		return false;
	}
	vq->signalled = vq->used_idx;
	if (vq->signal_always) {
		vq->signal_always = false;
		return true;
	}
	return (uint16_t)(vq->used_idx - word - 1) <
	       (uint16_t)(vq->used_idx - old);
}

bool vq_enable_kick(struct vq *vq)
{
	uint16_t avail_idx;

	if (!vq->ready) {
		return false;
	}
	if (vq->event_idx) {
		guest_mem_store16(vq->gm,
				  vq->at.used + RING_ENTRIES +
					  USED_ENTRY * vq->at.size,
				  vq->last_avail);
	} else {
		guest_mem_store16(vq->gm, vq->at.used + RING_FLAGS, 0);
	}
	/* Against a driver that made a chain available before it saw this. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return guest_mem_load16(vq->gm, vq->at.avail + RING_IDX, &avail_idx) ==
		       0 &&
	       avail_idx != vq->last_avail;
}

void vq_disable_kick(struct vq *vq)
{
	/* With event_idx an old avail_event already means "not soon". */
	if (vq->ready && !vq->event_idx) {
		guest_mem_store16(vq->gm, vq->at.used + RING_FLAGS,
				  VQ_USED_NO_NOTIFY);
	}
}
