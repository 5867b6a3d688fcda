/* SPDX-License-Identifier: BSD-2-Clause */
#include "ring_driver.h"

#include <string.h>

static uint8_t *at(const struct ring_driver *ring, uint64_t gpa, size_t len)
{
	return guest_mem_map(ring->gm, gpa, len);
}

static uint16_t get16(const struct ring_driver *ring, uint64_t gpa)
{
	uint16_t value;

	memcpy(&value, at(ring, gpa, 2), 2);
	return value;
}

static void put16(const struct ring_driver *ring, uint64_t gpa, uint16_t value)
{
	memcpy(at(ring, gpa, 2), &value, 2);
}

void ring_driver_init(struct ring_driver *ring, struct guest_mem *gm,
		      uint64_t base, uint32_t size)
{
	uint64_t desc_len = 16ull * size;
	uint64_t avail_len = 6 + 2ull * size;
	uint64_t used_len = 6 + 8ull * size;

	*ring = (struct ring_driver){ .gm = gm };
	ring->at.size = size;
	ring->at.desc = base;
	ring->at.avail = base + desc_len;
	ring->at.used = (ring->at.avail + avail_len + 3) & ~3ull;
	memset(at(ring, base, desc_len), 0, desc_len);
	memset(at(ring, ring->at.avail, avail_len), 0, avail_len);
	memset(at(ring, ring->at.used, used_len), 0, used_len);
}

void ring_driver_desc(struct ring_driver *ring, uint64_t table, uint32_t index,
		      uint64_t addr, uint32_t len, uint16_t flags,
		      uint16_t next)
{
	struct vq_desc desc = { addr, len, flags, next };

	memcpy(at(ring, table + 16ull * index, sizeof(desc)), &desc,
	       sizeof(desc));
}

void ring_driver_set_avail_idx(struct ring_driver *ring, uint16_t idx)
{
	ring->avail_idx = idx;
	/* The device may be another process: first what the index covers. */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	put16(ring, ring->at.avail + 2, idx);
}

void ring_driver_offer(struct ring_driver *ring, uint16_t head)
{
	put16(ring, ring->at.avail + 4 + 2 * (ring->avail_idx % ring->at.size),
	      head);
	ring_driver_set_avail_idx(ring, (uint16_t)(ring->avail_idx + 1));
}

void ring_driver_set_avail_flags(struct ring_driver *ring, uint16_t flags)
{
	put16(ring, ring->at.avail, flags);
}

void ring_driver_set_used_event(struct ring_driver *ring, uint16_t idx)
{
	put16(ring, ring->at.avail + 4 + 2ull * ring->at.size, idx);
}

uint16_t ring_driver_used_idx(const struct ring_driver *ring)
{
	return get16(ring, ring->at.used + 2);
}

uint16_t ring_driver_used_flags(const struct ring_driver *ring)
{
	return get16(ring, ring->at.used);
}

uint16_t ring_driver_avail_event(const struct ring_driver *ring)
{
	return get16(ring, ring->at.used + 4 + 8ull * ring->at.size);
}

bool ring_driver_take(struct ring_driver *ring, uint32_t *ret_head,
		      uint32_t *ret_len)
{
	uint32_t element[2];

	if (ring->seen_used == ring_driver_used_idx(ring)) {
		return false;
	}
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	memcpy(element,
	       at(ring,
		  ring->at.used + 4 + 8 * (ring->seen_used % ring->at.size),
		  sizeof(element)),
	       sizeof(element));
	ring->seen_used++;
	*ret_head = element[0];
	*ret_len = element[1];
	return true;
}
