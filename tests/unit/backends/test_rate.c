/* SPDX-License-Identifier: BSD-2-Clause */
/* core/rate: bursts, debt, exactness, and numbers at the edge. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/rate.h"

#define S 1000000000ull

static void no_limit(void **state)
{
	struct rate_limit limit = { 0, 0 };
	struct rate rate;

	(void)state;
	rate_init(&rate, &limit, 5);
	rate_charge(&rate, UINT64_MAX, 5);
	assert_int_equal(rate_wait_ns(&rate, 5), 0);
}

static void burst_then_rate(void **state)
{
	struct rate_limit limit = { 1000, 500 };
	struct rate rate;

	(void)state;
	rate_init(&rate, &limit, S);
	assert_true(rate_is_full(&rate, S));
	for (int i = 0; i < 5; i++) {
		assert_int_equal(rate_wait_ns(&rate, S), 0);
		rate_charge(&rate, 100, S);
	}
	/* Empty: the next nanosecond of credit is enough to go on. */
	assert_int_equal(rate_wait_ns(&rate, S), 1);
	rate_charge(&rate, 100, S);
	assert_int_equal(rate_wait_ns(&rate, S), S / 10 + 1);
	assert_int_equal(rate_wait_ns(&rate, S + S / 10), 1);
	assert_int_equal(rate_wait_ns(&rate, S + S / 10 + 1), 0);
	assert_false(rate_is_full(&rate, S + S / 10 * 6 - 1));
	assert_true(rate_is_full(&rate, S + S / 10 * 6));
}

static void a_rest_fills_it(void **state)
{
	struct rate_limit limit = { 1000, 500 };
	struct rate rate;

	(void)state;
	rate_init(&rate, &limit, 0);
	rate_charge(&rate, 500, 0);
	/* However long: never more than the burst. */
	rate_charge(&rate, 500, 100 * S);
	assert_int_equal(rate_wait_ns(&rate, 100 * S), 1);
}

static void debt_is_paid(void **state)
{
	struct rate_limit limit = { 100, 10 };
	struct rate rate;

	(void)state;
	rate_init(&rate, &limit, 0);
	rate_charge(&rate, 210, 0);
	assert_int_equal(rate_wait_ns(&rate, 0), 2 * S + 1);
}

static void default_burst(void **state)
{
	struct rate_limit limit = { 1000, 0 };
	struct rate rate;

	(void)state;
	rate_init(&rate, &limit, 0);
	rate_charge(&rate, 99, 0);
	assert_int_equal(rate_wait_ns(&rate, 0), 0);
	rate_charge(&rate, 1, 0);
	assert_int_equal(rate_wait_ns(&rate, 0), 1);
}

/* Odd rates: nothing is lost to rounding over a long time. */
static void exact_in_the_long_run(void **state)
{
	struct rate_limit limit = { 3000000007ull, 1 };
	struct rate rate;
	uint64_t now = 0;
	uint64_t passed = 0;

	(void)state;
	rate_init(&rate, &limit, now);
	while (now < S / 100) {
		now += rate_wait_ns(&rate, now);
		rate_charge(&rate, 61, now);
		passed += 61;
	}
	assert_true(passed >= limit.per_second / 100 - 200);
	assert_true(passed <= limit.per_second / 100 + 200);
}

static void extremes(void **state)
{
	struct rate_limit slow = { 1, 1 };
	struct rate_limit fast = { UINT64_MAX, 1 };
	struct rate_limit wide = { 1, UINT64_MAX };
	struct rate rate;

	(void)state;
	rate_init(&rate, &slow, 0);
	rate_charge(&rate, UINT64_MAX, 0);
	rate_charge(&rate, UINT64_MAX, 0);
	rate_charge(&rate, UINT64_MAX, 0);
	assert_true(rate_wait_ns(&rate, 0) > UINT64_MAX / 4);
	/* A burst of no time at all must not stop everything. */
	rate_init(&rate, &fast, 0);
	assert_int_equal(rate_wait_ns(&rate, 0), 0);
	rate_charge(&rate, 1, 0);
	assert_int_equal(rate_wait_ns(&rate, 1), 0);
	rate_init(&rate, &wide, 0);
	rate_charge(&rate, 1000, 0);
	assert_int_equal(rate_wait_ns(&rate, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_limit),
		cmocka_unit_test(burst_then_rate),
		cmocka_unit_test(a_rest_fills_it),
		cmocka_unit_test(debt_is_paid),
		cmocka_unit_test(default_burst),
		cmocka_unit_test(exact_in_the_long_run),
		cmocka_unit_test(extremes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
