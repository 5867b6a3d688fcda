/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The shadow pages of a zone and what each word in them does on a guest access:
 * data for SHADOW_CREATE and SHADOW_ACTIONS.  Page 0 is the UART, 1 the RTC,
 * 2 the GPIO controller with the power key, then one page per eight virtio-mmio
 * slots.  Device n has doorbells n * 32 and up, one per queue.
 */
#ifndef ZV_TOOLSTACK_COMMON_SHADOW_LAYOUT_H
#define ZV_TOOLSTACK_COMMON_SHADOW_LAYOUT_H

#include <stdint.h>

#include <zv/hypercall.h>

#include "zone_def.h"

#define SHADOW_LAYOUT_UART 0u
#define SHADOW_LAYOUT_RTC 1u
#define SHADOW_LAYOUT_GPIO 2u
#define SHADOW_LAYOUT_VIRTIO 3u
#define SHADOW_LAYOUT_SLOTS_PER_PAGE 8u
#define SHADOW_LAYOUT_DOORBELLS_PER_SLOT 32u

struct shadow_page {
	uint64_t gpa;
	uint32_t flags; /* of SHADOW_CREATE */
};

/* Where a virtio slot is; everything hvd-io must know about it. */
struct shadow_slot {
	uint32_t shadow; /* page index */
	uint32_t offset; /* of the slot in that page */
	uint32_t intid;
	uint32_t doorbell; /* first one */
};

struct shadow_slot shadow_layout_slot(uint32_t slot);

/* Pages in order of their index; returns how many (at most ZV_SHADOWS_MAX). */
uint32_t shadow_layout_pages(const struct zone_def *def,
			     struct shadow_page ret_pages[ZV_SHADOWS_MAX]);

/*
 * Calls emit() with batches of at most ZV_SHADOW_ACTIONS_MAX until all actions
 * of the zone are out; stops at and returns its first non-zero result.
 */
int shadow_layout_actions(const struct zone_def *def,
			  int (*emit)(void *arg,
				      const struct zv_shadow_actions *batch),
			  void *arg);

#endif /* ZV_TOOLSTACK_COMMON_SHADOW_LAYOUT_H */
