/* SPDX-License-Identifier: BSD-2-Clause */
/* The file of a dump where others can write, too: what is touched is ours. */
#include "dump_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmocka_all.h"

static char top[32];
static char dir[64];
static char away[64];
static char path[128];
static struct dump_file file;
static const char *what;

static const char *in(const char *folder, const char *name)
{
	static char text[2][192];
	static int turn;

	turn = !turn;
	snprintf(text[turn], sizeof(text[turn]), "%s/%s", folder, name);
	return text[turn];
}

static void put(const char *at)
{
	int fd = open(at, O_WRONLY | O_CREAT | O_EXCL, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "precious", 8), 8);
	close(fd);
}

static bool is_precious(const char *at)
{
	struct stat st;

	return lstat(at, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 8;
}

static bool exists(const char *at)
{
	struct stat st;

	return lstat(at, &st) == 0;
}

/* In its folder. */
static int entries(void)
{
	DIR *stream = opendir(dir);
	int count = -2; /* . and .. */

	assert_non_null(stream);
	while (readdir(stream)) {
		count++;
	}
	closedir(stream);
	return count;
}

static int setup(void **state)
{
	(void)state;
	snprintf(top, sizeof(top), "/tmp/dump-test-XXXXXX");
	assert_non_null(mkdtemp(top));
	snprintf(dir, sizeof(dir), "%s/dir", top);
	snprintf(away, sizeof(away), "%s/away", top);
	snprintf(path, sizeof(path), "%s/core", dir);
	assert_int_equal(mkdir(dir, 0700), 0);
	file = (struct dump_file)DUMP_FILE_NONE;
	return 0;
}

static int teardown(void **state)
{
	char command[64];

	(void)state;
	assert_int_equal(file.fd, -1);
	assert_int_equal(file.dir, -1);
	snprintf(command, sizeof(command), "rm -rf %s", top);
	return system(command);
}

static int make(bool force)
{
	return dump_file_make(&file, path, force, &what);
}

static void test_kept(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(make(false), 0);
	assert_int_equal(write(file.fd, "x", 1), 1);
	assert_int_equal(dump_file_close(&file), 0);
	assert_int_equal(file.fd, -1);
	dump_file_keep(&file);
	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	assert_int_equal(st.st_size, 1);
}

static void test_removed(void **state)
{
	(void)state;
	assert_int_equal(make(false), 0);
	dump_file_remove(&file);
	assert_false(exists(path));
	/* Also one that is closed, and none at all. */
	assert_int_equal(make(false), 0);
	assert_int_equal(dump_file_close(&file), 0);
	dump_file_remove(&file);
	assert_false(exists(path));
	dump_file_remove(&file);
	assert_int_equal(dump_file_close(&file), 0);
}

static void test_what_is_there(void **state)
{
	(void)state;
	put(path);
	assert_int_equal(make(false), -EEXIST);
	assert_string_equal(what, "make");
	dump_file_remove(&file); /* it is not ours */
	assert_true(is_precious(path));
	/* With force it stays until the new one is complete. */
	assert_int_equal(make(true), 0);
	assert_true(is_precious(path));
	assert_int_equal(entries(), 2);
	dump_file_remove(&file);
	assert_true(is_precious(path));
	assert_int_equal(entries(), 1);
	assert_int_equal(make(true), 0);
	assert_int_equal(dump_file_close(&file), 0);
	assert_int_equal(dump_file_complete(&file, &what), 0);
	assert_false(is_precious(path));
	assert_int_equal(entries(), 1);
	dump_file_remove(&file);
	assert_int_equal(entries(), 0);
	/* There may be nothing to replace. */
	assert_int_equal(make(true), 0);
	assert_false(exists(path));
	assert_int_equal(dump_file_complete(&file, &what), 0);
	dump_file_remove(&file);
}

/* While it is written, what it is to replace becomes a folder, or it is moved. */
static void test_cannot_replace(void **state)
{
	(void)state;
	put(path);
	assert_int_equal(make(true), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(dump_file_complete(&file, &what), -ENOTSUP);
	assert_string_equal(what, "replace");
	assert_int_equal(entries(), 2);
	dump_file_remove(&file);
	assert_int_equal(entries(), 1);
	assert_int_equal(rmdir(path), 0);
	put(path);
	assert_int_equal(make(true), 0);
	assert_int_equal(rename(in(dir, file.name), in(top, "moved")), 0);
	put(in(dir, file.name));
	assert_int_equal(dump_file_complete(&file, &what), -ESTALE);
	assert_true(is_precious(path) && is_precious(in(dir, file.name)));
	dump_file_remove(&file);
	assert_int_equal(entries(), 2);
}

static void test_links(void **state)
{
	(void)state;
	put(in(top, "target"));
	assert_int_equal(symlink(in(top, "target"), path), 0);
	assert_int_equal(make(false), -EEXIST);
	assert_int_equal(make(true), -ENOTSUP);
	assert_string_equal(what, "replace");
	assert_true(is_precious(in(top, "target")));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink(in(top, "nowhere"), path), 0);
	assert_int_equal(make(false), -EEXIST);
	assert_int_equal(make(true), -ENOTSUP);
	assert_false(exists(in(top, "nowhere")));
}

static void test_paths(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "%s/no/where", top);
	assert_int_equal(make(false), -ENOENT);
	snprintf(path, sizeof(path), "%s/", dir);
	assert_int_equal(make(true), -ENOENT);
	snprintf(path, sizeof(path), "%s", dir);
	assert_int_equal(make(true), -ENOTSUP);
	snprintf(path, sizeof(path), "core");
	assert_int_equal(make(false), -EINVAL);
}

static void test_long_paths(void **state)
{
	char name[NAME_MAX + 2];
	char long_path[2 * PATH_MAX];

	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	snprintf(long_path, sizeof(long_path), "%s/%s", dir, name);
	assert_int_equal(dump_file_make(&file, long_path, false, &what),
			 -ENAMETOOLONG);
	name[NAME_MAX] = '\0';
	snprintf(long_path, sizeof(long_path), "%s/%s", dir, name);
	assert_int_equal(dump_file_make(&file, long_path, false, &what), 0);
	dump_file_keep(&file);
	assert_int_equal(dump_file_make(&file, long_path, true, &what), 0);
	assert_int_equal(entries(), 2);
	assert_int_equal(dump_file_complete(&file, &what), 0);
	dump_file_remove(&file);
	assert_int_equal(entries(), 0);
	memset(long_path, '/', sizeof(long_path));
	snprintf(long_path + PATH_MAX, 8, "/core");
	assert_int_equal(dump_file_make(&file, long_path, false, &what),
			 -ENAMETOOLONG);
}

/* While it is written, its name becomes another's. */
static void test_another_is_there(void **state)
{
	(void)state;
	assert_int_equal(make(false), 0);
	assert_int_equal(rename(path, in(dir, "moved")), 0);
	put(path);
	dump_file_remove(&file);
	assert_true(is_precious(path));
	assert_true(exists(in(dir, "moved")));
}

/* While it is written, a folder of its path becomes another, or a link. */
static void test_another_folder(void **state)
{
	(void)state;
	for (int link = 0; link < 2; link++) {
		assert_int_equal(make(false), 0);
		assert_int_equal(rename(dir, away), 0);
		assert_int_equal(mkdir(in(top, "etc"), 0700), 0);
		put(in(in(top, "etc"), "core"));
		assert_int_equal(link ? symlink(in(top, "etc"), dir)
				      : rename(in(top, "etc"), dir),
				 0);
		dump_file_remove(&file);
		assert_true(is_precious(path));
		assert_false(exists(in(away, "core")));
		/* As it was. */
		assert_int_equal(unlink(path), 0);
		assert_int_equal(link ? unlink(dir) : rmdir(dir), 0);
		assert_int_equal(rename(away, dir), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(test_removed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_is_there, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_cannot_replace, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_links, setup, teardown),
		cmocka_unit_test_setup_teardown(test_paths, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_paths, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_another_is_there, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_another_folder, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
