/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio-blk device in a test: a guest's memory and driver, a transport that
 * counts, a store under control.  Memory, the chains in flight and the disk may
 * outlive the device, as they outlive a process.
 */
#ifndef ZV_TESTS_UNIT_BACKENDS_SUPPORT_BLK_WORLD_H
#define ZV_TESTS_UNIT_BACKENDS_SUPPORT_BLK_WORLD_H

#include "blk/virtio_blk.h"
#include "event_pump.h"
#include "ring_driver.h"
#include "test_store.h"

#define W_RAM 0x40000000ull
#define W_RAM_SIZE 0x40000ull
#define W_QUEUES 2u
#define W_RING(q) (W_RAM + 0x1000 * (q)) /* up to 128 entries */
#define W_HEADER (W_RAM + 0x2000) /* 16 bytes per request of each queue */
#define W_STATUS (W_RAM + 0x3000) /* likewise, one byte */
#define W_TABLE (W_RAM + 0x4000) /* indirect: 64 bytes per request */
#define W_DATA (W_RAM + 0x10000)
#define W_DISK_SIZE 0x10000ull
#define W_SECTORS (W_DISK_SIZE / 512)
#define W_AREA_SIZE (W_QUEUES * 0x1000) /* of the chains in flight */

#define W_FEATURES (VIRTIO_F_VERSION_1 | VIRTIO_BLK_F_FLUSH | VIRTIO_BLK_F_MQ)

struct blk_world {
	uint8_t *ram;
	uint8_t *area;
	uint8_t *disk;
	bool owns; /* the three above */
	uint64_t mark[VIRTIO_QUEUES_MAX];
	struct guest_mem gm;
	struct ring_driver ring[W_QUEUES];
	struct event_pump pump;
	uint64_t now_ns;
	struct test_store ts;
	struct virtio_blk blk;
	uint32_t signals[W_QUEUES];
	uint32_t broken;
	uint32_t config_changes;
	uint32_t stopped;
	uint32_t told;
	struct virtio_blk_error error; /* last told */
};

/* The three may be NULL together: then they are made, zeroed. */
struct blk_world *blk_world_new(uint8_t *ram, uint8_t *area, uint8_t *disk);
void blk_world_free(struct blk_world *w);
/* The device, of two queues, with what config says. */
void blk_world_init(struct blk_world *w,
		    const struct virtio_blk_config *config);
/* The driver makes its queues; start() is next. */
void blk_world_queues(struct blk_world *w, uint32_t size);
int blk_world_start(struct blk_world *w, uint64_t features);
/* All at once: a device with default settings that runs. */
struct blk_world *blk_world_running(void);
void blk_world_stop(struct blk_world *w);
/* A successor on what has outlived the device; it has not started. */
struct blk_world *blk_world_heir(struct blk_world *w);

void blk_world_header(struct blk_world *w, uint32_t q, uint32_t i,
		      uint32_t type, uint64_t sector);
/*
 * Offers request i (descriptors 3i to 3i + 2, its head is 3i) of len bytes of
 * data at gpa, with a status of 0xff.
 */
void blk_world_offer(struct blk_world *w, uint32_t q, uint32_t i, uint32_t type,
		     uint64_t sector, uint64_t gpa, uint32_t len);
/* The same through an indirect table: its head is i. */
void blk_world_offer_indirect(struct blk_world *w, uint32_t q, uint32_t i,
			      uint32_t type, uint64_t sector, uint64_t gpa,
			      uint32_t len);
void blk_world_kick(struct blk_world *w, uint32_t q);
uint8_t blk_world_status(struct blk_world *w, uint32_t q, uint32_t i);
uint8_t *blk_world_at(struct blk_world *w, uint64_t gpa);

#endif /* ZV_TESTS_UNIT_BACKENDS_SUPPORT_BLK_WORLD_H */
