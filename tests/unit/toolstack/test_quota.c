/* SPDX-License-Identifier: BSD-2-Clause */
/* daemon/quota: who shares one, and how long it is remembered. */
#include "quota.h"

#include "cmocka_all.h"

#define S 1000000000ull

static const struct quota_limits per_user = { .by_user = true,
					      .connections = 2,
					      .per_second = 100 };
static const struct quota_limits per_connection = { .connections = 2,
						    .per_second = 100 };

static unsigned int known(const struct quota_table *table)
{
	unsigned int count = 0;

	for (const struct quota *q = table->quotas; q; q = q->next) {
		count++;
	}
	return count;
}

static void test_a_user_has_one(void **state)
{
	struct quota_table table;
	struct quota *one;
	struct quota *other;

	(void)state;
	quota_table_init(&table, &per_user);
	one = quota_join(&table, 1000, S);
	other = quota_join(&table, 1001, S);
	assert_non_null(one);
	assert_ptr_not_equal(one, other);
	assert_ptr_equal(quota_join(&table, 1000, S), one);
	assert_false(quota_exceeded(&table, one));
	assert_ptr_equal(quota_join(&table, 1000, S), one);
	assert_true(quota_exceeded(&table, one));
	assert_false(quota_exceeded(&table, other));
	quota_leave(one);
	assert_false(quota_exceeded(&table, one));
	quota_table_fini(&table);
}

static void test_a_connection_has_one(void **state)
{
	struct quota_table table;
	struct quota *one;
	struct quota *other;

	(void)state;
	quota_table_init(&table, &per_connection);
	one = quota_join(&table, 0, S);
	other = quota_join(&table, 0, S);
	assert_ptr_not_equal(one, other);
	rate_charge(&one->rate, 1000, S);
	assert_int_not_equal(rate_wait_ns(&one->rate, S), 0);
	assert_int_equal(rate_wait_ns(&other->rate, S), 0);
	/* Nothing is kept of who has gone, whatever it owes. */
	quota_leave(one);
	quota_leave(other);
	quota_join(&table, 0, S);
	assert_int_equal(known(&table), 1);
	quota_table_fini(&table);
}

static void test_the_burst(void **state)
{
	struct quota_table table;
	struct quota *quota;

	(void)state;
	quota_table_init(&table, &per_user);
	quota = quota_join(&table, 1000, S);
	rate_charge(&quota->rate, 100 * QUOTA_BURST_S - 1, S);
	assert_int_equal(rate_wait_ns(&quota->rate, S), 0);
	rate_charge(&quota->rate, 1, S);
	assert_int_not_equal(rate_wait_ns(&quota->rate, S), 0);
	quota_table_fini(&table);
}

static void test_coming_back_gains_nothing(void **state)
{
	struct quota_table table;
	struct quota *quota;
	uint64_t full = S + QUOTA_BURST_S * S;

	(void)state;
	quota_table_init(&table, &per_user);
	quota = quota_join(&table, 1000, S);
	quota_leave(quota);
	rate_charge(&quota->rate, 100 * QUOTA_BURST_S, S);
	quota_join(&table, 1001, full - 1);
	assert_int_equal(known(&table), 2);
	assert_ptr_equal(quota_join(&table, 1000, full - 1), quota);
	assert_int_not_equal(rate_wait_ns(&quota->rate, S), 0);
	quota_leave(quota);
	/* Then there is nothing to remember. */
	quota_join(&table, 1001, full);
	assert_int_equal(known(&table), 1);
	quota_table_fini(&table);
}

static void test_no_rate(void **state)
{
	const struct quota_limits limits = { .by_user = true,
					     .connections = 1 };
	struct quota_table table;
	struct quota *quota;

	(void)state;
	quota_table_init(&table, &limits);
	quota = quota_join(&table, 1000, S);
	rate_charge(&quota->rate, UINT64_MAX, S);
	assert_int_equal(rate_wait_ns(&quota->rate, S), 0);
	quota_leave(quota);
	quota_join(&table, 1001, S);
	assert_int_equal(known(&table), 1);
	quota_table_fini(&table);
}

static void test_a_line_of_the_log(void **state)
{
	struct quota_table table;
	struct quota *quota;
	unsigned int untold = 9;

	(void)state;
	quota_table_init(&table, &per_user);
	quota = quota_join(&table, 1000, S);
	assert_true(quota_may_tell(quota, S, &untold));
	assert_int_equal(untold, 0);
	quota_leave(quota);
	/* It comes back meanwhile. */
	assert_ptr_equal(quota_join(&table, 1000, S + QUOTA_QUIET_NS - 1),
			 quota);
	assert_false(quota_may_tell(quota, S + QUOTA_QUIET_NS - 1, &untold));
	assert_false(quota_may_tell(quota, S + QUOTA_QUIET_NS - 1, &untold));
	assert_true(quota_may_tell(quota, S + QUOTA_QUIET_NS, &untold));
	assert_int_equal(untold, 2);
	quota_leave(quota);
	quota_join(&table, 1001, S + 2 * QUOTA_QUIET_NS);
	assert_int_equal(known(&table), 1);
	quota_table_fini(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_user_has_one),
		cmocka_unit_test(test_a_connection_has_one),
		cmocka_unit_test(test_the_burst),
		cmocka_unit_test(test_coming_back_gains_nothing),
		cmocka_unit_test(test_no_rate),
		cmocka_unit_test(test_a_line_of_the_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
