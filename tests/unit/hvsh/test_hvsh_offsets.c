// SPDX-License-Identifier: BSD-2-Clause
/* Where consoles were left: kept for one run of one zone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "hvsh.h"

static char dir[] = "/tmp/hvsh-test-XXXXXX";

static int setup(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(dir));
	return setenv("XDG_CACHE_HOME", dir, 1);
}

static int teardown(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", dir);
	return system(command);
}

static void test_round_trip(void **state)
{
	struct offset_key key = { "uuid-1", "console0", 7 };
	struct offset_key other_run = { "uuid-1", "console0", 8 };
	struct offset_key other_device = { "uuid-1", NULL, 7 };
	uint64_t offset = 5;

	(void)state;
	assert_false(offset_load(&key, &offset));
	assert_int_equal(offset, 5);
	offset_save(&key, UINT64_MAX);
	assert_true(offset_load(&key, &offset));
	assert_true(offset == UINT64_MAX);
	assert_false(offset_load(&other_run, &offset));
	assert_false(offset_load(&other_device, &offset));
	offset_save(&key, 3);
	assert_true(offset_load(&key, &offset));
	assert_int_equal(offset, 3);
}

/* The daemon's words never name another folder. */
static void test_names_are_tamed(void **state)
{
	struct offset_key key = { "../../../evil", "a/b", 1 };
	char path[128];
	uint64_t offset;

	(void)state;
	offset_save(&key, 9);
	assert_true(offset_load(&key, &offset));
	snprintf(path, sizeof(path), "%s/hvsh/console/_________evil-a_b", dir);
	assert_int_equal(access(path, R_OK), 0);
}

static void test_damaged_files(void **state)
{
	static const char *const texts[] = { "", "x", "7", "7 x", "seven 8" };
	struct offset_key key = { "damaged", "d", 7 };
	uint64_t offset;
	char path[128];
	FILE *file;

	(void)state;
	snprintf(path, sizeof(path), "%s/hvsh/console/damaged-d", dir);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		file = fopen(path, "w");
		assert_non_null(file);
		fputs(texts[i], file);
		fclose(file);
		assert_false(offset_load(&key, &offset));
	}
}

static void test_no_folder(void **state)
{
	struct offset_key key = { "u", "d", 1 };
	uint64_t offset;

	(void)state;
	setenv("XDG_CACHE_HOME", "/proc/nonexistent", 1);
	offset_save(&key, 1);
	assert_false(offset_load(&key, &offset));
	assert_null(cache_path("history"));
	setenv("XDG_CACHE_HOME", "relative", 1);
	unsetenv("HOME");
	assert_null(cache_path("history"));
	setenv("XDG_CACHE_HOME", dir, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_names_are_tamed),
		cmocka_unit_test(test_damaged_files),
		cmocka_unit_test(test_no_folder),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
