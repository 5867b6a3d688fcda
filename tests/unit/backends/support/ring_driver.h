/* SPDX-License-Identifier: BSD-2-Clause */
/* The driver's side of a split virtqueue, for tests. */
#ifndef ZV_TESTS_UNIT_BACKENDS_SUPPORT_RING_DRIVER_H
#define ZV_TESTS_UNIT_BACKENDS_SUPPORT_RING_DRIVER_H

#include "core/vq.h"

struct ring_driver {
	struct guest_mem *gm;
	struct vq_layout at;
	uint16_t avail_idx;
	uint16_t seen_used;
};

/* Lays the parts of a ring out from base on and clears them. */
void ring_driver_init(struct ring_driver *ring, struct guest_mem *gm,
		      uint64_t base, uint32_t size);
void ring_driver_desc(struct ring_driver *ring, uint64_t table, uint32_t index,
		      uint64_t addr, uint32_t len, uint16_t flags,
		      uint16_t next);
/* Makes a head available. */
void ring_driver_offer(struct ring_driver *ring, uint16_t head);
void ring_driver_set_avail_idx(struct ring_driver *ring, uint16_t idx);
void ring_driver_set_avail_flags(struct ring_driver *ring, uint16_t flags);
void ring_driver_set_used_event(struct ring_driver *ring, uint16_t idx);
uint16_t ring_driver_used_idx(const struct ring_driver *ring);
uint16_t ring_driver_used_flags(const struct ring_driver *ring);
uint16_t ring_driver_avail_event(const struct ring_driver *ring);
/* The next used element; false if there is none. */
bool ring_driver_take(struct ring_driver *ring, uint32_t *ret_head,
		      uint32_t *ret_len);

#endif /* ZV_TESTS_UNIT_BACKENDS_SUPPORT_RING_DRIVER_H */
