/* SPDX-License-Identifier: BSD-2-Clause */
/* The store that stands in for one that cannot be had. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "blk/store_lost.h"

static const struct blk_store_caps good = {
	.size = 3u << 20,
	.block_size = 4096,
	.physical_size = 8192,
	.flush = true,
};

static int said;
static unsigned int drains;

static void on_done(struct blk_request *request, int error)
{
	(void)request;
	said = error;
}

static void on_drained(struct blk_store *store)
{
	(void)store;
	drains++;
}

static void all_requests_fail(void **state)
{
	struct blk_store *store;

	(void)state;
	assert_int_equal(store_lost_open(&good, &store), 0);
	assert_int_equal(store->caps.size, good.size);
	assert_true(store->caps.flush);
	for (enum blk_op op = BLK_READ; op <= BLK_WRITE_ZEROES; op++) {
		struct blk_request request = { .op = op, .done = on_done };

		said = 0;
		store->ops->submit(store, &request);
		store->ops->commit(store);
		assert_int_equal(said, -EIO);
	}
	store->ops->drain(store, on_drained);
	assert_int_equal(drains, 1);
	store->ops->close(store);
}

/* What a process of another mind may have noted. */
static void no_disk_is_like_that(void **state)
{
	struct blk_store_caps bad[] = { good, good, good, good, good, good };
	struct blk_store *store;

	(void)state;
	bad[0].size++;
	bad[1].block_size = 0;
	bad[2].block_size = 256;
	bad[3].block_size = bad[3].physical_size = 3 * 1024;
	bad[4].physical_size = 512;
	bad[5].block_size = bad[5].physical_size = 128 * 1024;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(store_lost_open(&bad[i], &store), -EINVAL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_requests_fail),
		cmocka_unit_test(no_disk_is_like_that),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
