/* SPDX-License-Identifier: BSD-2-Clause */
#include "test_store.h"

#include <stdlib.h>
#include <string.h>

#include "core/container_of.h"

static void must(bool ok)
{
	if (!ok) {
		abort();
	}
}

static struct test_store *from_store(struct blk_store *store)
{
	return container_of(store, struct test_store, store);
}

static void transfer(const struct test_store *ts, const struct blk_request *r)
{
	uint8_t *at = ts->disk + r->offset;
	uint64_t left = r->length;

	for (uint32_t i = 0; i < r->iov_count; i++) {
		size_t len = r->iov[i].iov_len;

		must(len <= left && len != 0);
		if (r->op == BLK_READ) {
			memcpy(r->iov[i].iov_base, at, len);
		} else {
			memcpy(at, r->iov[i].iov_base, len);
		}
		at += len;
		left -= len;
	}
	must(left == 0);
}

static void carry_out(const struct test_store *ts, const struct blk_request *r)
{
	switch (r->op) {
	case BLK_READ:
	case BLK_WRITE:
		transfer(ts, r);
		break;
	case BLK_DISCARD:
	case BLK_WRITE_ZEROES:
		memset(ts->disk + r->offset, 0, r->length);
		break;
	case BLK_FLUSH:
		break;
	}
}

/* What the device has promised to check. */
static void check(const struct test_store *ts, const struct blk_request *r)
{
	const struct blk_store_caps *caps = &ts->store.caps;
	bool moves = r->op == BLK_READ || r->op == BLK_WRITE;

	must(r->offset <= caps->size && r->length <= caps->size - r->offset);
	must(r->offset % caps->block_size == 0);
	must(r->length % caps->block_size == 0);
	must((r->iov_count != 0) == moves);
	must(r->op == BLK_READ || r->op == BLK_FLUSH || !caps->readonly);
	must(r->op != BLK_DISCARD || caps->discard);
	must(r->op != BLK_WRITE_ZEROES || caps->write_zeroes);
	must((r->flags & BLK_F_UNMAP) == 0 || caps->unmap);
}

static void test_submit(struct blk_store *store, struct blk_request *r)
{
	struct test_store *ts = from_store(store);

	check(ts, r);
	ts->submitted++;
	if (ts->at_once) {
		if (ts->error == 0) {
			carry_out(ts, r);
		}
		r->done(r, ts->error);
		return;
	}
	must(ts->count < TEST_STORE_MAX);
	ts->pending[ts->count++] = r;
	ts->uncommitted++;
}

static void test_commit(struct blk_store *store)
{
	from_store(store)->uncommitted = 0;
}

static void test_drain(struct blk_store *store,
		       void (*drained)(struct blk_store *store))
{
	must(from_store(store)->count == 0);
	drained(store);
}

static void test_close(struct blk_store *store)
{
	must(from_store(store)->count == 0);
}

static const struct blk_store_ops test_ops = {
	.name = "test",
	.submit = test_submit,
	.commit = test_commit,
	.drain = test_drain,
	.close = test_close,
};

void test_store_init(struct test_store *ts, uint8_t *disk, uint64_t size)
{
	memset(ts, 0, sizeof(*ts));
	ts->store.ops = &test_ops;
	ts->store.caps = (struct blk_store_caps){
		.size = size,
		.block_size = 512,
		.physical_size = 4096,
		.flush = true,
		.discard = true,
		.write_zeroes = true,
		.unmap = true,
	};
	ts->disk = disk;
}

void test_store_complete(struct test_store *ts, uint32_t i, int error)
{
	struct blk_request *r;

	must(i < ts->count && ts->uncommitted == 0);
	r = ts->pending[i];
	ts->count--;
	memmove(&ts->pending[i], &ts->pending[i + 1],
		(ts->count - i) * sizeof(ts->pending[0]));
	if (error == 0) {
		carry_out(ts, r);
	}
	r->done(r, error);
}

void test_store_batch(struct test_store *ts)
{
	if (ts->store.completed != NULL) {
		ts->store.completed(&ts->store);
	}
}

void test_store_complete_all(struct test_store *ts)
{
	while (ts->count != 0) {
		test_store_complete(ts, 0, 0);
	}
	test_store_batch(ts);
}
