// SPDX-License-Identifier: BSD-2-Clause
/* Routing of trapped accesses. */
#include "core_test.h"

static struct zone *zone;
static const void *last_ctx;

static enum mmio_result answer(struct vcpu *v, struct mmio_access *a, void *ctx)
{
	(void)v;
	last_ctx = ctx;
	a->value = 42;
	return MMIO_DONE;
}

static int setup(void **state)
{
	machine_setup(state);
	zone = test_zone(1, NULL, 8);
	last_ctx = NULL;
	return 0;
}

static int teardown(void **state)
{
	zone_put(zone);
	return machine_teardown(state);
}

#define mmio_test(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

static enum mmio_result access_at(u64 gpa, u8 size, bool write)
{
	struct mmio_access a = { .gpa = gpa, .size = size, .write = write };

	last_ctx = NULL;
	return mmio_dispatch(zone->vcpus[0], &a);
}

static void test_routes_to_the_right_region(void **state)
{
	static const int tag[3];

	(void)state;
	assert_int_equal(mmio_register(&zone->mmio, 0x3000, 0x1000, answer,
				       (void *)(uintptr_t)&tag[2]),
			 0);
	assert_int_equal(mmio_register(&zone->mmio, 0x1000, 0x1000, answer,
				       (void *)(uintptr_t)&tag[0]),
			 0);
	assert_int_equal(mmio_register(&zone->mmio, 0x2000, 0x800, answer,
				       (void *)(uintptr_t)&tag[1]),
			 0);
	assert_int_equal(access_at(0x1000, 4, false), MMIO_DONE);
	assert_ptr_equal(last_ctx, &tag[0]);
	assert_int_equal(access_at(0x1ff8, 8, true), MMIO_DONE);
	assert_ptr_equal(last_ctx, &tag[0]);
	assert_int_equal(access_at(0x2000, 1, false), MMIO_DONE);
	assert_ptr_equal(last_ctx, &tag[1]);
	assert_int_equal(access_at(0x3ffc, 4, false), MMIO_DONE);
	assert_ptr_equal(last_ctx, &tag[2]);
	assert_int_equal(access_at(0xfff, 1, false), MMIO_ABORT);
	assert_int_equal(access_at(0x2800, 4, false), MMIO_ABORT);
	assert_int_equal(access_at(0x4000, 4, false), MMIO_ABORT);
	assert_int_equal(access_at(UINT64_MAX, 1, false), MMIO_ABORT);
	assert_null(last_ctx);
	assert_int_equal(zone->counters.exits[ZV_EXIT_MMIO_NONE], 4);
}

static void test_misaligned_and_crossing_abort(void **state)
{
	(void)state;
	assert_int_equal(
		mmio_register(&zone->mmio, 0x1000, 0x1004, answer, NULL), 0);
	assert_int_equal(access_at(0x1002, 4, false), MMIO_ABORT);
	assert_int_equal(access_at(0x1001, 2, false), MMIO_ABORT);
	assert_int_equal(access_at(0x2000, 8, false), MMIO_ABORT);
	assert_int_equal(access_at(0x2000, 4, false), MMIO_DONE);
}

static void test_overlaps_are_refused(void **state)
{
	struct mmio_map m = { 0 };

	(void)state;
	assert_int_equal(mmio_register(&m, 0x1000, 0x1000, answer, NULL), 0);
	assert_int_equal(mmio_register(&m, 0x1fff, 1, answer, NULL), -EEXIST);
	assert_int_equal(mmio_register(&m, 0x0, 0x1001, answer, NULL), -EEXIST);
	assert_int_equal(mmio_register(&m, 0, 0x10000, answer, NULL), -EEXIST);
	assert_int_equal(mmio_register(&m, 0, 0x1000, answer, NULL), 0);
	assert_int_equal(mmio_register(&m, 0x2000, 1, answer, NULL), 0);
	assert_int_equal(mmio_register(&m, 5, 0, answer, NULL), -EINVAL);
	assert_int_equal(mmio_register(&m, UINT64_MAX, 2, answer, NULL),
			 -EINVAL);
	assert_int_equal(mmio_register(&m, UINT64_MAX, 1, answer, NULL), 0);
	assert_true(mmio_overlaps(&m, 0x1800, 8));
	assert_true(mmio_overlaps(&m, UINT64_MAX, 1));
	assert_false(mmio_overlaps(&m, 0x2001, 0x10000));
}

static void test_map_has_an_end(void **state)
{
	struct mmio_map m = { 0 };

	(void)state;
	for (u64 i = 0; i < MMIO_REGIONS_MAX; i++) {
		assert_int_equal(mmio_register(&m, i * 16, 16, answer, NULL),
				 0);
	}
	assert_int_equal(mmio_register(&m, 0x10000, 16, answer, NULL), -ENOSPC);
}

/* A fault on what is mapped by now was taken in the middle of a change. */
static void test_mapped_memory_is_retried(void **state)
{
	(void)state;
	test_populate(zone, RAM_GPA, MIB(2));
	assert_int_equal(access_at(RAM_GPA + 8, 8, true), MMIO_RETRY);
	assert_int_equal(access_at(RAM_GPA + MIB(2), 8, true), MMIO_ABORT);
	assert_int_equal(zone->counters.exits[ZV_EXIT_MMIO_NONE], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		mmio_test(test_routes_to_the_right_region),
		mmio_test(test_misaligned_and_crossing_abort),
		mmio_test(test_overlaps_are_refused),
		mmio_test(test_map_has_an_end),
		mmio_test(test_mapped_memory_is_retried),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
