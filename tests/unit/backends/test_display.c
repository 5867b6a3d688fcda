/* SPDX-License-Identifier: BSD-2-Clause */
/* What hvd-display believes of a device, and of what viewers press. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <linux/input-event-codes.h>

#include "display/display_keys.h"
#include "display/display_picture.h"
#include "gpu/gpu_wire.h"

#define MEMORY (1u << 20)

static const struct display_scanout good = {
	.format = GPU_B8G8R8X8,
	.width = 100,
	.height = 50,
	.stride = 512,
	.offset = 4096,
};

static void a_picture_lies_inside(void **state)
{
	struct display_scanout p = good;

	(void)state;
	assert_true(display_picture_fits(&p, MEMORY));
	/* The last row ends where its pixels do. */
	p.offset = MEMORY - (49 * 512 + 400);
	assert_true(display_picture_fits(&p, MEMORY));
	p.offset += 4;
	assert_false(display_picture_fits(&p, MEMORY));
	p.offset = UINT64_MAX - 3;
	assert_false(display_picture_fits(&p, MEMORY));
	p = good;
	p.height = 1u << 14;
	assert_false(display_picture_fits(&p, MEMORY));
}

static void a_picture_makes_sense(void **state)
{
	struct display_scanout p = good;

	(void)state;
	p.format = 5;
	assert_false(display_picture_fits(&p, MEMORY));
	p = good;
	p.width = 0;
	assert_false(display_picture_fits(&p, MEMORY));
	p = good;
	p.height = 0;
	assert_false(display_picture_fits(&p, MEMORY));
	p = good;
	p.stride = 396;
	assert_false(display_picture_fits(&p, MEMORY));
	p = good;
	p.stride = 514;
	assert_false(display_picture_fits(&p, MEMORY));
	p = good;
	p.offset = 2;
	assert_false(display_picture_fits(&p, MEMORY));
	/* libvncserver has ints for it. */
	p = good;
	p.height = 1;
	p.stride = 1u << 31;
	assert_false(display_picture_fits(&p, MEMORY));
	p = good;
	p.width = DISPLAY_SIDE_MAX + 1;
	p.height = 1;
	p.stride = p.width * 4;
	assert_false(display_picture_fits(&p, MEMORY));
	p = good;
	p.height = DISPLAY_SIDE_MAX + 1;
	assert_false(display_picture_fits(&p, UINT64_MAX));
	p = (struct display_scanout){ .width = 7 };
	assert_true(display_picture_fits(&p, MEMORY));
}

static void damage_lies_inside(void **state)
{
	static const struct display_damage inside[] = {
		{ 0, 0, 100, 50 },
		{ 99, 49, 1, 1 },
	};
	static const struct display_damage outside[] = {
		{ 101, 0, 5, 1 },
		{ 0, 51, 1, 5 },
		{ 0, 0, 101, 1 },
		{ 0, 0, 1, 51 },
		{ 100, 0, UINT32_MAX, 1 },
		{ 0, 50, 1, UINT32_MAX },
		{ 1, 0, UINT32_MAX, 1 },
		{ 0, 1, 1, UINT32_MAX },
		{ 0, 0, 0, 1 },
		{ 0, 0, 1, 0 },
	};
	struct display_scanout none = good;

	(void)state;
	for (size_t i = 0; i < sizeof(inside) / sizeof(inside[0]); i++) {
		assert_true(display_damage_fits(&inside[i], &good));
	}
	for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
		assert_false(display_damage_fits(&outside[i], &good));
	}
	none.format = 0;
	assert_false(display_damage_fits(&inside[1], &none));
}

static void damage_adds_up(void **state)
{
	struct display_damage sum = { 0 };

	(void)state;
	display_damage_add(&sum, &(struct display_damage){ 10, 20, 5, 6 });
	assert_int_equal(sum.x, 10);
	assert_int_equal(sum.height, 6);
	display_damage_add(&sum, &(struct display_damage){ 2, 30, 3, 1 });
	assert_int_equal(sum.x, 2);
	assert_int_equal(sum.width, 13);
	assert_int_equal(sum.y, 20);
	assert_int_equal(sum.height, 11);
	display_damage_add(&sum, &(struct display_damage){ 3, 21, 1, 1 });
	assert_int_equal(sum.width, 13);
	assert_int_equal(sum.height, 11);
}

static void keys_have_codes(void **state)
{
	(void)state;
	assert_int_equal(display_key_of_symbol('Z'), KEY_Z);
	assert_int_equal(display_key_of_symbol('{'), KEY_LEFTBRACE);
	assert_int_equal(display_key_of_symbol('"'), KEY_APOSTROPHE);
	assert_int_equal(display_key_of_symbol('_'), KEY_MINUS);
	assert_int_equal(display_key_of_symbol('|'), KEY_BACKSLASH);
	assert_int_equal(display_key_of_symbol('`'), KEY_GRAVE);
	assert_int_equal(display_key_of_symbol(0), 0);
	assert_int_equal(display_key_of_symbol(0x7f), 0);
	assert_int_equal(display_key_of_symbol(UINT32_MAX), 0);
	assert_int_equal(display_key_of_scan_code(0), 0);
	assert_int_equal(display_key_of_scan_code(0x53), KEY_KPDOT);
	assert_int_equal(display_key_of_scan_code(0x55), 0);
	assert_int_equal(display_key_of_scan_code(0xb8), KEY_RIGHTALT);
	assert_int_equal(display_key_of_scan_code(0x100 | KEY_A), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_picture_lies_inside),
		cmocka_unit_test(a_picture_makes_sense),
		cmocka_unit_test(damage_lies_inside),
		cmocka_unit_test(damage_adds_up),
		cmocka_unit_test(keys_have_codes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
