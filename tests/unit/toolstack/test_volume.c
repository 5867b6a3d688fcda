// SPDX-License-Identifier: BSD-2-Clause
/* Pools and volumes: what is one, and what is left alone. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmocka_all.h"
#include "pool.h"
#include "volume.h"

static struct pool pool = { .name = "p", .started = true, .active = true };
static struct vir_error_text error;

static int setup(void **state)
{
	(void)state;
	strcpy(pool.path, "/tmp/test_volume.XXXXXX");
	return mkdtemp(pool.path) ? 0 : -1;
}

static int teardown(void **state)
{
	char command[POOL_PATH_MAX + 16];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", pool.path);
	return system(command);
}

static const char *at(const char *name)
{
	static char path[POOL_PATH_MAX + NAME_MAX + 2];

	snprintf(path, sizeof(path), "%s/%s", pool.path, name);
	return path;
}

static void put(const char *name, const char *text)
{
	FILE *f = fopen(at(name), "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static bool is_there(const char *name)
{
	struct stat st;

	return lstat(at(name), &st) == 0;
}

static void test_what_is_a_volume(void **state)
{
	static const char *const others[] = { "link", "folder", "fifo",
					      ".dot", "a\x01",	"x/y",
					      "../b", "",	"none" };
	struct volume volume;
	uint32_t count;
	char **names;

	(void)state;
	put("b", "text");
	put(".dot", "");
	put("a\x01", "");
	assert_int_equal(symlink("b", at("link")), 0);
	assert_int_equal(mkdir(at("folder"), 0700), 0);
	assert_int_equal(mkfifo(at("fifo"), 0600), 0);
	put("folder/y", "");
	assert_int_equal(volume_get(&pool, "b", &volume, &error), 0);
	assert_int_equal(volume.capacity, 4);
	assert_false(volume.qcow2);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		assert_int_equal(volume_get(&pool, others[i], &volume, &error),
				 -1);
		assert_int_equal(error.code, VIR_ERR_NO_STORAGE_VOL);
		assert_int_equal(volume_delete(&pool, others[i], &error), -1);
	}
	assert_true(is_there("link") && is_there("fifo") && is_there("folder"));
	assert_int_equal(volume_get(&pool, "folder/y", &volume, &error), -1);
	assert_int_equal(volume_names(&pool, &names, &count, &error), 0);
	assert_int_equal(count, 1);
	assert_string_equal(names[0], "b");
	volume_names_free(names, count);
}

static void test_not_active(void **state)
{
	struct pool off = pool;
	struct volume volume;

	(void)state;
	put("b", "");
	off.active = false;
	assert_int_equal(volume_get(&off, "b", &volume, &error), -1);
	assert_int_equal(error.code, VIR_ERR_OPERATION_INVALID);
	assert_int_equal(volume_delete(&off, "b", &error), -1);
	assert_true(is_there("b"));
}

static void test_in_use(void **state)
{
	struct volume_plan plan = { .name = "copy", .capacity = 512 };
	atomic_bool gone = false;
	int fd;

	(void)state;
	put("b", "text");
	fd = open(at("b"), O_RDONLY);
	assert_int_equal(flock(fd, LOCK_SH), 0);
	assert_int_equal(volume_delete(&pool, "b", &error), -1);
	assert_int_equal(error.code, VIR_ERR_OPERATION_INVALID);
	assert_int_equal(volume_clone(&pool, &plan, &pool, "b", &gone, &error),
			 0);
	unlink(at("copy"));
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(volume_clone(&pool, &plan, &pool, "b", &gone, &error),
			 -1);
	assert_int_equal(error.code, VIR_ERR_OPERATION_INVALID);
	close(fd);
	assert_int_equal(volume_delete(&pool, "b", &error), 0);
	assert_false(is_there("b"));
	assert_false(is_there("copy"));
}

static void test_create(void **state)
{
	struct volume_plan plan = { .name = "new", .capacity = 1 << 20 };
	struct volume volume;

	(void)state;
	assert_int_equal(volume_create(&pool, &plan, &error), 0);
	assert_int_equal(volume_get(&pool, "new", &volume, &error), 0);
	assert_int_equal(volume.capacity, 1 << 20);
	assert_int_equal(volume.mode, 0600);
	assert_int_equal(volume_create(&pool, &plan, &error), -1);
	assert_int_equal(error.code, VIR_ERR_STORAGE_VOL_EXIST);
	assert_true(is_there("new"));
	/* more than there is, and nothing stays behind */
	strcpy(plan.name, "huge");
	plan.capacity = 1ull << 62;
	plan.allocation = plan.capacity;
	assert_int_equal(volume_create(&pool, &plan, &error), -1);
	assert_false(is_there("huge"));
}

static void test_clone_that_is_given_up(void **state)
{
	struct volume_plan plan = { .name = "copy" };
	atomic_bool gone = true;
	int rc;

	(void)state;
	put("b", "text");
	rc = volume_clone(&pool, &plan, &pool, "b", &gone, &error);
	/* one that the file system does at once is done */
	assert_int_equal(is_there("copy"), rc == 0);
}

static void test_volume_xml(void **state)
{
	static const struct {
		const char *xml;
		int code; /* 0: good */
	} rows[] = {
		{ "<volume><name>v</name><capacity>1</capacity></volume>", 0 },
		{ "<volume><name>v</name><capacity>0</capacity></volume>",
		  VIR_ERR_XML_ERROR },
		{ "<volume><name>v</name></volume>", VIR_ERR_XML_ERROR },
		{ "<volume><name>../v</name><capacity>1</capacity></volume>",
		  VIR_ERR_XML_ERROR },
		{ "<volume><name>.v</name><capacity>1</capacity></volume>",
		  VIR_ERR_XML_ERROR },
		{ "<volume><name>v</name><capacity unit='EiB'>16</capacity>"
		  "</volume>",
		  VIR_ERR_XML_ERROR },
		{ "<volume><name>v</name><capacity unit='EiB'>5</capacity>"
		  "</volume>",
		  VIR_ERR_XML_ERROR },
		{ "<volume><name>v</name><capacity>1</capacity><target>"
		  "<format type='qcow2'/></target></volume>",
		  VIR_ERR_CONFIG_UNSUPPORTED },
		{ "<volume><name>v</name><capacity>1</capacity>"
		  "<backingStore/></volume>",
		  VIR_ERR_CONFIG_UNSUPPORTED },
	};
	struct volume_plan plan;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int rc = volume_parse(rows[i].xml, &plan, &error);

		assert_int_equal(rc, rows[i].code ? -1 : 0);
		if (rc < 0) {
			assert_int_equal(error.code, rows[i].code);
		} else {
			assert_int_equal(plan.capacity, 512);
			assert_int_equal(plan.allocation, 512);
		}
	}
}

static void test_pool_paths(void **state)
{
	static const struct {
		const char *path;
		bool good;
	} rows[] = {
		{ "/a", true },	    { "/a/b/", true },	{ "/a/..b", true },
		{ "/", false },	    { "", false },	{ "a", false },
		{ "/a/..", false }, { "/../a", false }, { "/a/./b", false },
		{ "/a//b", false },
	};
	struct pool made;
	char xml[256];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(xml, sizeof(xml),
			 "<pool type='dir'><name>n</name><target><path>%s"
			 "</path></target></pool>",
			 rows[i].path);
		assert_int_equal(pool_parse(xml, &made, &error),
				 rows[i].good ? 0 : -1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_what_is_a_volume, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_not_active, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_in_use, setup, teardown),
		cmocka_unit_test_setup_teardown(test_create, setup, teardown),
		cmocka_unit_test_setup_teardown(test_clone_that_is_given_up,
						setup, teardown),
		cmocka_unit_test(test_volume_xml),
		cmocka_unit_test(test_pool_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
