// SPDX-License-Identifier: BSD-2-Clause
/* Frame table and page pool. */
#include "core_test.h"

static const struct fake_config bare = { .ram_size = MIB(16),
					 .no_zone0 = true };

static int bare_setup(void **state)
{
	(void)state;
	fake_machine_init(&bare);
	return 0;
}

#define bare_test(fn) \
	cmocka_unit_test_setup_teardown(fn, bare_setup, machine_teardown)

static void test_outside_ram(void **state)
{
	(void)state;
	assert_null(frame_get(pa_make(FAKE_RAM_BASE - 1)));
	assert_non_null(frame_get(pa_make(FAKE_RAM_BASE)));
	assert_non_null(frame_get(pa_make(FAKE_RAM_BASE + MIB(16) - 1)));
	assert_null(frame_get(pa_make(FAKE_RAM_BASE + MIB(16))));
	assert_null(frame_get(pa_make(UINT64_MAX)));
}

static void test_alloc_is_aligned_and_marked(void **state)
{
	(void)state;
	for (u32 order = 0; order <= 11; order++) {
		paddr_t pa;

		assert_int_equal(page_alloc(order, FRAME_ZONE, 7, &pa), 0);
		assert_true(IS_ALIGNED(pa.v, PAGE_SIZE << order));
		assert_true(frame_range_owned(pa, PAGE_SIZE << order, 7));
		assert_false(frame_range_owned(pa, PAGE_SIZE << order, 8));
		page_free(pa, order);
		fake_check_invariants();
	}
}

static void test_range_owned_edges(void **state)
{
	paddr_t pa;

	(void)state;
	assert_int_equal(page_alloc(1, FRAME_ZONE, 3, &pa), 0);
	assert_true(frame_range_owned(pa_add(pa, 100), PAGE_SIZE, 3));
	assert_false(frame_range_owned(pa, 3 * PAGE_SIZE, 3));
	assert_false(frame_range_owned(pa, 0, 3));
	assert_false(frame_range_owned(pa, UINT64_MAX, 3));
	page_free(pa, 1);
}

static void test_pool_runs_dry_and_recovers(void **state)
{
	u64 before = pages_free();
	paddr_t *all = test_calloc(before, sizeof(*all));
	u64 count = 0;

	(void)state;
	while (page_alloc(0, FRAME_HV, 0, &all[count]) == 0) {
		count++;
	}
	assert_int_equal(count, before);
	assert_int_equal(pages_free(), 0);
	assert_int_equal(page_alloc(0, FRAME_HV, 0, &all[0]), -ENOMEM);
	/* Every other first: the buddies join only at the end. */
	for (u64 i = 0; i < count; i += 2) {
		page_free(all[i], 0);
	}
	fake_check_invariants();
	for (u64 i = 1; i < count; i += 2) {
		page_free(all[i], 0);
	}
	assert_int_equal(pages_free(), before);
	test_free(all);
}

static void test_chunks_free(void **state)
{
	struct mm_stats s;
	paddr_t pa;

	(void)state;
	mm_stats(&s);
	assert_int_equal(s.chunks_free, 8);
	assert_int_equal(page_alloc(0, FRAME_HV, 0, &pa), 0);
	mm_stats(&s);
	assert_int_equal(s.chunks_free, 7);
	assert_int_equal(s.pages_hv, 1);
	page_free(pa, 0);
}

static void test_alloc_at(void **state)
{
	paddr_t want = pa_make(FAKE_RAM_BASE + MIB(6));
	paddr_t inner = pa_add(want, 5 * PAGE_SIZE);

	(void)state;
	assert_int_equal(page_alloc_at(want, FRAME_ORDER_CHUNK, FRAME_ZONE, 1),
			 0);
	assert_int_equal(page_alloc_at(want, FRAME_ORDER_CHUNK, FRAME_ZONE, 1),
			 -ENOMEM);
	assert_int_equal(page_alloc_at(inner, 0, FRAME_HV, 0), -ENOMEM);
	page_free(want, FRAME_ORDER_CHUNK);
	assert_int_equal(page_alloc_at(inner, 0, FRAME_HV, 0), 0);
	assert_int_equal(page_alloc_at(want, FRAME_ORDER_CHUNK, FRAME_ZONE, 1),
			 -ENOMEM);
	page_free(inner, 0);
	assert_int_equal(page_alloc_at(pa_make(0), 0, FRAME_HV, 0), -ENOMEM);
}

static void test_find(void **state)
{
	paddr_t pa;

	(void)state;
	assert_int_equal(page_find(12, &pa), 0);
	assert_true(IS_ALIGNED(pa.v, PAGE_SIZE << 12));
	assert_int_equal(page_find(FRAME_ORDER_MAX, &pa), -ENOMEM);
}

static void test_zeroed(void **state)
{
	paddr_t pa;
	u8 *va;

	(void)state;
	assert_int_equal(page_alloc(3, FRAME_HV, 0, &pa), 0);
	memset(pa_to_va(pa), 0xa5, PAGE_SIZE << 3);
	page_free(pa, 3);
	assert_int_equal(page_alloc_zeroed(3, FRAME_HV, 0, &pa), 0);
	va = pa_to_va(pa);
	for (u64 i = 0; i < PAGE_SIZE << 3; i++) {
		assert_int_equal(va[i], 0);
	}
	page_free(pa, 3);
}

static void test_hv_alloc(void **state)
{
	u64 before = pages_free();
	void *p = hv_alloc(PAGE_SIZE + 1, 5);

	(void)state;
	assert_non_null(p);
	assert_int_equal(pages_free(), before - 2);
	assert_int_equal(frame_get(va_to_pa(p))->owner, 5);
	hv_free(p, PAGE_SIZE + 1);
	hv_free(NULL, 1);
	assert_int_equal(pages_free(), before);
	assert_null(hv_alloc(GIB(2), 0));
}

static void test_bad_frees_panic(void **state)
{
	paddr_t pa;

	(void)state;
	assert_int_equal(page_alloc(1, FRAME_HV, 0, &pa), 0);
	assert_true(FAKE_EXPECT_PANIC(page_free(pa_add(pa, 4096), 1)));
	assert_true(FAKE_EXPECT_PANIC(page_free(pa_make(0), 0)));
	page_free(pa, 1);
	assert_true(FAKE_EXPECT_PANIC(page_free(pa, 1)));
	assert_int_equal(page_alloc(0, FRAME_ZONE, 1, &pa), 0);
	frame_get(pa)->flags = FRAME_GRANTED;
	assert_true(FAKE_EXPECT_PANIC(page_free(pa, 0)));
	frame_get(pa)->flags = 0;
	page_free(pa, 0);
}

/* Two ranges that touch: blocks may join across the border. */
static void test_adjacent_ranges(void **state)
{
	static const struct mem_range ram[] = {
		{ FAKE_RAM_BASE, MIB(3) },
		{ FAKE_RAM_BASE + MIB(3), MIB(1) },
		{ FAKE_RAM_BASE + MIB(8), MIB(2) },
	};
	size_t size = frame_table_size(ram, 3);
	void *table = test_malloc(size);
	struct mm_stats s;
	paddr_t pa;

	(void)state;
	assert_int_equal(size, MIB(6) / PAGE_SIZE * sizeof(struct frame));
	frame_table_init(ram, 3, table);
	assert_null(frame_get(pa_make(FAKE_RAM_BASE + MIB(4))));
	assert_int_equal(frame_get(pa_make(FAKE_RAM_BASE))->type, FRAME_NONE);
	frame_mark(pa_make(FAKE_RAM_BASE), MIB(3), FRAME_FREE, 0);
	frame_mark(pa_make(FAKE_RAM_BASE + MIB(3)), MIB(1), FRAME_FREE, 0);
	frame_mark(pa_make(FAKE_RAM_BASE + MIB(8)), MIB(2), FRAME_HV, 0);
	mm_stats(&s);
	assert_int_equal(s.chunks_free, 2);
	assert_int_equal(s.pages_hv, 512);
	assert_int_equal(page_alloc(10, FRAME_HV, 0, &pa), 0);
	page_free(pa, 10);
	/* Boot memory that is given back later. */
	frame_mark(pa_make(FAKE_RAM_BASE + MIB(8)), MIB(2), FRAME_FREE, 0);
	mm_stats(&s);
	assert_int_equal(s.chunks_free, 3);
	assert_int_equal(s.pages_hv, 0);
	test_free(table);
}

static int adjacent_teardown(void **state)
{
	(void)state;
	fake_machine_fini();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bare_test(test_outside_ram),
		bare_test(test_alloc_is_aligned_and_marked),
		bare_test(test_range_owned_edges),
		bare_test(test_pool_runs_dry_and_recovers),
		bare_test(test_chunks_free),
		bare_test(test_alloc_at),
		bare_test(test_find),
		bare_test(test_zeroed),
		bare_test(test_hv_alloc),
		bare_test(test_bad_frees_panic),
		cmocka_unit_test_setup_teardown(test_adjacent_ranges,
						bare_setup, adjacent_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
