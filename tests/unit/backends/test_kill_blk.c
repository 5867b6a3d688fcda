/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kill -9 of a disk's process at any instruction.
 *
 * A child takes requests, completes them out of order and takes more, one
 * machine instruction at a time, on memory it shares with us.  Whenever what
 * would survive it has changed we take a copy, and later start a new device on
 * each copy.  There, each request must have been carried out at least once and
 * be given back exactly once.
 *
 * The store carries a request out when it completes, so a copy also shows
 * whether something was given back before it was done.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "support/blk_world.h"
#include "support/step.h"

#define GUEST 0x4000u /* rings, headers, status bytes */
#define DATA_AT 0x10000u
#define DATA 0x1000u
#define DISK 0x1000u /* the sectors that the requests touch */
#define AREA 0x200u
#define IMAGES_MAX 2048u

#define QUEUE 16u
#define REQUESTS 6u

struct image {
	uint8_t guest[GUEST];
	uint8_t data[DATA];
	uint8_t area[AREA];
	uint8_t disk[DISK];
};

static uint8_t *ram;
static uint8_t *area;
static uint8_t *disk;
static struct image *images;
static size_t image_count;

static void *shared(size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(at, MAP_FAILED);
	return at;
}

static void take_image(void)
{
	struct image *image = &images[image_count];
	const struct image *last = image - 1;

	if (image_count != 0 && memcmp(last->guest, ram, GUEST) == 0 &&
	    memcmp(last->area, area, AREA) == 0 &&
	    memcmp(last->data, ram + DATA_AT, DATA) == 0 &&
	    memcmp(last->disk, disk, DISK) == 0) {
		return;
	}
	assert_true(image_count < IMAGES_MAX);
	memcpy(image->guest, ram, GUEST);
	memcpy(image->data, ram + DATA_AT, DATA);
	memcpy(image->area, area, AREA);
	memcpy(image->disk, disk, DISK);
	image_count++;
}

/*
 * Requests 0 to 3 are there from the start: two writes, a read, a flush.  4 is
 * a write that the guest makes when it has seen 1 completed, reusing its head
 * and buffers; 5 is one more, never completed by the one who is killed.
 */
static const struct {
	uint32_t slot; /* descriptors 3 * slot ... */
	uint32_t type;
	uint64_t sector;
	uint32_t data; /* offset */
	uint32_t len;
	uint8_t value; /* what is written, or read */
} requests[REQUESTS] = {
	{ 0, VIRTIO_BLK_T_OUT, 0, 0x000, 512, 0xa0 },
	{ 1, VIRTIO_BLK_T_OUT, 1, 0x200, 512, 0xa1 },
	{ 2, VIRTIO_BLK_T_IN, 7, 0x400, 512, 0xa2 },
	{ 3, VIRTIO_BLK_T_FLUSH, 0, 0, 0, 0 },
	{ 1, VIRTIO_BLK_T_OUT, 3, 0x600, 512, 0xa4 },
	{ 4, VIRTIO_BLK_T_OUT, 4, 0x800, 512, 0xa5 },
};

static void offer(struct blk_world *w, uint32_t i)
{
	if (requests[i].type == VIRTIO_BLK_T_OUT) {
		memset(blk_world_at(w, W_DATA + requests[i].data),
		       requests[i].value, 512);
	}
	blk_world_offer(w, 0, requests[i].slot, requests[i].type,
			requests[i].sector, W_DATA + requests[i].data,
			requests[i].len);
}

static void die_slowly(void *ctx)
{
	struct blk_world *w = ctx;

	w->blk.dev.ops->kick(&w->blk.dev, 0);
	test_store_complete(&w->ts, 1, 0);
	test_store_complete(&w->ts, 2, 0);
	test_store_batch(&w->ts);
	offer(w, 4);
	offer(w, 5);
	w->blk.dev.ops->kick(&w->blk.dev, 0);
	test_store_complete(&w->ts, 2, 0);
	test_store_complete(&w->ts, 0, 0);
	test_store_complete(&w->ts, 0, 0);
	test_store_batch(&w->ts);
}

/* Was it carried out, as far as one can see? */
static bool is_done(struct blk_world *w, uint32_t i)
{
	const uint8_t *at =
		requests[i].type == VIRTIO_BLK_T_OUT
			? w->disk + 512 * requests[i].sector
			: blk_world_at(w, W_DATA + requests[i].data);

	for (uint32_t b = 0; b < requests[i].len; b++) {
		if (at[b] != requests[i].value) {
			return false;
		}
	}
	return true;
}

static uint16_t offered(struct blk_world *w)
{
	uint16_t idx;

	memcpy(&idx, w->ram + (w->ring[0].at.avail - W_RAM) + 2, 2);
	return idx;
}

/*
 * The order of the used ring tells which request each head stands for: slot 1
 * is offered again only after it was given back.
 */
static uint32_t check_used(struct blk_world *w, bool done_already,
			   uint32_t given[REQUESTS])
{
	struct ring_driver ring = w->ring[0];
	uint32_t count = 0;
	uint32_t head;
	uint32_t len;

	memset(given, 0, sizeof(given[0]) * REQUESTS);
	ring.seen_used = 0;
	while (ring_driver_take(&ring, &head, &len)) {
		uint32_t i = head / 3;

		assert_int_equal(head % 3, 0);
		i = i == 4 ? 5 : i;
		i = i == 1 && given[1] != 0 ? 4 : i;
		given[i]++;
		assert_int_equal(given[i], 1);
		if (done_already) {
			assert_true(is_done(w, i));
		}
		assert_int_equal(len, requests[i].type == VIRTIO_BLK_T_IN
					      ? requests[i].len + 1
					      : 1);
		count++;
	}
	return count;
}

static struct blk_world *revive(struct blk_world *dead, size_t i)
{
	const struct virtio_blk_config config = { .writeback = true };
	struct blk_world *w = blk_world_new(NULL, NULL, NULL);

	memcpy(w->ram, images[i].guest, GUEST);
	memcpy(w->ram + DATA_AT, images[i].data, DATA);
	memcpy(w->area, images[i].area, AREA);
	memcpy(w->disk, images[i].disk, DISK);
	memcpy(w->area + 0x1000, area + 0x1000, 0x1000);
	blk_world_init(w, &config);
	memcpy(w->mark, dead->mark, sizeof(w->mark));
	for (uint32_t q = 0; q < W_QUEUES; q++) {
		w->ring[q] = dead->ring[q];
		w->ring[q].gm = &w->gm;
	}
	return w;
}

static void check_image(struct blk_world *dead, size_t image)
{
	struct blk_world *w = revive(dead, image);
	uint32_t given[REQUESTS];
	uint32_t count;

	/* What the dead one gave back it had done. */
	(void)check_used(w, true, given);
	assert_int_equal(blk_world_start(w, W_FEATURES), 0);
	assert_int_equal(w->broken, 0);
	test_store_complete_all(&w->ts);
	count = check_used(w, true, given);
	assert_int_equal(count, offered(w));
	for (uint32_t i = 0; i < count; i++) {
		assert_int_equal(given[i], 1);
		/* The guest may have prepared its successor there. */
		if (i != 1) {
			assert_int_equal(
				blk_world_status(w, 0, requests[i].slot), 0);
		}
	}
	assert_int_equal(w->blk.counters.in_flight, 0);
	/* And it goes on. */
	w->ring[0].avail_idx = offered(w);
	blk_world_offer(w, 0, 0, VIRTIO_BLK_T_IN, 0, W_DATA, 512);
	blk_world_kick(w, 0);
	test_store_complete_all(&w->ts);
	assert_int_equal(ring_driver_used_idx(&w->ring[0]), count + 1);
	blk_world_stop(w);
	blk_world_free(w);
}

static int setup(void **state)
{
	(void)state;
	ram = shared(W_RAM_SIZE);
	area = shared(W_AREA_SIZE);
	disk = shared(W_DISK_SIZE);
	images = calloc(IMAGES_MAX, sizeof(*images));
	image_count = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	munmap(ram, W_RAM_SIZE);
	munmap(area, W_AREA_SIZE);
	munmap(disk, W_DISK_SIZE);
	free(images);
	return 0;
}

static struct blk_world *new_device(void)
{
	const struct virtio_blk_config config = { .writeback = true };
	struct blk_world *w = blk_world_new(ram, area, disk);

	blk_world_init(w, &config);
	return w;
}

static struct blk_world *new_guest(void)
{
	struct blk_world *w = new_device();

	blk_world_queues(w, QUEUE);
	assert_int_equal(blk_world_start(w, W_FEATURES), 0);
	memset(disk + 7 * 512, 0xa2, 512);
	for (uint32_t i = 0; i < 4; i++) {
		offer(w, i);
	}
	return w;
}

/* Kills at every instruction of work, and looks at what each leaves. */
static bool check_all(void (*work)(void *ctx), struct blk_world *w)
{
	image_count = 0;
	if (!step_through(work, w, take_image)) {
		print_message("no ptrace here\n");
		return false;
	}
	for (size_t i = 0; i < image_count; i++) {
		check_image(w, i);
	}
	print_message("%zu states\n", image_count);
	return true;
}

static void end(struct blk_world *w)
{
	/* Of the child's work this process knows nothing. */
	blk_world_stop(w);
	blk_world_free(w);
}

static void requests_survive(void **state)
{
	struct blk_world *w = new_guest();

	(void)state;
	if (!check_all(die_slowly, w)) {
		end(w);
		skip();
	}
	/* At least a change per step of the record and the ring. */
	assert_true(image_count >= 5 * REQUESTS);
	/* The last one was killed with 5 in flight, and 0 to 4 given back. */
	assert_int_equal(ring_driver_used_idx(&w->ring[0]), REQUESTS - 1);
	end(w);
}

static void start_and_finish(void *ctx)
{
	struct blk_world *w = ctx;
	struct virtio_device *dev = &w->blk.dev;

	for (uint32_t q = 0; q < W_QUEUES; q++) {
		(void)vq_init(&dev->vq[q], &w->gm, &w->ring[q].at, W_FEATURES);
	}
	if (dev->ops->start(dev, W_FEATURES) != 0) {
		abort();
	}
	test_store_complete_all(&w->ts);
}

/*
 * Killed again while it takes up where another was killed: with four in flight,
 * one of which the ring says is given back and the record says is not.
 */
static void a_successor_is_killed(void **state)
{
	struct blk_world *w = new_guest();
	struct blk_world *heir;

	(void)state;
	w->blk.dev.ops->kick(&w->blk.dev, 0);
	memcpy(disk + 512, blk_world_at(w, W_DATA + 0x200), 512);
	w->blk.dev.inflight[0].area->last_batch_head = 3;
	assert_int_equal(vq_push(&w->blk.dev.vq[0], 3, 1), 0);
	*blk_world_at(w, W_STATUS + 1) = 0;
	heir = new_device();
	memcpy(heir->mark, w->mark, sizeof(w->mark));
	for (uint32_t q = 0; q < W_QUEUES; q++) {
		heir->ring[q] = w->ring[q];
		heir->ring[q].gm = &heir->gm;
	}
	if (!check_all(start_and_finish, heir)) {
		skip();
	}
	assert_true(image_count >= 10);
	assert_int_equal(ring_driver_used_idx(&w->ring[0]), 4);
	end(heir);
	w->ts.count = 0;
	w->blk.in_store = 0;
	end(w);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(requests_survive),
		TEST(a_successor_is_killed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
