/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio-blk: every request and every way to get one wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "blk/store_null.h"
#include "core/container_of.h"
#include "support/blk_world.h"

#define PAGE 4096u

static int setup(void **state)
{
	*state = blk_world_running();
	return 0;
}

static int teardown(void **state)
{
	struct blk_world *w = *state;

	blk_world_stop(w);
	test_store_complete_all(&w->ts);
	assert_int_equal(w->stopped, 1);
	blk_world_free(w);
	return 0;
}

static const struct virtio_blk_config plain = { .writeback = true };

/* Offers one request at index i, completes it; returns its status. */
static uint8_t ask(struct blk_world *w, uint32_t i, uint32_t type,
		   uint64_t sector, uint64_t gpa, uint32_t len)
{
	blk_world_offer(w, 0, i, type, sector, gpa, len);
	blk_world_kick(w, 0);
	test_store_complete_all(&w->ts);
	return blk_world_status(w, 0, i);
}

static void expect_used(struct blk_world *w, uint32_t q, uint32_t head,
			uint32_t len)
{
	uint32_t got_head;
	uint32_t got_len;

	assert_true(ring_driver_take(&w->ring[q], &got_head, &got_len));
	assert_int_equal(got_head, head);
	assert_int_equal(got_len, len);
}

static void put_range(struct blk_world *w, uint64_t gpa, uint64_t sector,
		      uint32_t sectors, uint32_t flags)
{
	uint8_t *at = blk_world_at(w, gpa);

	memcpy(at, &sector, 8);
	memcpy(at + 8, &sectors, 4);
	memcpy(at + 12, &flags, 4);
}

/* --------------------------------------------------------------- requests */

static void reads_and_writes(void **state)
{
	struct blk_world *w = *state;

	memset(blk_world_at(w, W_DATA), 0xa1, 1024);
	assert_int_equal(ask(w, 0, VIRTIO_BLK_T_OUT, 3, W_DATA, 1024), 0);
	expect_used(w, 0, 0, 1);
	assert_int_equal(w->disk[3 * 512 - 1], 0);
	assert_int_equal(w->disk[3 * 512], 0xa1);
	assert_int_equal(w->disk[5 * 512 - 1], 0xa1);
	assert_int_equal(w->disk[5 * 512], 0);
	assert_int_equal(ask(w, 1, VIRTIO_BLK_T_IN, 4, W_DATA + PAGE, 1024), 0);
	expect_used(w, 0, 3, 1025);
	assert_int_equal(*blk_world_at(w, W_DATA + PAGE), 0xa1);
	assert_int_equal(*blk_world_at(w, W_DATA + PAGE + 511), 0xa1);
	assert_int_equal(*blk_world_at(w, W_DATA + PAGE + 512), 0);
	assert_int_equal(w->signals[0], 2);
	assert_int_equal(w->blk.counters.reads, 1);
	assert_int_equal(w->blk.counters.writes, 1);
	assert_int_equal(w->blk.counters.bytes_read, 1024);
	assert_int_equal(w->blk.counters.bytes_written, 1024);
	assert_int_equal(w->blk.counters.in_flight, 0);
}

static uint64_t requests_of(const struct blk_latency *l)
{
	uint64_t count = 0;

	for (uint32_t i = 0; i < BLK_LATENCY_BUCKETS; i++) {
		count += l->bucket[i];
	}
	return count;
}

static void latency_buckets(void **state)
{
	const struct {
		uint64_t ns;
		uint32_t bucket;
	} cases[] = {
		{ 0, 0 },
		{ 1, 0 },
		{ 1000, 0 },
		{ 1001, 1 },
		{ 2000, 1 },
		{ 2001, 2 },
		{ 4000, 2 },
		{ 4001, 3 },
		{ 1024000, 10 },
		{ 1024001, 11 },
		{ 1000ull << 24, 24 },
		{ (1000ull << 24) + 1, 25 },
		{ (1000ull << 40), 25 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct blk_latency l = { 0 };

		blk_latency_add(&l, cases[i].ns);
		assert_int_equal(l.bucket[cases[i].bucket], 1);
		assert_int_equal(requests_of(&l), 1);
		assert_int_equal(l.sum_ns, cases[i].ns);
	}
}

/* Two that were found together, answered one after the other, and a flush. */
static void latency(void **state)
{
	struct blk_world *w = *state;
	const struct blk_latency *read = &w->blk.latency[BLK_READ];
	const struct blk_latency *flush = &w->blk.latency[BLK_FLUSH];

	w->now_ns = 1000000;
	blk_world_offer(w, 0, 0, VIRTIO_BLK_T_IN, 0, W_DATA, 512);
	blk_world_offer(w, 0, 1, VIRTIO_BLK_T_IN, 1, W_DATA, 512);
	blk_world_kick(w, 0);
	w->now_ns += 100000;
	blk_world_offer(w, 0, 2, VIRTIO_BLK_T_FLUSH, 0, 0, 0);
	blk_world_kick(w, 0);
	assert_int_equal(w->ts.count, 3);
	test_store_complete(&w->ts, 1, 0);
	test_store_batch(&w->ts);
	assert_int_equal(read->bucket[7], 1);
	assert_int_equal(read->sum_ns, 100000);
	w->now_ns += 900000;
	test_store_complete_all(&w->ts);
	assert_int_equal(read->bucket[7], 1);
	assert_int_equal(read->bucket[10], 1);
	assert_int_equal(requests_of(read), 2);
	assert_int_equal(read->sum_ns, 1100000);
	assert_int_equal(requests_of(flush), 1);
	assert_int_equal(flush->bucket[10], 1);
	assert_int_equal(flush->sum_ns, 900000);
	/* One that fails has taken its time, one refused has not been. */
	blk_world_offer(w, 0, 3, VIRTIO_BLK_T_OUT, 0, W_DATA, 512);
	blk_world_kick(w, 0);
	w->now_ns += 3000;
	test_store_complete(&w->ts, 0, -EIO);
	test_store_batch(&w->ts);
	assert_int_equal(w->blk.latency[BLK_WRITE].bucket[2], 1);
	assert_int_equal(ask(w, 4, VIRTIO_BLK_T_OUT, W_SECTORS, W_DATA, 512),
			 1);
	assert_int_equal(requests_of(&w->blk.latency[BLK_WRITE]), 1);
	put_range(w, W_DATA, 8, 1, 0);
	assert_int_equal(ask(w, 5, VIRTIO_BLK_T_DISCARD, 0, W_DATA, 16), 0);
	assert_int_equal(requests_of(read) + requests_of(flush), 3);
}

static void buffers_are_not_copied(void **state)
{
	struct blk_world *w = *state;
	const struct blk_request *r;

	blk_world_offer(w, 0, 0, VIRTIO_BLK_T_IN, 1, W_DATA + 17, 512);
	blk_world_kick(w, 0);
	assert_int_equal(w->ts.count, 1);
	r = w->ts.pending[0];
	assert_int_equal(r->op, BLK_READ);
	assert_int_equal(r->offset, 512);
	assert_int_equal(r->length, 512);
	assert_int_equal(r->iov_count, 1);
	assert_ptr_equal(r->iov[0].iov_base, blk_world_at(w, W_DATA + 17));
	assert_int_equal(r->iov[0].iov_len, 512);
	assert_int_equal(blk_world_status(w, 0, 0), 0xff);
	assert_int_equal(w->blk.counters.in_flight, 1);
}

static void edges_of_the_disk(void **state)
{
	struct blk_world *w = *state;
	const uint64_t end = W_SECTORS;
	const uint32_t types[] = { VIRTIO_BLK_T_IN, VIRTIO_BLK_T_OUT };

	for (size_t t = 0; t < 2; t++) {
		const uint32_t type = types[t];

		assert_int_equal(ask(w, 0, type, end - 1, W_DATA, 512), 0);
		assert_int_equal(ask(w, 0, type, end, W_DATA, 0), 0);
		assert_int_equal(ask(w, 0, type, end + 1, W_DATA, 0), 1);
		assert_int_equal(ask(w, 0, type, end, W_DATA, 512), 1);
		assert_int_equal(ask(w, 0, type, end - 1, W_DATA, 1024), 1);
		assert_int_equal(ask(w, 0, type, UINT64_MAX, W_DATA, 512), 1);
		assert_int_equal(ask(w, 0, type, UINT64_MAX, W_DATA, 1024), 1);
		assert_int_equal(ask(w, 0, type, 1ull << 55, W_DATA, 512), 1);
		assert_int_equal(ask(w, 0, type, 0, W_DATA, 511), 1);
		assert_int_equal(ask(w, 0, type, 0, W_DATA, 513), 1);
	}
	assert_int_equal(w->ts.submitted, 2);
	assert_int_equal(w->blk.counters.refused, 16);
	assert_int_equal(w->broken, 0);
	assert_int_equal(w->told, 0);
}

static void larger_blocks(void **state)
{
	struct blk_world *w = blk_world_new(NULL, NULL, NULL);
	uint8_t config[60];

	(void)state;
	w->ts.store.caps.block_size = 4096;
	blk_world_init(w, &plain);
	blk_world_queues(w, 64);
	assert_int_equal(blk_world_start(w, W_FEATURES), 0);
	assert_int_equal(ask(w, 0, VIRTIO_BLK_T_IN, 8, W_DATA, 4096), 0);
	assert_int_equal(ask(w, 0, VIRTIO_BLK_T_IN, 1, W_DATA, 4096), 1);
	assert_int_equal(ask(w, 0, VIRTIO_BLK_T_IN, 8, W_DATA, 512), 1);
	assert_int_equal(virtio_blk_resize(&w->blk, 9), -EINVAL);
	w->blk.dev.ops->config_read(&w->blk.dev, 0, config, sizeof(config));
	assert_int_equal(config[20] | config[21] << 8, 4096);
	assert_int_equal(config[24], 0); /* physical_block_exp */
	blk_world_stop(w);
	blk_world_free(w);
}

static void flushes(void **state)
{
	struct blk_world *w = *state;

	blk_world_offer(w, 0, 0, VIRTIO_BLK_T_FLUSH, 0, 0, 0);
	blk_world_kick(w, 0);
	assert_int_equal(w->ts.count, 1);
	assert_int_equal(w->ts.pending[0]->op, BLK_FLUSH);
	assert_int_equal(blk_world_status(w, 0, 0), 0xff);
	test_store_complete_all(&w->ts);
	assert_int_equal(blk_world_status(w, 0, 0), 0);
	assert_int_equal(w->blk.counters.flushes, 1);
	/* Room for data beside it is nothing to the store. */
	blk_world_header(w, 0, 0, VIRTIO_BLK_T_FLUSH, 0);
	ring_driver_desc(&w->ring[0], w->ring[0].at.desc, 0, W_HEADER, 16,
			 VQ_DESC_NEXT, 1);
	ring_driver_desc(&w->ring[0], w->ring[0].at.desc, 1, W_DATA, 513,
			 VQ_DESC_WRITE, 0);
	ring_driver_offer(&w->ring[0], 0);
	blk_world_kick(w, 0);
	assert_int_equal(w->ts.pending[0]->iov_count, 0);
	test_store_complete_all(&w->ts);
	expect_used(w, 0, 0, 1);
	expect_used(w, 0, 0, 1);
}

static void identifies(void **state)
{
	struct blk_world *w = blk_world_new(NULL, NULL, NULL);
	const struct virtio_blk_config config = {
		.serial = "0123456789abcdefghij-too-long",
	};

	(void)state;
	blk_world_init(w, &config);
	blk_world_queues(w, 64);
	assert_int_equal(blk_world_start(w, W_FEATURES), 0);
	memset(blk_world_at(w, W_DATA), 0x55, 64);
	assert_int_equal(ask(w, 0, VIRTIO_BLK_T_GET_ID, 0, W_DATA, 20), 0);
	expect_used(w, 0, 0, 21);
	assert_memory_equal(blk_world_at(w, W_DATA), "0123456789abcdefghij\x55",
			    21);
	/* A buffer that is too short, and one that is too long. */
	memset(blk_world_at(w, W_DATA), 0x55, 64);
	assert_int_equal(ask(w, 0, VIRTIO_BLK_T_GET_ID, 0, W_DATA, 3), 0);
	expect_used(w, 0, 0, 4);
	assert_memory_equal(blk_world_at(w, W_DATA), "012\x55", 4);
	assert_int_equal(ask(w, 0, VIRTIO_BLK_T_GET_ID, 0, W_DATA, 40), 0);
	expect_used(w, 0, 0, 21);
	assert_memory_equal(blk_world_at(w, W_DATA), "0123456789abcdefghij\x55",
			    21);
	assert_int_equal(w->ts.submitted, 0);
	blk_world_stop(w);
	blk_world_free(w);
}

static void discards_and_zeroes(void **state)
{
	struct blk_world *w = *state;
	const uint32_t zero = VIRTIO_BLK_T_WRITE_ZEROES;

	memset(w->disk, 0xee, W_DISK_SIZE);
	put_range(w, W_DATA, 2, 3, 0);
	assert_int_equal(ask(w, 0, VIRTIO_BLK_T_DISCARD, 0, W_DATA, 16), 0);
	assert_int_equal(w->disk[2 * 512 - 1], 0xee);
	assert_int_equal(w->disk[2 * 512], 0);
	assert_int_equal(w->disk[5 * 512 - 1], 0);
	assert_int_equal(w->disk[5 * 512], 0xee);
	put_range(w, W_DATA, 8, 1, 0);
	blk_world_offer(w, 0, 0, zero, 0, W_DATA, 16);
	blk_world_kick(w, 0);
	assert_int_equal(w->ts.pending[0]->op, BLK_WRITE_ZEROES);
	assert_int_equal(w->ts.pending[0]->flags, 0);
	test_store_complete_all(&w->ts);
	put_range(w, W_DATA, 8, 1, 1);
	blk_world_offer(w, 0, 0, zero, 0, W_DATA, 16);
	blk_world_kick(w, 0);
	assert_int_equal(w->ts.pending[0]->flags, BLK_F_UNMAP);
	test_store_complete_all(&w->ts);
	assert_int_equal(w->blk.counters.discards, 3);
	/* A range of nothing is done at once. */
	put_range(w, W_DATA, 8, 0, 0);
	assert_int_equal(ask(w, 0, zero, 0, W_DATA, 16), 0);
	assert_int_equal(w->ts.submitted, 3);
}

static void ranges_are_checked(void **state)
{
	struct blk_world *w = *state;
	const uint32_t types[] = { VIRTIO_BLK_T_DISCARD,
				   VIRTIO_BLK_T_WRITE_ZEROES };

	for (size_t t = 0; t < 2; t++) {
		uint32_t type = types[t];

		put_range(w, W_DATA, W_SECTORS - 1, 2, 0);
		assert_int_equal(ask(w, 0, type, 0, W_DATA, 16), 1);
		put_range(w, W_DATA, UINT64_MAX, 2, 0);
		assert_int_equal(ask(w, 0, type, 0, W_DATA, 16), 1);
		put_range(w, W_DATA, W_SECTORS + 1, 0, 0);
		assert_int_equal(ask(w, 0, type, 0, W_DATA, 16), 1);
		put_range(w, W_DATA, 0, UINT32_MAX, 0);
		assert_int_equal(ask(w, 0, type, 0, W_DATA, 16), 1);
		put_range(w, W_DATA, 0, 1, 2);
		assert_int_equal(ask(w, 0, type, 0, W_DATA, 16), 2);
		put_range(w, W_DATA, 0, 1, 0);
		assert_int_equal(ask(w, 0, type, 0, W_DATA, 15), 1);
		assert_int_equal(ask(w, 0, type, 0, W_DATA, 17), 1);
		assert_int_equal(ask(w, 0, type, 0, W_DATA, 32), 1);
		assert_int_equal(ask(w, 0, type, 0, W_DATA, 0), 1);
	}
	/* UNMAP has no meaning for a discard (5.2.6.2). */
	put_range(w, W_DATA, 0, 1, 1);
	assert_int_equal(ask(w, 0, VIRTIO_BLK_T_DISCARD, 0, W_DATA, 16), 2);
	assert_int_equal(w->ts.submitted, 0);
	/* No request is larger than the config space says, on any disk. */
	assert_int_equal(virtio_blk_resize(&w->blk, 1ull << 40), 0);
	put_range(w, W_DATA, 0, BLK_RANGE_SECTORS_MAX + 1, 0);
	assert_int_equal(ask(w, 0, types[0], 0, W_DATA, 16), 1);
	assert_int_equal(w->ts.submitted, 0);
}

static void unknown_requests(void **state)
{
	struct blk_world *w = *state;
	const uint32_t types[] = { 2, 3, 5, 7, 10, 12, 14, 0x80000000, ~0u };

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		assert_int_equal(ask(w, 0, types[i], 0, W_DATA, 0), 2);
		expect_used(w, 0, 0, 1);
	}
	assert_int_equal(w->ts.submitted, 0);
	assert_int_equal(w->broken, 0);
}

static void what_the_store_lacks_is_unsupported(void **state)
{
	struct blk_world *w = blk_world_new(NULL, NULL, NULL);
	uint64_t features;

	(void)state;
	w->ts.store.caps.discard = false;
	w->ts.store.caps.write_zeroes = false;
	w->ts.store.caps.flush = false;
	blk_world_init(w, &plain);
	features = w->blk.dev.ops->features(&w->blk.dev);
	assert_int_equal(features & VIRTIO_BLK_F_DISCARD, 0);
	assert_int_equal(features & VIRTIO_BLK_F_WRITE_ZEROES, 0);
	assert_int_not_equal(features & VIRTIO_BLK_F_FLUSH, 0);
	blk_world_queues(w, 64);
	assert_int_equal(blk_world_start(w, W_FEATURES), 0);
	put_range(w, W_DATA, 0, 1, 0);
	assert_int_equal(ask(w, 0, VIRTIO_BLK_T_DISCARD, 0, W_DATA, 16), 2);
	assert_int_equal(ask(w, 0, VIRTIO_BLK_T_WRITE_ZEROES, 0, W_DATA, 16),
			 2);
	assert_int_equal(ask(w, 0, VIRTIO_BLK_T_FLUSH, 0, 0, 0), 0);
	assert_int_equal(w->ts.submitted, 0);
	blk_world_stop(w);
	blk_world_free(w);
}

static void read_only(void **state)
{
	struct blk_world *w = blk_world_new(NULL, NULL, NULL);
	const struct virtio_blk_config config = { .readonly = true };

	(void)state;
	blk_world_init(w, &config);
	assert_int_equal(w->blk.dev.ops->features(&w->blk.dev) &
				 (VIRTIO_BLK_F_RO | VIRTIO_BLK_F_DISCARD |
				  VIRTIO_BLK_F_WRITE_ZEROES),
			 VIRTIO_BLK_F_RO);
	blk_world_queues(w, 64);
	assert_int_equal(blk_world_start(w, W_FEATURES), 0);
	put_range(w, W_DATA, 0, 1, 0);
	assert_int_equal(ask(w, 0, VIRTIO_BLK_T_OUT, 0, W_DATA, 512), 1);
	assert_int_equal(ask(w, 0, VIRTIO_BLK_T_DISCARD, 0, W_DATA, 16), 1);
	assert_int_equal(ask(w, 0, VIRTIO_BLK_T_WRITE_ZEROES, 0, W_DATA, 16),
			 1);
	assert_int_equal(w->ts.submitted, 0);
	assert_int_equal(ask(w, 0, VIRTIO_BLK_T_IN, 0, W_DATA, 512), 0);
	assert_int_equal(ask(w, 0, VIRTIO_BLK_T_FLUSH, 0, 0, 0), 0);
	blk_world_stop(w);
	blk_world_free(w);
}

/* ----------------------------------------------------------------- framing */

/* 2.7.4: a request may be cut into descriptors in any way. */
static void any_framing(void **state)
{
	struct blk_world *w = *state;
	const uint64_t table = w->ring[0].at.desc;
	const uint32_t size = 16 + 1024;
	uint8_t *flat = blk_world_at(w, W_DATA);
	uint16_t i;

	for (uint32_t step = 1; step < 60; step += 7) {
		uint32_t at = 0;

		blk_world_header(w, 0, 0, VIRTIO_BLK_T_OUT, step);
		memcpy(flat, blk_world_at(w, W_HEADER), 16);
		for (uint32_t b = 0; b < 1024; b++) {
			flat[16 + b] = (uint8_t)(b * step);
		}
		/* Small pieces at first, the rest in one. */
		for (i = 0; i < 40; i++) {
			uint32_t len =
				i < 39 && step < size - at ? step : size - at;

			if (len == 0) {
				break;
			}
			ring_driver_desc(&w->ring[0], table, i, W_DATA + at,
					 len, VQ_DESC_NEXT, (uint16_t)(i + 1));
			at += len;
		}
		assert_int_equal(at, size);
		ring_driver_desc(&w->ring[0], table, i, W_STATUS, 1,
				 VQ_DESC_WRITE, 0);
		ring_driver_offer(&w->ring[0], 0);
		blk_world_kick(w, 0);
		assert_int_equal(w->ts.count, 1);
		test_store_complete_all(&w->ts);
		assert_int_equal(blk_world_status(w, 0, 0), 0);
		assert_memory_equal(w->disk + 512 * step, flat + 16, 1024);
	}
}

/* One writable descriptor for data and status, and several for the data. */
static void framing_of_reads(void **state)
{
	struct blk_world *w = *state;
	const uint64_t table = w->ring[0].at.desc;
	struct ring_driver *ring = &w->ring[0];
	uint8_t *at = blk_world_at(w, W_DATA);

	memset(w->disk, 0xc3, 1024);
	blk_world_header(w, 0, 0, VIRTIO_BLK_T_IN, 0);
	ring_driver_desc(ring, table, 0, W_HEADER, 16, VQ_DESC_NEXT, 1);
	ring_driver_desc(ring, table, 1, W_DATA, 513, VQ_DESC_WRITE, 0);
	memset(at, 0x11, 2048);
	ring_driver_offer(ring, 0);
	blk_world_kick(w, 0);
	test_store_complete_all(&w->ts);
	assert_int_equal(at[511], 0xc3);
	assert_int_equal(at[512], 0);
	assert_int_equal(at[513], 0x11);
	expect_used(w, 0, 0, 513);
	/* 1 + 512 bytes of data, 511 of data and the status, in three. */
	ring_driver_desc(ring, table, 1, W_DATA, 1,
			 VQ_DESC_WRITE | VQ_DESC_NEXT, 2);
	ring_driver_desc(ring, table, 2, W_DATA + 100, 512,
			 VQ_DESC_WRITE | VQ_DESC_NEXT, 3);
	ring_driver_desc(ring, table, 3, W_DATA + 1000, 512, VQ_DESC_WRITE, 0);
	memset(at, 0x11, 2048);
	ring_driver_offer(ring, 0);
	blk_world_kick(w, 0);
	test_store_complete_all(&w->ts);
	assert_int_equal(at[0], 0xc3);
	assert_int_equal(at[1], 0x11);
	assert_int_equal(at[100], 0xc3);
	assert_int_equal(at[611], 0xc3);
	assert_int_equal(at[612], 0x11);
	assert_int_equal(at[1510], 0xc3);
	assert_int_equal(at[1511], 0);
	assert_int_equal(at[1512], 0x11);
	expect_used(w, 0, 0, 1025);
}

static void indirect_requests(void **state)
{
	struct blk_world *w = blk_world_new(NULL, NULL, NULL);

	(void)state;
	blk_world_init(w, &plain);
	blk_world_queues(w, 128);
	assert_int_equal(blk_world_start(w, W_FEATURES | VQ_F_INDIRECT_DESC |
						    VQ_F_EVENT_IDX),
			 0);
	for (uint32_t i = 0; i < 128; i++) {
		blk_world_offer_indirect(w, 0, i, VIRTIO_BLK_T_IN, i % 64,
					 W_DATA + 512 * i, 512);
	}
	/* Two turns' work, by one kick. */
	blk_world_kick(w, 0);
	assert_int_equal(w->ts.count, 128);
	assert_int_equal(w->blk.counters.in_flight, 128);
	ring_driver_set_used_event(&w->ring[0], 0);
	test_store_complete_all(&w->ts);
	assert_int_equal(ring_driver_used_idx(&w->ring[0]), 128);
	assert_int_equal(w->signals[0], 1);
	blk_world_stop(w);
	blk_world_free(w);
}

/* ----------------------------------------------------------------- hostile */

static void breaks(void **state)
{
	struct blk_world *w = *state;

	blk_world_kick(w, 0);
	assert_int_equal(w->broken, 1);
	assert_int_equal(w->ts.submitted, 0);
	assert_int_equal(ring_driver_used_idx(&w->ring[0]), 0);
	/* It does nothing until it is reset. */
	blk_world_kick(w, 0);
	blk_world_kick(w, 1);
	assert_int_equal(w->broken, 1);
}

static void no_status(void **state)
{
	struct blk_world *w = *state;

	blk_world_header(w, 0, 0, VIRTIO_BLK_T_FLUSH, 0);
	ring_driver_desc(&w->ring[0], w->ring[0].at.desc, 0, W_HEADER, 16, 0,
			 0);
	ring_driver_offer(&w->ring[0], 0);
	breaks(state);
}

static void empty_status(void **state)
{
	struct blk_world *w = *state;
	const uint64_t table = w->ring[0].at.desc;

	blk_world_header(w, 0, 0, VIRTIO_BLK_T_FLUSH, 0);
	ring_driver_desc(&w->ring[0], table, 0, W_HEADER, 16, VQ_DESC_NEXT, 1);
	ring_driver_desc(&w->ring[0], table, 1, W_STATUS, 0, VQ_DESC_WRITE, 0);
	ring_driver_offer(&w->ring[0], 0);
	breaks(state);
}

static void short_header(void **state)
{
	struct blk_world *w = *state;
	const uint64_t table = w->ring[0].at.desc;

	blk_world_header(w, 0, 0, VIRTIO_BLK_T_FLUSH, 0);
	ring_driver_desc(&w->ring[0], table, 0, W_HEADER, 15, VQ_DESC_NEXT, 1);
	ring_driver_desc(&w->ring[0], table, 1, W_STATUS, 1, VQ_DESC_WRITE, 0);
	ring_driver_offer(&w->ring[0], 0);
	breaks(state);
}

static void no_header(void **state)
{
	struct blk_world *w = *state;

	ring_driver_desc(&w->ring[0], w->ring[0].at.desc, 0, W_DATA, 64,
			 VQ_DESC_WRITE, 0);
	ring_driver_offer(&w->ring[0], 0);
	breaks(state);
}

static void bad_descriptor(void **state)
{
	struct blk_world *w = *state;

	blk_world_header(w, 0, 0, VIRTIO_BLK_T_FLUSH, 0);
	ring_driver_desc(&w->ring[0], w->ring[0].at.desc, 0, W_HEADER, 16,
			 VQ_DESC_NEXT, 64);
	ring_driver_offer(&w->ring[0], 0);
	breaks(state);
}

/* The same buffers twice at once: the record could not tell them apart. */
static void head_in_flight_twice(void **state)
{
	struct blk_world *w = *state;

	blk_world_offer(w, 0, 0, VIRTIO_BLK_T_IN, 0, W_DATA, 512);
	ring_driver_offer(&w->ring[0], 0);
	blk_world_kick(w, 0);
	assert_int_equal(w->broken, 1);
	assert_int_equal(w->ts.count, 1);
	/* What is under way ends without touching the ring. */
	test_store_complete_all(&w->ts);
	assert_int_equal(ring_driver_used_idx(&w->ring[0]), 0);
	assert_int_equal(blk_world_status(w, 0, 0), 0xff);
	assert_int_equal(w->blk.counters.in_flight, 0);
}

/* Without a record it is the device itself that must notice. */
static void head_in_flight_twice_untracked(void **state)
{
	struct blk_world *w = *state;

	w->blk.dev.inflight[0].area = NULL;
	head_in_flight_twice(state);
}

static void flip(struct guest_mem *gm, uint64_t gpa, size_t len)
{
	uint8_t *at = guest_mem_map(gm, gpa, len);

	/* Not the ring: that it is read once is test_vq's to show. */
	if (gpa < W_HEADER) {
		return;
	}
	for (size_t i = 0; i < len; i++) {
		at[i] = (uint8_t)~at[i];
	}
}

/* What was read is changed at once: a second look would see nonsense. */
static void headers_are_read_once(void **state)
{
	struct blk_world *w = *state;

	w->gm.after_read = flip;
	memset(w->disk, 0x3c, 1024);
	blk_world_offer(w, 0, 0, VIRTIO_BLK_T_IN, 1, W_DATA, 512);
	put_range(w, W_DATA + PAGE, 5, 2, 1);
	blk_world_offer(w, 0, 1, VIRTIO_BLK_T_WRITE_ZEROES, 0, W_DATA + PAGE,
			16);
	blk_world_kick(w, 0);
	assert_int_equal(w->ts.count, 2);
	assert_int_equal(w->ts.pending[0]->offset, 512);
	assert_int_equal(w->ts.pending[1]->offset, 5 * 512);
	assert_int_equal(w->ts.pending[1]->length, 2 * 512);
	assert_int_equal(w->ts.pending[1]->flags, BLK_F_UNMAP);
	/* And both were read: the hook saw them. */
	assert_int_equal(*blk_world_at(w, W_HEADER), 0xff);
	assert_int_equal(*blk_world_at(w, W_DATA + PAGE), 0xff - 5);
	test_store_complete_all(&w->ts);
	assert_int_equal(blk_world_status(w, 0, 0), 0);
	assert_int_equal(*blk_world_at(w, W_DATA), 0x3c);
}

static struct blk_world *with_reads(uint32_t count)
{
	struct blk_world *w = blk_world_new(NULL, NULL, NULL);

	w->ts.at_once = true;
	blk_world_init(w, &plain);
	blk_world_queues(w, 128);
	assert_int_equal(blk_world_start(w, W_FEATURES | VQ_F_INDIRECT_DESC),
			 0);
	for (uint32_t i = 0; i < count; i++) {
		blk_world_offer_indirect(w, 0, i, VIRTIO_BLK_T_IN, 0, W_DATA,
					 512);
	}
	return w;
}

/* So that the driver is at work on the first part while we are on the rest. */
static void quarter_of_a_long_queue_per_turn(void **state)
{
	struct blk_world *w = with_reads(48);

	(void)state;
	w->blk.dev.ops->kick(&w->blk.dev, 0);
	assert_int_equal(w->ts.submitted, 12);
	assert_int_equal(w->signals[0], 1);
	assert_true(event_loop_run_deferred(&w->pump.loop));
	assert_int_equal(w->ts.submitted, 12 + 9);
	assert_true(event_pump_run(&w->pump));
	assert_int_equal(w->ts.submitted, 48);
	/* Few are not worth turns of their own. */
	for (uint32_t i = 0; i < 7; i++) {
		blk_world_offer_indirect(w, 0, i, VIRTIO_BLK_T_IN, 0, W_DATA,
					 512);
	}
	w->blk.dev.ops->kick(&w->blk.dev, 0);
	assert_int_equal(w->ts.submitted, 48 + 7);
	assert_int_equal(ring_driver_used_flags(&w->ring[0]), 0);
	blk_world_stop(w);
	blk_world_free(w);
}

static void no_kicks_are_wanted_between_turns(void **state)
{
	struct blk_world *w = with_reads(128);

	(void)state;
	w->blk.dev.ops->kick(&w->blk.dev, 0);
	assert_int_equal(w->ts.submitted, 32);
	assert_int_equal(w->signals[0], 1);
	assert_int_equal(ring_driver_used_flags(&w->ring[0]),
			 VQ_USED_NO_NOTIFY);
	assert_true(event_pump_run(&w->pump));
	assert_int_equal(w->ts.submitted, 128);
	assert_int_equal(ring_driver_used_flags(&w->ring[0]), 0);
	blk_world_stop(w);
	blk_world_free(w);
}

static void tell_the_truth(struct guest_mem *gm, uint64_t gpa, size_t len)
{
	struct blk_world *w = container_of(gm, struct blk_world, gm);

	(void)gpa;
	(void)len;
	ring_driver_set_avail_idx(&w->ring[0], 128);
}

/* The index is read twice: for the turn's allowance, and for each chain. */
static void a_turn_is_bounded_whatever_the_driver_says(void **state)
{
	struct blk_world *w = with_reads(128);

	(void)state;
	ring_driver_set_avail_idx(&w->ring[0], 1128);
	w->gm.after_read = tell_the_truth;
	w->blk.dev.ops->kick(&w->blk.dev, 0);
	assert_int_equal(w->ts.submitted, 64);
	w->gm.after_read = NULL;
	assert_true(event_pump_run(&w->pump));
	assert_int_equal(w->ts.submitted, 128);
	blk_world_stop(w);
	blk_world_free(w);
}

/* ------------------------------------------------------------ cache modes */

static bool write_is_stable(struct blk_world *w)
{
	bool stable;

	blk_world_offer(w, 0, 0, VIRTIO_BLK_T_OUT, 0, W_DATA, 512);
	blk_world_kick(w, 0);
	assert_int_equal(w->ts.count, 1);
	stable = (w->ts.pending[0]->flags & BLK_F_STABLE) != 0;
	test_store_complete_all(&w->ts);
	return stable;
}

static struct blk_world *with_cache(bool writeback, uint64_t features)
{
	struct blk_world *w = blk_world_new(NULL, NULL, NULL);
	const struct virtio_blk_config config = { .writeback = writeback };

	blk_world_init(w, &config);
	blk_world_queues(w, 64);
	assert_int_equal(blk_world_start(w, features), 0);
	return w;
}

static void cache_modes(void **state)
{
	static const struct {
		bool writeback;
		uint64_t features;
		bool stable;
	} cases[] = {
		{ true, VIRTIO_BLK_F_FLUSH, false },
		{ true, VIRTIO_BLK_F_CONFIG_WCE, false },
		{ true, 0, true },
		{ false, VIRTIO_BLK_F_FLUSH, true },
		{ false, 0, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct blk_world *w =
			with_cache(cases[i].writeback, cases[i].features);

		assert_int_equal(write_is_stable(w), cases[i].stable);
		blk_world_stop(w);
		blk_world_free(w);
	}
}

static void guest_switches_cache(void **state)
{
	struct blk_world *w =
		with_cache(true, W_FEATURES | VIRTIO_BLK_F_CONFIG_WCE);
	struct virtio_device *dev = &w->blk.dev;
	struct blk_world *heir;
	uint8_t on = 1;
	uint8_t off = 0;
	uint8_t value;

	(void)state;
	dev->ops->config_read(dev, 32, &value, 1);
	assert_int_equal(value, 1);
	assert_false(write_is_stable(w));
	/* Only that byte, and only as a byte. */
	dev->ops->config_write(dev, 33, &off, 1);
	dev->ops->config_write(dev, 32, &off, 0);
	assert_false(write_is_stable(w));
	dev->ops->config_write(dev, 32, &off, 1);
	dev->ops->config_read(dev, 32, &value, 1);
	assert_int_equal(value, 0);
	assert_true(write_is_stable(w));
	put_range(w, W_DATA, 0, 1, 0);
	blk_world_offer(w, 0, 0, VIRTIO_BLK_T_WRITE_ZEROES, 0, W_DATA, 16);
	blk_world_kick(w, 0);
	assert_int_equal(w->ts.pending[0]->flags, BLK_F_STABLE);
	test_store_complete_all(&w->ts);
	/* A successor knows. */
	heir = blk_world_heir(w);
	blk_world_init(heir, &plain);
	assert_int_equal(
		blk_world_start(heir, W_FEATURES | VIRTIO_BLK_F_CONFIG_WCE), 0);
	assert_true(write_is_stable(heir));
	heir->blk.dev.ops->config_write(&heir->blk.dev, 32, &on, 1);
	assert_false(write_is_stable(heir));
	blk_world_stop(heir);
	blk_world_free(heir);
	/* A reset goes back to what the owner has set. */
	blk_world_stop(w);
	dev->ops->config_read(dev, 32, &value, 1);
	assert_int_equal(value, 1);
	blk_world_queues(w, 64);
	assert_int_equal(
		blk_world_start(w, W_FEATURES | VIRTIO_BLK_F_CONFIG_WCE), 0);
	assert_false(write_is_stable(w));
	blk_world_stop(w);
	/* A driver that did not ask for the switch has none. */
	blk_world_queues(w, 64);
	assert_int_equal(blk_world_start(w, W_FEATURES), 0);
	dev->ops->config_write(dev, 32, &off, 1);
	assert_false(write_is_stable(w));
	blk_world_stop(w);
	blk_world_free(w);
}

/* ------------------------------------------------------------ config space */

static void config_space(void **state)
{
	struct blk_world *w = *state;
	struct virtio_device *dev = &w->blk.dev;
	uint8_t c[60];

	assert_int_equal(dev->ops->config_len, sizeof(c));
	assert_true(dev->ops->tracked);
	dev->ops->config_read(dev, 0, c, sizeof(c));
	assert_int_equal(c[0] | c[1] << 8, W_SECTORS);
	assert_int_equal(c[12], 126); /* seg_max */
	assert_int_equal(c[20] | c[21] << 8, 512); /* blk_size */
	assert_int_equal(c[24], 3); /* physical_block_exp */
	assert_int_equal(c[26], 8); /* min_io_size */
	assert_int_equal(c[34], W_QUEUES);
	assert_int_equal(c[40], 1); /* max_discard_seg */
	assert_int_equal(c[44], 1); /* discard_sector_alignment */
	assert_int_equal(c[52], 1); /* max_write_zeroes_seg */
	assert_int_equal(c[56], 1); /* write_zeroes_may_unmap */
	dev->ops->config_read(dev, 34, c, 2);
	assert_int_equal(c[0], W_QUEUES);
}

static void resize(void **state)
{
	struct blk_world *w = *state;
	uint8_t c[8];

	assert_int_equal(virtio_blk_resize(&w->blk, 4), 0);
	assert_int_equal(w->config_changes, 1);
	w->blk.dev.ops->config_read(&w->blk.dev, 0, c, 8);
	assert_int_equal(c[0], 4);
	assert_int_equal(ask(w, 0, VIRTIO_BLK_T_IN, 4, W_DATA, 512), 1);
	assert_int_equal(ask(w, 0, VIRTIO_BLK_T_IN, 3, W_DATA, 512), 0);
	assert_int_equal(virtio_blk_resize(&w->blk, UINT64_MAX), -EINVAL);
	assert_int_equal(virtio_blk_resize(&w->blk, 8), 0);
	assert_int_equal(ask(w, 0, VIRTIO_BLK_T_IN, 4, W_DATA, 512), 0);
	assert_int_equal(w->config_changes, 2);
}

static void init_is_checked(void **state)
{
	struct blk_world *w = *state;
	struct virtio_blk blk;
	const struct virtio_blk_config many = { .queues = 9 };

	assert_int_equal(
		virtio_blk_init(&blk, &w->pump.loop, &w->ts.store, &many),
		-EINVAL);
	virtio_blk_fini(&blk);
}

/* -------------------------------------------------- order, batches, stopping */

static void completions_in_any_order(void **state)
{
	struct blk_world *w = *state;

	for (uint32_t i = 0; i < 4; i++) {
		blk_world_offer(w, i / 2, i, VIRTIO_BLK_T_IN, i, W_DATA, 512);
	}
	blk_world_kick(w, 0);
	blk_world_kick(w, 1);
	assert_int_equal(w->ts.count, 4);
	test_store_complete(&w->ts, 2, 0);
	test_store_complete(&w->ts, 1, 0);
	test_store_complete(&w->ts, 0, 0);
	assert_int_equal(w->signals[0] + w->signals[1], 0);
	/* One signal per queue and batch. */
	test_store_batch(&w->ts);
	assert_int_equal(w->signals[0], 1);
	assert_int_equal(w->signals[1], 1);
	expect_used(w, 1, 6, 513);
	expect_used(w, 0, 3, 513);
	expect_used(w, 0, 0, 513);
	test_store_complete(&w->ts, 0, 0);
	test_store_batch(&w->ts);
	assert_int_equal(w->signals[0], 1);
	assert_int_equal(w->signals[1], 2);
	expect_used(w, 1, 9, 513);
}

static void stop_waits_for_the_store(void **state)
{
	struct blk_world *w = blk_world_running();
	uint32_t signals;

	(void)state;
	blk_world_offer(w, 0, 0, VIRTIO_BLK_T_IN, 0, W_DATA, 512);
	blk_world_offer(w, 0, 1, VIRTIO_BLK_T_IN, 0, W_DATA, 512);
	blk_world_kick(w, 0);
	signals = w->signals[0];
	blk_world_stop(w);
	assert_int_equal(w->stopped, 0);
	/* Nothing new is taken. */
	blk_world_offer(w, 0, 2, VIRTIO_BLK_T_IN, 0, W_DATA, 512);
	blk_world_kick(w, 0);
	assert_int_equal(w->ts.submitted, 2);
	test_store_complete(&w->ts, 0, 0);
	test_store_batch(&w->ts);
	assert_int_equal(w->stopped, 0);
	test_store_complete(&w->ts, 0, -EIO);
	assert_int_equal(w->stopped, 0);
	test_store_batch(&w->ts);
	assert_int_equal(w->stopped, 1);
	/* What was done is recorded as done, and nobody is woken for it. */
	assert_int_equal(ring_driver_used_idx(&w->ring[0]), 2);
	assert_int_equal(blk_world_status(w, 0, 1), 1);
	assert_int_equal(w->signals[0], signals);
	assert_int_equal(w->told, 0);
	/* And it starts again. */
	blk_world_queues(w, 64);
	assert_int_equal(blk_world_start(w, W_FEATURES), 0);
	assert_int_equal(ask(w, 0, VIRTIO_BLK_T_IN, 0, W_DATA, 512), 0);
	blk_world_stop(w);
	assert_int_equal(w->stopped, 2);
	blk_world_free(w);
}

static void stop_after_breaking_drains(void **state)
{
	struct blk_world *w = blk_world_running();

	(void)state;
	blk_world_offer(w, 0, 0, VIRTIO_BLK_T_IN, 0, W_DATA, 512);
	blk_world_kick(w, 0);
	ring_driver_offer(&w->ring[0], 64);
	blk_world_kick(w, 0);
	assert_int_equal(w->broken, 1);
	blk_world_stop(w);
	assert_int_equal(w->stopped, 0);
	test_store_complete_all(&w->ts);
	assert_int_equal(w->stopped, 1);
	assert_int_equal(ring_driver_used_idx(&w->ring[0]), 0);
	blk_world_queues(w, 64);
	assert_int_equal(blk_world_start(w, W_FEATURES), 0);
	assert_int_equal(ask(w, 0, VIRTIO_BLK_T_IN, 0, W_DATA, 512), 0);
	blk_world_stop(w);
	blk_world_free(w);
}

static void null_store(void **state)
{
	struct blk_world *w = blk_world_new(NULL, NULL, NULL);
	struct blk_store *store;

	(void)state;
	assert_int_equal(store_null_open(W_DISK_SIZE + 5, &store), 0);
	assert_int_equal(store->caps.size, W_DISK_SIZE);
	blk_world_init(w, &plain);
	store->user = &w->blk;
	w->blk.store = store;
	blk_world_queues(w, 64);
	assert_int_equal(blk_world_start(w, W_FEATURES), 0);
	blk_world_offer(w, 0, 0, VIRTIO_BLK_T_IN, 0, W_DATA, 512);
	blk_world_kick(w, 0);
	assert_int_equal(blk_world_status(w, 0, 0), 0);
	assert_int_equal(w->signals[0], 1);
	blk_world_stop(w);
	assert_int_equal(w->stopped, 1);
	blk_world_free(w);
	store->ops->close(store);
}

/* ------------------------------------------------------------------ errors */

static void errors_are_reported(void **state)
{
	struct blk_world *w = *state;

	for (uint32_t i = 0; i < 3; i++) {
		blk_world_offer(w, 0, i, VIRTIO_BLK_T_OUT, i, W_DATA, 512);
	}
	blk_world_kick(w, 0);
	test_store_complete(&w->ts, 1, -ENOSPC);
	test_store_complete(&w->ts, 0, -EIO);
	test_store_complete(&w->ts, 0, 0);
	test_store_batch(&w->ts);
	assert_int_equal(blk_world_status(w, 0, 0), 1);
	assert_int_equal(blk_world_status(w, 0, 1), 1);
	assert_int_equal(blk_world_status(w, 0, 2), 0);
	expect_used(w, 0, 3, 1);
	/* Once for the two of them. */
	assert_int_equal(w->told, 1);
	assert_int_equal(w->error.error, -ENOSPC);
	assert_int_equal(w->error.op, BLK_WRITE);
	assert_int_equal(w->error.offset, 512);
	assert_false(w->error.held);
	assert_int_equal(w->blk.counters.errors, 2);
	/* And again a second later. */
	event_pump_advance(&w->pump, 1000);
	blk_world_offer(w, 0, 0, VIRTIO_BLK_T_IN, 0, W_DATA, 512);
	blk_world_kick(w, 0);
	test_store_complete(&w->ts, 0, -EIO);
	test_store_batch(&w->ts);
	assert_int_equal(w->told, 2);
	assert_int_equal(w->error.op, BLK_READ);
}

static struct blk_world *with_policy(enum virtio_blk_policy policy)
{
	struct blk_world *w = blk_world_new(NULL, NULL, NULL);
	const struct virtio_blk_config config = {
		.policy = policy,
		.writeback = true,
	};

	blk_world_init(w, &config);
	blk_world_queues(w, 64);
	assert_int_equal(blk_world_start(w, W_FEATURES), 0);
	return w;
}

static void errors_can_be_held(void **state)
{
	struct blk_world *w = with_policy(VIRTIO_BLK_PAUSE);

	(void)state;
	memset(blk_world_at(w, W_DATA), 0x77, 512);
	blk_world_offer(w, 0, 0, VIRTIO_BLK_T_OUT, 0, W_DATA, 512);
	blk_world_offer(w, 0, 1, VIRTIO_BLK_T_OUT, 1, W_DATA, 512);
	blk_world_kick(w, 0);
	test_store_complete(&w->ts, 0, -ENOSPC);
	test_store_complete(&w->ts, 0, -ENOSPC);
	test_store_batch(&w->ts);
	assert_int_equal(w->told, 1);
	assert_true(w->error.held);
	assert_int_equal(ring_driver_used_idx(&w->ring[0]), 0);
	assert_int_equal(w->blk.counters.in_flight, 2);
	virtio_blk_retry(&w->blk);
	assert_int_equal(w->ts.count, 2);
	/* It is full yet: told again, held again. */
	test_store_complete(&w->ts, 0, -ENOSPC);
	test_store_complete(&w->ts, 0, 0);
	test_store_batch(&w->ts);
	assert_int_equal(w->told, 2);
	expect_used(w, 0, 3, 1);
	virtio_blk_retry(&w->blk);
	test_store_complete_all(&w->ts);
	expect_used(w, 0, 0, 1);
	assert_int_equal(w->disk[0], 0x77);
	assert_int_equal(w->disk[512], 0x77);
	virtio_blk_retry(&w->blk);
	assert_int_equal(w->ts.submitted, 5);
	/* A store that fails at once does not make it go round and round. */
	w->ts.at_once = true;
	w->ts.error = -EIO;
	blk_world_offer(w, 0, 2, VIRTIO_BLK_T_OUT, 2, W_DATA, 512);
	blk_world_kick(w, 0);
	virtio_blk_retry(&w->blk);
	assert_int_equal(w->ts.submitted, 7);
	/* A reset forgets what is held. */
	blk_world_stop(w);
	assert_int_equal(w->stopped, 1);
	assert_int_equal(w->blk.counters.in_flight, 0);
	virtio_blk_retry(&w->blk);
	assert_int_equal(w->ts.submitted, 7);
	blk_world_free(w);
}

static void held_when_full_only(void **state)
{
	struct blk_world *w = with_policy(VIRTIO_BLK_PAUSE_FULL);

	(void)state;
	blk_world_offer(w, 0, 0, VIRTIO_BLK_T_OUT, 0, W_DATA, 512);
	blk_world_offer(w, 0, 1, VIRTIO_BLK_T_OUT, 1, W_DATA, 512);
	blk_world_kick(w, 0);
	test_store_complete(&w->ts, 0, -ENOSPC);
	test_store_complete(&w->ts, 0, -EIO);
	test_store_batch(&w->ts);
	assert_int_equal(w->told, 2);
	assert_int_equal(blk_world_status(w, 0, 0), 0xff);
	assert_int_equal(blk_world_status(w, 0, 1), 1);
	/* Failing while it stops, it is left to a successor. */
	virtio_blk_retry(&w->blk);
	blk_world_stop(w);
	test_store_complete(&w->ts, 0, -ENOSPC);
	test_store_batch(&w->ts);
	assert_int_equal(w->stopped, 1);
	assert_int_equal(w->told, 2);
	assert_int_equal(blk_world_status(w, 0, 0), 0xff);
	blk_world_free(w);
}

/* ------------------------------------------------------------------ limits */

static void limits_delay(void **state)
{
	struct blk_world *w = blk_world_new(NULL, NULL, NULL);
	struct virtio_blk_config config = { .writeback = true };
	const struct blk_limit_config none = { 0 };

	(void)state;
	/* Ten a second, two at once. */
	config.limits.rate[BLK_LIMIT_OPS] = (struct rate_limit){ 10, 2 };
	blk_world_init(w, &config);
	blk_world_queues(w, 64);
	assert_int_equal(blk_world_start(w, W_FEATURES), 0);
	for (uint32_t i = 0; i < 7; i++) {
		blk_world_offer(w, 0, i, VIRTIO_BLK_T_IN, i, W_DATA, 512);
	}
	blk_world_kick(w, 0);
	assert_int_equal(w->ts.submitted, 2);
	test_store_complete_all(&w->ts);
	event_pump_advance(&w->pump, 50);
	assert_int_equal(w->ts.submitted, 2);
	w->now_ns += 101000000;
	event_pump_advance(&w->pump, 51);
	assert_int_equal(w->ts.submitted, 4);
	w->now_ns += 101000000;
	event_pump_advance(&w->pump, 101);
	assert_int_equal(w->ts.submitted, 5);
	/* A flush waits for nobody but those before it. */
	blk_world_offer(w, 1, 10, VIRTIO_BLK_T_FLUSH, 0, 0, 0);
	blk_world_kick(w, 1);
	assert_int_equal(w->ts.submitted, 5);
	virtio_blk_set_limits(&w->blk, &none);
	assert_int_equal(w->ts.submitted, 8);
	assert_int_equal(w->ts.pending[3]->offset, 5 * 512);
	test_store_complete_all(&w->ts);
	assert_int_equal(ring_driver_used_idx(&w->ring[0]), 7);
	/* A reset forgets what waits. */
	virtio_blk_set_limits(&w->blk, &config.limits);
	for (uint32_t i = 0; i < 6; i++) {
		blk_world_offer(w, 0, i, VIRTIO_BLK_T_IN, i, W_DATA, 512);
	}
	blk_world_kick(w, 0);
	assert_int_equal(w->blk.counters.in_flight, 6);
	blk_world_stop(w);
	test_store_complete_all(&w->ts);
	assert_int_equal(w->stopped, 1);
	assert_int_equal(w->blk.counters.in_flight, 0);
	blk_world_free(w);
}

/*
 * Without a record nobody would carry out again what a stop forgets, and the
 * transport goes on behind it: all of it ends before the stop does.
 */
static void stop_without_a_record(void **state)
{
	struct blk_world *w = with_policy(VIRTIO_BLK_PAUSE);
	struct blk_limit_config limits = {
		.rate[BLK_LIMIT_OPS] = { 10, 2 },
	};

	(void)state;
	w->blk.dev.inflight[0].area = NULL;
	memset(blk_world_at(w, W_DATA), 0x77, 512);
	blk_world_offer(w, 0, 0, VIRTIO_BLK_T_OUT, 0, W_DATA, 512);
	blk_world_kick(w, 0);
	test_store_complete(&w->ts, 0, -ENOSPC);
	test_store_batch(&w->ts);
	virtio_blk_set_limits(&w->blk, &limits);
	for (uint32_t i = 1; i < 6; i++) {
		blk_world_offer(w, 0, i, VIRTIO_BLK_T_OUT, i, W_DATA, 512);
	}
	/* That of queue 1 is in a record. */
	blk_world_offer(w, 1, 6, VIRTIO_BLK_T_OUT, 6, W_DATA, 512);
	blk_world_kick(w, 0);
	blk_world_kick(w, 1);
	assert_int_equal(w->ts.count, 2);
	assert_int_equal(w->blk.counters.in_flight, 7);
	blk_world_stop(w);
	assert_int_equal(w->stopped, 0);
	assert_int_equal(w->ts.count, 5);
	assert_int_equal(w->ts.uncommitted, 0);
	test_store_complete(&w->ts, 0, -ENOSPC);
	test_store_complete_all(&w->ts);
	assert_int_equal(w->stopped, 1);
	assert_int_equal(w->blk.counters.in_flight, 0);
	/* What was held is an error now, and so is what would have been. */
	assert_int_equal(blk_world_status(w, 0, 0), 1);
	assert_int_equal(blk_world_status(w, 0, 1), 1);
	for (uint32_t i = 2; i < 6; i++) {
		assert_int_equal(blk_world_status(w, 0, i), 0);
		assert_int_equal(w->disk[512 * i], 0x77);
	}
	assert_int_equal(ring_driver_used_idx(&w->ring[0]), 6);
	assert_int_equal(ring_driver_used_idx(&w->ring[1]), 0);
	assert_int_equal(w->told, 1);
	blk_world_free(w);
}

/* ------------------------------------------------------------------ replay */

static void replay(void **state)
{
	struct blk_world *w = *state;
	struct blk_world *heir;

	memset(blk_world_at(w, W_DATA), 0x42, 2048);
	for (uint32_t i = 0; i < 4; i++) {
		blk_world_offer(w, 0, i, VIRTIO_BLK_T_OUT, i, W_DATA, 512);
	}
	blk_world_kick(w, 0);
	test_store_complete(&w->ts, 1, 0);
	blk_world_offer(w, 0, 4, VIRTIO_BLK_T_IN, 9, W_DATA + 512, 512);
	/* Here the process dies.  Three were taken, one was not seen yet. */
	heir = blk_world_heir(w);
	blk_world_init(heir, &plain);
	assert_int_equal(blk_world_start(heir, W_FEATURES), 0);
	assert_int_equal(heir->blk.counters.replayed, 3);
	assert_int_equal(heir->ts.count, 4);
	assert_int_equal(heir->ts.pending[0]->offset, 0);
	assert_int_equal(heir->ts.pending[1]->offset, 1024);
	assert_int_equal(heir->ts.pending[2]->offset, 1536);
	assert_int_equal(heir->ts.pending[3]->offset, 9 * 512);
	test_store_complete_all(&heir->ts);
	expect_used(heir, 0, 3, 1);
	expect_used(heir, 0, 0, 1);
	expect_used(heir, 0, 6, 1);
	expect_used(heir, 0, 9, 1);
	expect_used(heir, 0, 12, 513);
	assert_int_equal(heir->signals[0], 1);
	for (uint32_t i = 0; i < 4; i++) {
		assert_int_equal(heir->disk[512 * i], 0x42);
	}
	blk_world_stop(heir);
	blk_world_free(heir);
	/* The dead one's store knows nothing of that. */
	w->ts.count = 0;
	w->blk.in_store = 0;
}

/* The guest has spoilt a chain meanwhile, or the record is not the ring's. */
static void replay_of_nonsense(void **state)
{
	struct blk_world *w = *state;
	struct blk_world *heir;

	blk_world_offer(w, 0, 0, VIRTIO_BLK_T_OUT, 0, W_DATA, 512);
	blk_world_offer(w, 0, 1, VIRTIO_BLK_T_OUT, 1, W_DATA, 512);
	blk_world_kick(w, 0);
	/* All of a request, and then a link to nowhere. */
	ring_driver_desc(&w->ring[0], w->ring[0].at.desc, 5, W_STATUS, 1,
			 VQ_DESC_WRITE | VQ_DESC_NEXT, 64);
	heir = blk_world_heir(w);
	blk_world_init(heir, &plain);
	assert_int_equal(blk_world_start(heir, W_FEATURES), -EPROTO);
	assert_int_equal(heir->broken, 1);
	assert_int_equal(heir->ts.count, 1);
	test_store_complete_all(&heir->ts);
	assert_int_equal(ring_driver_used_idx(&heir->ring[0]), 0);
	blk_world_stop(heir);
	assert_int_equal(heir->stopped, 1);
	blk_world_free(heir);
	w->ts.count = 0;
	w->blk.in_store = 0;
}

/* Ended in good order with requests waiting: they are done by the next. */
static void what_waits_is_replayed(void **state)
{
	struct blk_world *w = with_policy(VIRTIO_BLK_PAUSE);
	struct blk_world *heir;

	(void)state;
	blk_world_offer(w, 0, 0, VIRTIO_BLK_T_OUT, 0, W_DATA, 512);
	blk_world_kick(w, 0);
	test_store_complete(&w->ts, 0, -EIO);
	test_store_batch(&w->ts);
	blk_world_stop(w);
	heir = blk_world_heir(w);
	blk_world_init(heir, &plain);
	assert_int_equal(blk_world_start(heir, W_FEATURES), 0);
	assert_int_equal(heir->blk.counters.replayed, 1);
	test_store_complete_all(&heir->ts);
	assert_int_equal(blk_world_status(heir, 0, 0), 0);
	blk_world_stop(heir);
	blk_world_free(heir);
	blk_world_free(w);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(reads_and_writes),
		cmocka_unit_test(latency_buckets),
		TEST(latency),
		TEST(buffers_are_not_copied),
		TEST(edges_of_the_disk),
		cmocka_unit_test(larger_blocks),
		TEST(flushes),
		cmocka_unit_test(identifies),
		TEST(discards_and_zeroes),
		TEST(ranges_are_checked),
		TEST(unknown_requests),
		cmocka_unit_test(what_the_store_lacks_is_unsupported),
		cmocka_unit_test(read_only),
		TEST(any_framing),
		TEST(framing_of_reads),
		cmocka_unit_test(indirect_requests),
		TEST(no_status),
		TEST(empty_status),
		TEST(short_header),
		TEST(no_header),
		TEST(bad_descriptor),
		TEST(head_in_flight_twice),
		TEST(head_in_flight_twice_untracked),
		TEST(headers_are_read_once),
		cmocka_unit_test(quarter_of_a_long_queue_per_turn),
		cmocka_unit_test(no_kicks_are_wanted_between_turns),
		cmocka_unit_test(a_turn_is_bounded_whatever_the_driver_says),
		cmocka_unit_test(cache_modes),
		cmocka_unit_test(guest_switches_cache),
		TEST(config_space),
		TEST(resize),
		TEST(init_is_checked),
		TEST(completions_in_any_order),
		cmocka_unit_test(stop_waits_for_the_store),
		cmocka_unit_test(stop_after_breaking_drains),
		cmocka_unit_test(null_store),
		TEST(errors_are_reported),
		cmocka_unit_test(errors_can_be_held),
		cmocka_unit_test(held_when_full_only),
		cmocka_unit_test(limits_delay),
		cmocka_unit_test(stop_without_a_record),
		TEST(replay),
		TEST(replay_of_nonsense),
		cmocka_unit_test(what_waits_is_replayed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
