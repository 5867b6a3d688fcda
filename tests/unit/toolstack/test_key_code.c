/* SPDX-License-Identifier: BSD-2-Clause */
/* Codes of other keyboards: the ends of each run of the tables, and beyond. */
#include "key_code.h"

#include <libvirt/libvirt.h>
#include <linux/input-event-codes.h>

#include "cmocka_all.h"

static void test_usb(void **state)
{
	static const struct {
		uint32_t code;
		int key;
	} cases[] = {
		{ 0, -1 },
		{ 0x03, -1 },
		{ 0x04, KEY_A },
		{ 0x1d, KEY_Z },
		{ 0x1e, KEY_1 },
		{ 0x27, KEY_0 },
		{ 0x28, KEY_ENTER },
		{ 0x2c, KEY_SPACE },
		{ 0x31, KEY_BACKSLASH },
		{ 0x32, KEY_BACKSLASH },
		{ 0x33, KEY_SEMICOLON },
		{ 0x39, KEY_CAPSLOCK },
		{ 0x3a, KEY_F1 },
		{ 0x45, KEY_F12 },
		{ 0x46, KEY_SYSRQ },
		{ 0x4c, KEY_DELETE },
		{ 0x4f, KEY_RIGHT },
		{ 0x52, KEY_UP },
		{ 0x53, KEY_NUMLOCK },
		{ 0x59, KEY_KP1 },
		{ 0x63, KEY_KPDOT },
		{ 0x64, KEY_102ND },
		{ 0x67, KEY_KPEQUAL },
		{ 0x68, KEY_F13 },
		{ 0x73, KEY_F24 },
		{ 0x74, -1 },
		{ 0xdf, -1 },
		{ 0xe0, KEY_LEFTCTRL },
		{ 0xe3, KEY_LEFTMETA },
		{ 0xe4, KEY_RIGHTCTRL },
		{ 0xe7, KEY_RIGHTMETA },
		{ 0xe8, -1 },
		{ 0x104, -1 },
		{ UINT32_MAX, -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(
			key_code_of(VIR_KEYCODE_SET_USB, cases[i].code),
			cases[i].key);
	}
}

static void test_linux(void **state)
{
	(void)state;
	assert_int_equal(key_code_of(VIR_KEYCODE_SET_LINUX, 0), -1);
	assert_int_equal(key_code_of(VIR_KEYCODE_SET_LINUX, 1), KEY_ESC);
	assert_int_equal(key_code_of(VIR_KEYCODE_SET_LINUX, KEY_MAX - 1),
			 KEY_MAX - 1);
	assert_int_equal(key_code_of(VIR_KEYCODE_SET_LINUX, KEY_MAX), -1);
	assert_int_equal(key_code_of(VIR_KEYCODE_SET_LINUX, UINT32_MAX), -1);
}

/* One byte, and no prefix. */
static void test_pc(void **state)
{
	static const uint32_t sets[] = { VIR_KEYCODE_SET_XT,
					 VIR_KEYCODE_SET_ATSET1,
					 VIR_KEYCODE_SET_QNUM };

	(void)state;
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		assert_int_equal(key_code_of(sets[i], 0), -1);
		assert_int_equal(key_code_of(sets[i], 0x1e), KEY_A);
		assert_int_equal(key_code_of(sets[i], 0x53), KEY_KPDOT);
		assert_int_equal(key_code_of(sets[i], 0x54), -1);
		assert_int_equal(key_code_of(sets[i], 0x56), KEY_102ND);
		assert_int_equal(key_code_of(sets[i], 0x58), KEY_F12);
		assert_int_equal(key_code_of(sets[i], 0x59), -1);
		assert_int_equal(key_code_of(sets[i], 0xe01d), -1);
	}
}

static void test_sets(void **state)
{
	static const uint32_t others[] = { VIR_KEYCODE_SET_ATSET2,
					   VIR_KEYCODE_SET_WIN32,
					   VIR_KEYCODE_SET_OSX, UINT32_MAX };

	(void)state;
	assert_true(key_code_set_is_known(VIR_KEYCODE_SET_LINUX));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		assert_false(key_code_set_is_known(others[i]));
		assert_int_equal(key_code_of(others[i], 1), -1);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_usb),
		cmocka_unit_test(test_linux),
		cmocka_unit_test(test_pc),
		cmocka_unit_test(test_sets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
