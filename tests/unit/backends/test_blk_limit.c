/* SPDX-License-Identifier: BSD-2-Clause */
/* Limits: which of them a request meets, and that the strictest decides. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "blk/blk_limit.h"

#define MS 1000000ull
#define SECOND (1000 * MS)

static struct blk_limit limit_of(enum blk_limit_kind kind, uint64_t per_second,
				 uint64_t burst)
{
	struct blk_limit_config config = { 0 };
	struct blk_limit limit;

	config.rate[kind] = (struct rate_limit){ per_second, burst };
	blk_limit_init(&limit, &config, 5 * SECOND);
	return limit;
}

/* Requests that pass from now on for so long, each as early as it may. */
static uint64_t passed(struct blk_limit *limit, uint64_t from, uint64_t ns,
		       bool write, uint64_t bytes)
{
	uint64_t now = from;
	uint64_t n = 0;

	while (now < from + ns) {
		uint64_t wait = blk_limit_take(limit, now, write, bytes);

		n += wait == 0;
		now += wait;
	}
	return n;
}

static void off(void **state)
{
	struct blk_limit limit = limit_of(BLK_LIMIT_OPS, 0, 7);

	(void)state;
	assert_false(limit.on);
	for (uint32_t i = 0; i < 1000; i++) {
		assert_int_equal(
			blk_limit_take(&limit, 5 * SECOND, true, 1 << 30), 0);
	}
}

/* That rate.h counts right is test_rate's business. */
static void rate_and_burst(void **state)
{
	struct blk_limit limit = limit_of(BLK_LIMIT_OPS, 100, 20);
	uint64_t now = 5 * SECOND;

	(void)state;
	assert_true(limit.on);
	for (uint32_t i = 0; i < 20; i++) {
		assert_int_equal(blk_limit_take(&limit, now, i & 1, 4096), 0);
	}
	assert_int_not_equal(blk_limit_take(&limit, now, false, 0), 0);
	assert_in_range(passed(&limit, now, 10 * SECOND, true, 512), 1000,
			1001);
	/* A long rest earns the burst and no more. */
	now += 1000 * SECOND;
	assert_in_range(passed(&limit, now, MS, true, 512), 20, 21);
}

static void bytes(void **state)
{
	struct blk_limit limit = limit_of(BLK_LIMIT_BYTES, 1 << 20, 4096);
	uint64_t now = 5 * SECOND;

	(void)state;
	/* The shortest burst is what 10 ms bring, here 10485 bytes. */
	assert_int_equal(blk_limit_take(&limit, now, true, 4096), 0);
	assert_int_equal(blk_limit_take(&limit, now, true, 4096), 0);
	assert_in_range(passed(&limit, now, 10 * SECOND, true, 4096), 2558,
			2562);
	now += 20 * SECOND;
	/* Larger than the burst: it passes, and those after it pay. */
	assert_int_equal(blk_limit_take(&limit, now, false, 1 << 20), 0);
	assert_in_range(blk_limit_take(&limit, now, false, 4096), 990 * MS - MS,
			SECOND);
}

static void reads_apart_from_writes(void **state)
{
	struct blk_limit limit = limit_of(BLK_LIMIT_WRITE_OPS, 10, 1);
	struct blk_limit both;
	struct blk_limit_config config = { 0 };
	uint64_t now = 5 * SECOND;

	(void)state;
	assert_int_equal(blk_limit_take(&limit, now, true, 1), 0);
	assert_int_not_equal(blk_limit_take(&limit, now, true, 1), 0);
	assert_int_equal(blk_limit_take(&limit, now, false, 1), 0);
	limit = limit_of(BLK_LIMIT_READ_BYTES, 1000, 1000);
	assert_int_equal(blk_limit_take(&limit, now, false, 1000), 0);
	assert_int_not_equal(blk_limit_take(&limit, now, false, 1000), 0);
	assert_int_equal(blk_limit_take(&limit, now, true, 1000), 0);
	/* The stricter of two decides, and a refusal costs nothing. */
	config.rate[BLK_LIMIT_OPS] = (struct rate_limit){ 10, 10 };
	config.rate[BLK_LIMIT_BYTES] = (struct rate_limit){ 1000, 1000 };
	blk_limit_init(&both, &config, now);
	assert_int_equal(blk_limit_take(&both, now, true, 2000), 0);
	for (uint32_t i = 0; i < 100; i++) {
		assert_in_range(blk_limit_take(&both, now, true, 1000), SECOND,
				SECOND + 1);
	}
	now += SECOND + 1;
	assert_int_equal(passed(&both, now, 1, true, 0), 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(off),
		cmocka_unit_test(rate_and_burst),
		cmocka_unit_test(bytes),
		cmocka_unit_test(reads_apart_from_writes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
