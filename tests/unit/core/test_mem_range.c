/* SPDX-License-Identifier: BSD-2-Clause */
#include "boot_test.h"

#include <zv/mem_range.h>
#include <zv/zone0_ram.h>

#define ITEMS 4

static struct mem_range item[ITEMS];
static struct range_list list;

static void start(void)
{
	list = (struct range_list){ item, 0, ITEMS };
}

static void expect(u32 i, u64 from, u64 to)
{
	assert_true(i < list.count);
	assert_int_equal(list.item[i].start, from);
	assert_int_equal(range_end(list.item[i]), to);
}

static void adding_sorts_and_merges(void **state)
{
	(void)state;
	start();
	assert_int_equal(range_add(&list, 0x8000, 0x1000), 0);
	assert_int_equal(range_add(&list, 0x2000, 0x1000), 0);
	assert_int_equal(range_add(&list, 0x5800, 0x100), 0); /* rounded */
	assert_int_equal(list.count, 3);
	expect(0, 0x2000, 0x3000);
	expect(1, 0x5000, 0x6000);
	expect(2, 0x8000, 0x9000);
	/* Touches two, covers one. */
	assert_int_equal(range_add(&list, 0x3000, 0x5000), 0);
	assert_int_equal(list.count, 1);
	expect(0, 0x2000, 0x9000);
}

static void removing_cuts(void **state)
{
	(void)state;
	start();
	assert_int_equal(range_add(&list, 0x1000, 0xf000), 0);
	assert_int_equal(range_remove(&list, 0x4000, 0x1000), 0);
	assert_int_equal(list.count, 2);
	expect(0, 0x1000, 0x4000);
	expect(1, 0x5000, 0x10000);
	assert_int_equal(range_remove(&list, 0x3000, 0x4000), 0);
	expect(0, 0x1000, 0x3000);
	expect(1, 0x7000, 0x10000);
	assert_int_equal(range_remove(&list, 0, 0x100000), 0);
	assert_int_equal(list.count, 0);
}

static void full_and_wrapping(void **state)
{
	(void)state;
	start();
	for (u64 i = 0; i < ITEMS; i++) {
		assert_int_equal(range_add(&list, i * 0x4000, 0x2000), 0);
	}
	assert_int_equal(range_add(&list, 0x20000, 0x1000), -28);
	assert_int_equal(range_remove(&list, 0x800, 0x100), 0);
	assert_int_equal(range_add(&list, 0xfffffffffffff000, 0x2000), -22);
	assert_int_equal(range_add(&list, 0, 0), -22);
	assert_int_equal(list.count, ITEMS);
}

static void asking(void **state)
{
	(void)state;
	start();
	assert_int_equal(range_add(&list, 0x1000, 0x2000), 0);
	assert_true(range_contains(&list, 0x1000, 0x2000));
	assert_false(range_contains(&list, 0x1000, 0x2001));
	assert_false(range_contains(&list, 0xfff, 1));
	assert_false(range_contains(&list, 0x2000, UINT64_MAX));
	assert_true(range_overlaps(&list, 0x2fff, 0x10));
	assert_false(range_overlaps(&list, 0x3000, 0x10));
	assert_int_equal(range_total(&list), 0x2000);
}

/* zone0's RAM out of `count` free ranges. */
static int choose(const struct mem_range *free_range, u32 count, u64 size,
		  struct range_list *ret)
{
	static struct mem_range free_item[8], zone0_item[8];
	struct range_list free_list = { free_item, 0, 8 };

	*ret = (struct range_list){ zone0_item, 0, 8 };
	for (u32 i = 0; i < count; i++) {
		assert_int_equal(range_add(&free_list, free_range[i].start,
					   free_range[i].size),
				 0);
	}
	return zone0_ram_choose(&free_list, size, ret);
}

static void zone0_one_aligned_piece(void **state)
{
	const struct mem_range all[] = { { 0x40400000, GIB(3) - 0x400000 } };
	struct range_list got;

	(void)state;
	assert_int_equal(choose(all, 1, GIB(1), &got), 0);
	assert_int_equal(got.count, 1);
	assert_int_equal(got.item[0].start, 0xc0000000);
	assert_int_equal(choose(all, 1, MIB(512), &got), 0);
	assert_int_equal(got.item[0].start, 0xc0000000);
}

static void zone0_below_4g_if_possible(void **state)
{
	const struct mem_range all[] = { { 0x40500000, MIB(700) },
					 { GIB(4), GIB(8) } };
	struct range_list got;

	(void)state;
	assert_int_equal(choose(all, 2, MIB(512), &got), 0);
	assert_true(range_end(got.item[0]) <= GIB(4));
	assert_int_equal(got.item[0].start % MIB(2), 0);
	assert_int_equal(choose(all, 2, GIB(2), &got), 0);
	assert_int_equal(got.item[0].start, GIB(10));
}

static void zone0_in_pieces(void **state)
{
	const struct mem_range all[] = { { MIB(64), MIB(64) },
					 { MIB(256), MIB(32) },
					 { MIB(513), MIB(128) } };
	struct range_list got;

	(void)state;
	assert_int_equal(choose(all, 3, MIB(200), &got), 0);
	assert_int_equal(range_total(&got), MIB(200));
	for (u32 i = 0; i < got.count; i++) {
		assert_int_equal(got.item[i].start % MIB(2), 0);
	}
	/* The odd megabyte at both ends of the last one is no use. */
	assert_int_equal(choose(all, 3, MIB(224), &got), -12);
	assert_int_equal(choose(all, 3, MIB(1), &got), -22);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(adding_sorts_and_merges),
		cmocka_unit_test(removing_cuts),
		cmocka_unit_test(full_and_wrapping),
		cmocka_unit_test(asking),
		cmocka_unit_test(zone0_one_aligned_piece),
		cmocka_unit_test(zone0_below_4g_if_possible),
		cmocka_unit_test(zone0_in_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
