// SPDX-License-Identifier: BSD-2-Clause
/* Owners of physical interrupts. */
#include "core_test.h"

#include <zv/irq.h>

static void test_owners(void **state)
{
	(void)state;
	assert_int_equal(irq_table_init(100), 0);
	assert_int_equal(irq_table_count(), 100);
	assert_int_equal(irq_owner(99), IRQ_OWNER_NONE);
	assert_int_equal(irq_owner(100), IRQ_OWNER_NONE);
	assert_int_equal(irq_owner(UINT32_MAX), IRQ_OWNER_NONE);
	assert_int_equal(irq_assign(99, 3), 0);
	assert_int_equal(irq_owner(99), 3);
	assert_int_equal(irq_owner(98), IRQ_OWNER_NONE);
	assert_int_equal(irq_assign(99, IRQ_OWNER_NONE), 0);
	assert_int_equal(irq_owner(99), IRQ_OWNER_NONE);
}

static void test_refusals(void **state)
{
	(void)state;
	assert_int_equal(irq_table_init(100), 0);
	assert_int_equal(irq_assign(100, 1), -EINVAL);
	assert_int_equal(irq_assign(5, ZV_ZONES_MAX), -EINVAL);
	assert_int_equal(irq_owner(5), IRQ_OWNER_NONE);
}

static void test_no_memory(void **state)
{
	paddr_t pa;

	(void)state;
	for (u32 order = 12; order-- != 0;) {
		while (page_alloc(order, FRAME_NONE, 0, &pa) == 0) {}
	}
	assert_int_equal(irq_table_init(100), -ENOMEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		core_test(test_owners),
		core_test(test_refusals),
		core_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
