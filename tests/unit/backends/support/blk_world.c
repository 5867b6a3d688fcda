/* SPDX-License-Identifier: BSD-2-Clause */
#include "blk_world.h"

#include <stdlib.h>
#include <string.h>

#include "core/container_of.h"

static void must(bool ok)
{
	if (!ok) {
		abort();
	}
}

static struct blk_world *from_dev(struct virtio_device *dev)
{
	return dev->transport_data;
}

static void count_signal(struct virtio_device *dev, uint32_t q)
{
	from_dev(dev)->signals[q] += vq_should_signal(&dev->vq[q]);
}

static void count_config(struct virtio_device *dev)
{
	from_dev(dev)->config_changes++;
}

static void fini_queues(struct virtio_device *dev)
{
	for (uint32_t q = 0; q < W_QUEUES; q++) {
		vq_fini(&dev->vq[q]);
	}
}

static void note_broken(struct virtio_device *dev, const char *why)
{
	must(why != NULL && why[0] != '\0');
	from_dev(dev)->broken++;
	fini_queues(dev);
}

static const struct virtio_transport_ops world_transport = {
	.signal = count_signal,
	.config_changed = count_config,
	.broken = note_broken,
};

static void note_error(struct virtio_blk *blk,
		       const struct virtio_blk_error *error)
{
	struct blk_world *w = blk->owner;

	w->told++;
	w->error = *error;
}

static void note_stopped(struct virtio_device *dev)
{
	from_dev(dev)->stopped++;
	fini_queues(dev);
}

/* Of the world that was made last; one that is gone has no time. */
static uint64_t *clock_at;

static uint64_t world_now(void)
{
	return clock_at != NULL ? *clock_at : 0;
}

struct blk_world *blk_world_new(uint8_t *ram, uint8_t *area, uint8_t *disk)
{
	struct blk_world *w = calloc(1, sizeof(*w));

	must(w != NULL);
	w->owns = ram == NULL;
	w->ram = ram != NULL ? ram : calloc(1, W_RAM_SIZE);
	w->area = area != NULL ? area : calloc(1, W_AREA_SIZE);
	w->disk = disk != NULL ? disk : calloc(1, W_DISK_SIZE);
	must(w->ram != NULL && w->area != NULL && w->disk != NULL);
	guest_mem_init(&w->gm);
	guest_mem_add(&w->gm, W_RAM, W_RAM_SIZE, w->ram);
	event_pump_init(&w->pump);
	test_store_init(&w->ts, w->disk, W_DISK_SIZE);
	return w;
}

void blk_world_free(struct blk_world *w)
{
	virtio_blk_fini(&w->blk);
	if (clock_at == &w->now_ns) {
		clock_at = NULL;
	}
	must(event_pump_fini(&w->pump) == 0);
	if (w->owns) {
		free(w->ram);
		free(w->area);
		free(w->disk);
	}
	free(w);
}

void blk_world_init(struct blk_world *w, const struct virtio_blk_config *config)
{
	struct virtio_blk_config own = *config;

	own.queues = W_QUEUES;
	own.on_error = note_error;
	own.owner = w;
	must(virtio_blk_init(&w->blk, &w->pump.loop, &w->ts.store, &own) == 0);
	w->blk.dev.transport = &world_transport;
	w->blk.dev.transport_data = w;
	w->blk.dev.mark = w->mark;
	clock_at = &w->now_ns;
	w->blk.now_ns = world_now;
	blk_limit_init(&w->blk.limit, &own.limits, w->now_ns);
	for (uint32_t q = 0; q < W_QUEUES; q++) {
		w->blk.dev.inflight[q].area =
			(struct inflight_area *)(w->area + 0x1000 * q);
	}
}

void blk_world_queues(struct blk_world *w, uint32_t size)
{
	for (uint32_t q = 0; q < W_QUEUES; q++) {
		ring_driver_init(&w->ring[q], &w->gm, W_RING(q), size);
		w->mark[q] = w->blk.dev.ops->mark_fresh(&w->blk.dev, q);
		inflight_fresh(w->blk.dev.inflight[q].area, size);
	}
}

int blk_world_start(struct blk_world *w, uint64_t features)
{
	struct virtio_device *dev = &w->blk.dev;
	int rc;

	for (uint32_t q = 0; q < W_QUEUES; q++) {
		must(vq_init(&dev->vq[q], &w->gm, &w->ring[q].at, features) ==
		     0);
	}
	rc = dev->ops->start(dev, features);
	if (rc != 0) {
		note_broken(dev, "start");
	} else {
		must(event_pump_run(&w->pump));
	}
	return rc;
}

struct blk_world *blk_world_running(void)
{
	struct blk_world *w = blk_world_new(NULL, NULL, NULL);

	blk_world_init(w, &(struct virtio_blk_config){ .writeback = true });
	blk_world_queues(w, 64);
	must(blk_world_start(w, W_FEATURES) == 0);
	return w;
}

void blk_world_stop(struct blk_world *w)
{
	w->blk.dev.ops->stop(&w->blk.dev, note_stopped);
}

struct blk_world *blk_world_heir(struct blk_world *w)
{
	struct blk_world *heir = blk_world_new(w->ram, w->area, w->disk);

	memcpy(heir->mark, w->mark, sizeof(w->mark));
	for (uint32_t q = 0; q < W_QUEUES; q++) {
		heir->ring[q] = w->ring[q];
		heir->ring[q].gm = &heir->gm;
	}
	return heir;
}

static uint64_t header_at(uint32_t q, uint32_t i)
{
	return W_HEADER + 0x800 * q + 16 * i;
}

static uint64_t status_at(uint32_t q, uint32_t i)
{
	return W_STATUS + 0x800 * q + i;
}

uint8_t *blk_world_at(struct blk_world *w, uint64_t gpa)
{
	return w->ram + (gpa - W_RAM);
}

void blk_world_header(struct blk_world *w, uint32_t q, uint32_t i,
		      uint32_t type, uint64_t sector)
{
	uint8_t *at = blk_world_at(w, header_at(q, i));

	memcpy(at, &type, 4);
	memset(at + 4, 0, 4);
	memcpy(at + 8, &sector, 8);
	*blk_world_at(w, status_at(q, i)) = 0xff;
}

/* Three descriptors from index first of a table on. */
static void put_descs(struct blk_world *w, uint32_t q, uint32_t i,
		      uint64_t table, uint32_t first, uint32_t type,
		      uint64_t gpa, uint32_t len)
{
	struct ring_driver *ring = &w->ring[q];
	bool in = type == VIRTIO_BLK_T_IN || type == VIRTIO_BLK_T_GET_ID;

	ring_driver_desc(ring, table, first, header_at(q, i), 16, VQ_DESC_NEXT,
			 (uint16_t)(first + (len != 0 ? 1 : 2)));
	ring_driver_desc(ring, table, first + 1, gpa, len,
			 VQ_DESC_NEXT | (in ? VQ_DESC_WRITE : 0),
			 (uint16_t)(first + 2));
	ring_driver_desc(ring, table, first + 2, status_at(q, i), 1,
			 VQ_DESC_WRITE, 0);
}

void blk_world_offer(struct blk_world *w, uint32_t q, uint32_t i, uint32_t type,
		     uint64_t sector, uint64_t gpa, uint32_t len)
{
	blk_world_header(w, q, i, type, sector);
	put_descs(w, q, i, w->ring[q].at.desc, 3 * i, type, gpa, len);
	ring_driver_offer(&w->ring[q], (uint16_t)(3 * i));
}

void blk_world_offer_indirect(struct blk_world *w, uint32_t q, uint32_t i,
			      uint32_t type, uint64_t sector, uint64_t gpa,
			      uint32_t len)
{
	uint64_t table = W_TABLE + 0x2000 * q + 64 * i;

	blk_world_header(w, q, i, type, sector);
	put_descs(w, q, i, table, 0, type, gpa, len);
	ring_driver_desc(&w->ring[q], w->ring[q].at.desc, i, table, 48,
			 VQ_DESC_INDIRECT, 0);
	ring_driver_offer(&w->ring[q], (uint16_t)i);
}

void blk_world_kick(struct blk_world *w, uint32_t q)
{
	w->blk.dev.ops->kick(&w->blk.dev, q);
	must(event_pump_run(&w->pump));
}

uint8_t blk_world_status(struct blk_world *w, uint32_t q, uint32_t i)
{
	return *blk_world_at(w, status_at(q, i));
}
