/* SPDX-License-Identifier: BSD-2-Clause */
#include "store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmocka_all.h"

static char dir[] = "/tmp/store-test-XXXXXX";

struct found {
	unsigned int count;
	char name[64];
	char text[256];
};

static const char *collect(void *arg, const char *name, const char *text,
			   size_t len)
{
	struct found *found = arg;

	assert_int_equal(strlen(text), len);
	found->count++;
	snprintf(found->name, sizeof(found->name), "%s", name);
	snprintf(found->text, sizeof(found->text), "%s", text);
	return NULL;
}

static struct found load(void)
{
	struct found found = { 0 };

	assert_int_equal(store_load(dir, collect, &found), 0);
	return found;
}

static void put(const char *file, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int setup(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(dir));
	return 0;
}

static int teardown(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", dir);
	return system(command);
}

static void test_save_replace_remove(void **state)
{
	struct zerror error;
	struct found found;

	(void)state;
	assert_int_equal(store_save(dir, "z", "one", &error), 0);
	assert_int_equal(store_save(dir, "z", "two", &error), 0);
	found = load();
	assert_int_equal(found.count, 1);
	assert_string_equal(found.name, "z");
	assert_string_equal(found.text, "two");
	assert_int_equal(store_remove(dir, "z", &error), 0);
	assert_int_equal(store_remove(dir, "z", &error), 0);
	assert_int_equal(load().count, 0);
}

static void test_leftovers_are_removed(void **state)
{
	char path[128];

	(void)state;
	put("z.json.new", "half");
	assert_int_equal(load().count, 0);
	snprintf(path, sizeof(path), "%s/z.json.new", dir);
	assert_int_equal(access(path, F_OK), -1);
}

static void test_odd_files_are_skipped(void **state)
{
	struct found found;
	char path[128];
	char *big = malloc(STORE_FILE_MAX + 2);

	(void)state;
	put("-bad-name.json", "x");
	put(".hidden.json", "x");
	put("readme.txt", "x");
	put("good.json", "x");
	memset(big, 'x', STORE_FILE_MAX + 1);
	big[STORE_FILE_MAX + 1] = '\0';
	put("big.json", big);
	free(big);
	snprintf(path, sizeof(path), "%s/dir.json", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/fifo.json", dir);
	assert_int_equal(mkfifo(path, 0700), 0); /* must not be waited for */
	snprintf(path, sizeof(path), "%s/dangling.json", dir);
	assert_int_equal(symlink("/nonexistent", path), 0);
	found = load();
	assert_int_equal(found.count, 1);
	assert_string_equal(found.name, "good");
}

static void test_missing_dir(void **state)
{
	struct found found = { 0 };
	struct zerror error;

	(void)state;
	assert_int_equal(store_load("/nonexistent/x", collect, &found),
			 -ENOENT);
	assert_int_equal(store_save("/nonexistent/x", "z", "t", &error), -1);
	assert_non_null(strstr(error.message, "/nonexistent/x/z.json"));
}

static void test_make_dir(void **state)
{
	char path[128];
	struct stat st;

	(void)state;
	snprintf(path, sizeof(path), "%s/a/b/c", dir);
	assert_int_equal(store_make_dir(path, 0700), 0);
	assert_int_equal(store_make_dir(path, 0700), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	snprintf(path, sizeof(path), "%s/good.json/c", dir);
	assert_int_equal(store_make_dir(path, 0700), -ENOTDIR);
	assert_int_equal(store_make_dir("", 0700), -ENAMETOOLONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_save_replace_remove),
		cmocka_unit_test(test_leftovers_are_removed),
		cmocka_unit_test(test_odd_files_are_skipped),
		cmocka_unit_test(test_missing_dir),
		cmocka_unit_test(test_make_dir),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
