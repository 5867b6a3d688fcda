// SPDX-License-Identifier: BSD-2-Clause
/* The page table walker. */
#include "core_test.h"

#define RWX (MAP_R | MAP_W | MAP_X)

static const struct fake_config bare = { .ram_size = MIB(4), .no_zone0 = true };
static struct pgtable pt;
static u64 free_before;

static int pt_setup(void **state)
{
	(void)state;
	fake_machine_init(&bare);
	free_before = pages_free();
	return pgtable_init(&pt, PT_STAGE2, 7, 7);
}

static int pt_teardown(void **state)
{
	(void)state;
	assert_int_equal(free_before - pages_free(), pt.stats.tables);
	pgtable_fini(&pt);
	assert_int_equal(pages_free(), free_before);
	assert_int_equal(fake_record.break_violations, 0);
	fake_check_invariants();
	fake_machine_fini();
	return 0;
}

#define pt_test(fn) cmocka_unit_test_setup_teardown(fn, pt_setup, pt_teardown)

static int map(u64 in, u64 out, u64 size)
{
	return pgtable_map(&pt, in, pa_make(out), size, RWX);
}

static void expect_stats(u64 g, u64 m, u64 k, u64 tables)
{
	assert_int_equal(pt.stats.leaf_1g, g);
	assert_int_equal(pt.stats.leaf_2m, m);
	assert_int_equal(pt.stats.leaf_4k, k);
	assert_int_equal(pt.stats.tables, tables);
}

static void expect_at(u64 in, u64 out, u64 left)
{
	paddr_t pa;
	u32 attrs;
	u64 got;

	assert_int_equal(pgtable_lookup(&pt, in, &pa, &attrs, &got), 0);
	assert_int_equal(pa.v, out);
	assert_int_equal(attrs, RWX);
	assert_int_equal(got, left);
}

static void expect_none(u64 in)
{
	paddr_t pa;
	u32 attrs;
	u64 left;

	assert_int_equal(pgtable_lookup(&pt, in, &pa, &attrs, &left), -ENOENT);
}

static void test_largest_blocks(void **state)
{
	(void)state;
	assert_int_equal(map(GIB(1) - MIB(2) - KIB(4), GIB(3) - MIB(2) - KIB(4),
			     GIB(1) + MIB(4) + KIB(8)),
			 0);
	expect_stats(1, 2, 2, 2 + 4);
	expect_at(GIB(1) - MIB(2) - KIB(4), GIB(3) - MIB(2) - KIB(4), KIB(4));
	expect_at(GIB(1) + 5, GIB(3) + 5, GIB(1) - 5);
	expect_at(GIB(2) + MIB(2), GIB(4) + MIB(2), KIB(4));
	expect_none(GIB(2) + MIB(2) + KIB(4));
	expect_none(0);
}

static void test_misaligned_output_needs_pages(void **state)
{
	(void)state;
	assert_int_equal(map(MIB(2), MIB(2) + KIB(4), MIB(2)), 0);
	expect_stats(0, 0, 512, 4);
	expect_at(MIB(4) - 1, MIB(4) + KIB(4) - 1, 1);
}

static void test_bad_arguments(void **state)
{
	(void)state;
	assert_int_equal(map(1, 0, KIB(4)), -EINVAL);
	assert_int_equal(map(0, 1, KIB(4)), -EINVAL);
	assert_int_equal(map(0, 0, KIB(4) + 1), -EINVAL);
	assert_int_equal(map(0, 0, 0), -EINVAL);
	assert_int_equal(map(1ull << 40, 0, KIB(4)), -EINVAL);
	assert_int_equal(map((1ull << 40) - KIB(4), 0, KIB(8)), -EINVAL);
	assert_int_equal(map(KIB(4), 0, 0ull - KIB(4)), -EINVAL);
	assert_int_equal(map(0, (1ull << 44) - KIB(4), KIB(8)), -EINVAL);
	assert_int_equal(map(0, 1ull << 44, KIB(4)), -EINVAL);
	assert_int_equal(pgtable_unmap(&pt, 1, KIB(4)), -EINVAL);
	assert_int_equal(pgtable_unmap(&pt, 0, 0), -EINVAL);
	assert_int_equal(pgtable_unmap(&pt, 1ull << 40, KIB(4)), -EINVAL);
	expect_none(1ull << 40);
	expect_none(UINT64_MAX);
	/* The last page is as good as any. */
	assert_int_equal(map((1ull << 40) - KIB(4), KIB(4), KIB(4)), 0);
	expect_at((1ull << 40) - KIB(4), KIB(4), KIB(4));
	expect_stats(0, 0, 1, 4);
}

static void test_map_over_anything_fails_whole(void **state)
{
	(void)state;
	assert_int_equal(map(MIB(10), MIB(10), KIB(4)), 0);
	expect_stats(0, 0, 1, 4);
	assert_int_equal(map(MIB(8), MIB(8), MIB(4)), -EEXIST);
	assert_int_equal(map(0, 0, GIB(2)), -EEXIST);
	assert_int_equal(map(MIB(10), MIB(10), KIB(4)), -EEXIST);
	expect_stats(0, 0, 1, 4);
	expect_none(MIB(8));
}

static void test_want_of_memory_changes_nothing(void **state)
{
	u64 left = pages_free();
	paddr_t *all = test_calloc(left, sizeof(*all));

	(void)state;
	assert_int_equal(map(0, 0, GIB(1)), 0);
	for (u64 i = 0; i < left; i++) {
		assert_int_equal(page_alloc(0, FRAME_HV, 0, &all[i]), 0);
	}
	/* One page where two or three are needed. */
	page_free(all[0], 0);
	assert_int_equal(map(GIB(1), 0, KIB(4)), -ENOMEM);
	assert_int_equal(pgtable_unmap(&pt, KIB(4), KIB(4)), -ENOMEM);
	expect_stats(1, 0, 0, 2);
	expect_at(KIB(4), KIB(4), GIB(1) - KIB(4));
	expect_none(GIB(1));
	assert_int_equal(pages_free(), 1);
	for (u64 i = 1; i < left; i++) {
		page_free(all[i], 0);
	}
	test_free(all);
}

static void test_unmap_splits(void **state)
{
	(void)state;
	assert_int_equal(map(GIB(1), GIB(2), GIB(1)), 0);
	expect_stats(1, 0, 0, 2);
	assert_int_equal(pgtable_unmap(&pt, GIB(1) + MIB(4) + KIB(4), KIB(8)),
			 0);
	expect_stats(0, 511, 510, 4);
	expect_at(GIB(1) + MIB(4), GIB(2) + MIB(4), KIB(4));
	expect_none(GIB(1) + MIB(4) + KIB(4));
	expect_none(GIB(1) + MIB(4) + KIB(8));
	expect_at(GIB(1) + MIB(4) + KIB(12), GIB(2) + MIB(4) + KIB(12), KIB(4));
	expect_at(GIB(1) + MIB(6), GIB(2) + MIB(6), MIB(2));
	assert_int_equal(fake_record.unflushed, 0);
}

static void test_remap_merges_back(void **state)
{
	(void)state;
	assert_int_equal(map(GIB(1), GIB(2), GIB(1)), 0);
	assert_int_equal(pgtable_unmap(&pt, GIB(1) + MIB(4) + KIB(4), KIB(4)),
			 0);
	expect_stats(0, 511, 511, 4);
	assert_int_equal(
		map(GIB(1) + MIB(4) + KIB(4), GIB(2) + MIB(4) + KIB(4), KIB(4)),
		0);
	expect_stats(1, 0, 0, 2);
	expect_at(GIB(1) + MIB(4) + KIB(4), GIB(2) + MIB(4) + KIB(4),
		  GIB(1) - MIB(4) - KIB(4));
}

static void test_chunks_become_a_gigabyte(void **state)
{
	(void)state;
	for (u64 at = 0; at < GIB(1); at += MIB(2)) {
		assert_int_equal(map(GIB(1) + at, GIB(5) + at, MIB(2)), 0);
	}
	expect_stats(1, 0, 0, 2);
}

static void test_no_merge_of_unequals(void **state)
{
	(void)state;
	/* Contiguous, but the output is not aligned to the block. */
	for (u64 at = 0; at < MIB(2); at += KIB(4)) {
		assert_int_equal(map(at, KIB(4) + at, KIB(4)), 0);
	}
	expect_stats(0, 0, 512, 4);
	/* One entry with other attributes. */
	assert_int_equal(map(MIB(2), MIB(2), MIB(2) - KIB(4)), 0);
	assert_int_equal(pgtable_map(&pt, MIB(4) - KIB(4),
				     pa_make(MIB(4) - KIB(4)), KIB(4), MAP_R),
			 0);
	expect_stats(0, 0, 1024, 5);
	/* One entry out of order. */
	assert_int_equal(map(MIB(4), MIB(4), MIB(2) - KIB(8)), 0);
	assert_int_equal(map(MIB(6) - KIB(8), MIB(6) - KIB(4), KIB(4)), 0);
	assert_int_equal(map(MIB(6) - KIB(4), MIB(6) - KIB(8), KIB(4)), 0);
	expect_stats(0, 0, 1536, 6);
}

static void test_merge_can_be_forbidden(void **state)
{
	(void)state;
	pt.merge = false;
	for (u64 at = 0; at < MIB(2); at += KIB(4)) {
		assert_int_equal(map(at, at, KIB(4)), 0);
	}
	expect_stats(0, 0, 512, 4);
	assert_int_equal(fake_record.flush_ipa, 0);
}

static void test_unmap_frees_tables(void **state)
{
	(void)state;
	assert_int_equal(map(KIB(4), KIB(4), KIB(4)), 0);
	assert_int_equal(map(GIB(3), GIB(3), MIB(2)), 0);
	expect_stats(0, 1, 1, 5);
	assert_int_equal(pgtable_unmap(&pt, 0, 1ull << 40), 0);
	expect_stats(0, 0, 0, 2);
	/* Nothing there: nothing happens. */
	assert_int_equal(pgtable_unmap(&pt, 0, 1ull << 40), 0);
}

static void test_unmap_across_leaves(void **state)
{
	(void)state;
	assert_int_equal(map(0, 0, GIB(3)), 0);
	assert_int_equal(
		pgtable_unmap(&pt, GIB(1) - MIB(2), GIB(1) + MIB(2) + KIB(4)),
		0);
	/* 0: 511 x 2M; 1: gone; 2: 511 x 2M + 511 x 4K */
	expect_stats(0, 1022, 511, 2 + 3);
	expect_at(GIB(1) - MIB(2) - 1, GIB(1) - MIB(2) - 1, 1);
	expect_none(GIB(1) - MIB(2));
	expect_none(GIB(2));
	expect_at(GIB(2) + KIB(4), GIB(2) + KIB(4), KIB(4));
}

static void test_next(void **state)
{
	struct pt_leaf l;

	(void)state;
	assert_int_equal(pgtable_next(&pt, 0, &l), -ENOENT);
	assert_int_equal(map(MIB(4), MIB(8), KIB(4)), 0);
	assert_int_equal(map(GIB(9), GIB(2), GIB(1)), 0);
	assert_int_equal(pgtable_next(&pt, 0, &l), 0);
	assert_int_equal(l.in, MIB(4));
	assert_int_equal(l.pa.v, MIB(8));
	assert_int_equal(l.size, KIB(4));
	assert_int_equal(pgtable_next(&pt, MIB(4) + 5, &l), 0);
	assert_int_equal(l.in, MIB(4));
	assert_int_equal(pgtable_next(&pt, MIB(4) + KIB(4), &l), 0);
	assert_int_equal(l.in, GIB(9));
	assert_int_equal(l.size, GIB(1));
	assert_int_equal(pgtable_next(&pt, GIB(10) - 1, &l), 0);
	assert_int_equal(pgtable_next(&pt, GIB(10), &l), -ENOENT);
	assert_int_equal(pgtable_next(&pt, 1ull << 40, &l), -ENOENT);
}

static void test_hide_and_show(void **state)
{
	(void)state;
	assert_int_equal(map(MIB(4), MIB(8), KIB(4)), 0);
	pgtable_hide(&pt, MIB(4));
	expect_none(MIB(4));
	assert_int_equal(fake_record.flush_ipa, 1);
	assert_int_equal(fake_record.unflushed, 0);
	pgtable_show(&pt, MIB(4), pa_make(MIB(8)), RWX);
	expect_at(MIB(4), MIB(8), KIB(4));
	expect_stats(0, 0, 1, 4);
	assert_true(FAKE_EXPECT_PANIC(pgtable_hide(&pt, MIB(6))));
}

static void test_stage1_has_four_levels(void **state)
{
	struct pgtable s1;
	paddr_t pa;
	u32 attrs;
	u64 left;

	(void)state;
	assert_int_equal(pgtable_init(&s1, PT_STAGE1, 0, 0), 0);
	assert_int_equal(pgtable_map(&s1, 0x7f0000000000, pa_make(GIB(4)),
				     GIB(1), MAP_R | MAP_X),
			 0);
	assert_int_equal(s1.stats.leaf_1g, 1);
	assert_int_equal(s1.stats.tables, 2);
	/* 512 GiB at once: there are no blocks at level 0. */
	assert_int_equal(pgtable_map(&s1, 0, pa_make(0), GIB(512), MAP_R), 0);
	assert_int_equal(s1.stats.leaf_1g, 513);
	assert_int_equal(pgtable_unmap(&s1, 0x7f0000000000, KIB(4)), 0);
	assert_int_equal(
		pgtable_lookup(&s1, 0x7f0000001000, &pa, &attrs, &left), 0);
	assert_int_equal(pa.v, GIB(4) + KIB(4));
	assert_int_equal(attrs, MAP_R | MAP_X);
	assert_true(fake_record.flush_stage1 >= 2);
	assert_int_equal(fake_record.flush_ipa, 0);
	pgtable_fini(&s1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		pt_test(test_largest_blocks),
		pt_test(test_misaligned_output_needs_pages),
		pt_test(test_bad_arguments),
		pt_test(test_map_over_anything_fails_whole),
		pt_test(test_want_of_memory_changes_nothing),
		pt_test(test_unmap_splits),
		pt_test(test_remap_merges_back),
		pt_test(test_chunks_become_a_gigabyte),
		pt_test(test_no_merge_of_unequals),
		pt_test(test_merge_can_be_forbidden),
		pt_test(test_unmap_frees_tables),
		pt_test(test_unmap_across_leaves),
		pt_test(test_next),
		pt_test(test_hide_and_show),
		pt_test(test_stage1_has_four_levels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
