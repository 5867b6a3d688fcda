/* SPDX-License-Identifier: BSD-2-Clause */
#include "shadow_layout.h"

#include <string.h>

#include "cmocka_all.h"

/* What the hypervisor would know after all batches. */
struct table {
	struct zv_shadow_action action[ZV_SHADOWS_MAX][ZV_PAGE_SIZE / 4];
	unsigned int batches;
	int fail_at; /* batch that fails, 0: none */
};

static struct table table;

static int collect(void *arg, const struct zv_shadow_actions *batch)
{
	struct table *t = arg;

	assert_in_range(batch->count, 1, ZV_SHADOW_ACTIONS_MAX);
	assert_int_equal(batch->reserved, 0);
	if ((int)++t->batches == t->fail_at) {
		return -5;
	}
	for (uint32_t i = 0; i < batch->count; i++) {
		const struct zv_shadow_action *a = &batch->action[i];
		struct zv_shadow_action *place =
			&t->action[a->addr >> 12][a->addr % ZV_PAGE_SIZE / 4];

		assert_in_range(a->addr >> 12, 0, ZV_SHADOWS_MAX - 1);
		assert_int_equal(a->addr % 4, 0);
		assert_int_equal(a->reserved, 0);
		assert_int_equal(place->addr, 0); /* once per word */
		*place = *a;
		place->addr |= 1;
	}
	return 0;
}

/* Each device has a number of its own. */
static uint32_t queues_of(uint32_t slot)
{
	return slot % ZONE_DEF_QUEUES_MAX + 1;
}

static int run(uint32_t devices, int fail_at)
{
	struct zone_def def = { .vcpus = 1, .device_count = devices };

	for (uint32_t i = 0; i < devices; i++) {
		def.devices[i].queues = queues_of(i);
	}
	memset(&table, 0, sizeof(table));
	table.fail_at = fail_at;
	return shadow_layout_actions(&def, collect, &table);
}

static void expect(uint32_t shadow, uint32_t offset, uint8_t write,
		   uint8_t read)
{
	const struct zv_shadow_action *a = &table.action[shadow][offset / 4];

	if (a->write != write || a->read != read) {
		fail_msg("%u:%x: write %u read %u", shadow, offset, a->write,
			 a->read);
	}
}

static void test_uart(void **state)
{
	(void)state;
	assert_int_equal(run(0, 0), 0);
	expect(0, 0x00, ZV_WR_POSTED, ZV_RD_FORWARD);
	expect(0, 0x18, ZV_WR_IGNORE, ZV_RD_SHADOW);
	for (uint32_t word = 0x24; word <= 0x38; word += 4) {
		expect(0, word, ZV_WR_FORWARD, ZV_RD_SHADOW);
	}
	expect(0, 0x3c, ZV_WR_IGNORE, ZV_RD_SHADOW);
	expect(0, 0x40, ZV_WR_IGNORE, ZV_RD_SHADOW);
	expect(0, 0x44, ZV_WR_FORWARD, ZV_RD_SHADOW);
	expect(0, 0xfe0, ZV_WR_IGNORE, ZV_RD_SHADOW);
}

static void test_rtc_and_gpio(void **state)
{
	(void)state;
	assert_int_equal(run(0, 0), 0);
	expect(1, 0x00, ZV_WR_IGNORE, ZV_RD_FORWARD);
	expect(1, 0x08, ZV_WR_FORWARD, ZV_RD_SHADOW);
	expect(1, 0x14, ZV_WR_IGNORE, ZV_RD_SHADOW);
	expect(1, 0x1c, ZV_WR_FORWARD, ZV_RD_SHADOW);
	expect(2, 0x000, ZV_WR_FORWARD, ZV_RD_FORWARD);
	expect(2, 0x3fc, ZV_WR_FORWARD, ZV_RD_FORWARD);
	expect(2, 0x400, ZV_WR_FORWARD, ZV_RD_SHADOW);
	expect(2, 0x414, ZV_WR_IGNORE, ZV_RD_SHADOW);
	expect(2, 0x41c, ZV_WR_FORWARD, ZV_RD_SHADOW);
	expect(2, 0xfe0, ZV_WR_IGNORE, ZV_RD_SHADOW);
}

static void test_virtio_slots(void **state)
{
	(void)state;
	assert_int_equal(run(32, 0), 0);
	for (uint32_t i = 0; i < 32; i++) {
		struct shadow_slot slot = shadow_layout_slot(i);
		const struct zv_shadow_action *a =
			&table.action[slot.shadow][slot.offset / 4];

		assert_int_equal(slot.shadow, 3 + i / 8);
		assert_int_equal(slot.offset, i % 8 * 0x200);
		assert_int_equal(slot.intid, 48 + i);
		assert_int_equal(slot.doorbell, i * 32);
		assert_int_equal(a[0x050 / 4].write, ZV_WR_DOORBELL);
		assert_int_equal(a[0x050 / 4].base, i * 32);
		assert_int_equal(a[0x050 / 4].count, queues_of(i));
		assert_int_equal(a[0x064 / 4].write, ZV_WR_W1C);
		assert_int_equal(a[0x064 / 4].word, slot.offset + 0x60);
		expect(slot.shadow, slot.offset, ZV_WR_IGNORE, ZV_RD_SHADOW);
		expect(slot.shadow, slot.offset + 0x60, ZV_WR_IGNORE,
		       ZV_RD_SHADOW);
		expect(slot.shadow, slot.offset + 0x70, ZV_WR_FORWARD,
		       ZV_RD_SHADOW);
		expect(slot.shadow, slot.offset + 0xfc, ZV_WR_IGNORE,
		       ZV_RD_SHADOW);
		expect(slot.shadow, slot.offset + 0x1fc, ZV_WR_FORWARD,
		       ZV_RD_SHADOW);
		assert_true(slot.doorbell + 32 <= ZV_DOORBELLS_MAX);
	}
}

static void test_pages(void **state)
{
	struct shadow_page pages[ZV_SHADOWS_MAX];
	struct zone_def def = { 0 };

	(void)state;
	assert_int_equal(shadow_layout_pages(&def, pages), 3);
	assert_int_equal(pages[0].gpa, 0x09000000);
	assert_int_equal(pages[1].gpa, 0x09010000);
	assert_int_equal(pages[2].gpa, 0x09030000);
	assert_int_equal(pages[2].flags, ZV_SHADOW_TRAP_READS);
	def.device_count = 8;
	assert_int_equal(shadow_layout_pages(&def, pages), 4);
	def.device_count = 9;
	assert_int_equal(shadow_layout_pages(&def, pages), 5);
	assert_int_equal(pages[4].gpa, 0x0a001000);
	assert_int_equal(pages[4].flags, 0);
	def.device_count = 32;
	assert_int_equal(shadow_layout_pages(&def, pages), 7);
}

static void test_failure_stops(void **state)
{
	(void)state;
	assert_int_equal(run(2, 0), 0);
	for (int at = (int)table.batches; at > 0; at--) {
		assert_int_equal(run(2, at), -5);
		assert_int_equal(table.batches, at);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_uart),
		cmocka_unit_test(test_rtc_and_gpio),
		cmocka_unit_test(test_virtio_slots),
		cmocka_unit_test(test_pages),
		cmocka_unit_test(test_failure_stops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
