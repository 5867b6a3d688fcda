/* SPDX-License-Identifier: BSD-2-Clause */
/* The file of video memory: made anew, found again, and nothing else in its place. */
#include "video_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmocka_all.h"

#define SIZE (4u << 20)
#define IN_DEF "$.devices[0].memory"

static char dir[64];
static char path[96];
static char other[96];

static int make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/video-test-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/z1", dir);
	snprintf(other, sizeof(other), "%s/other", dir);
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	unlink(path);
	unlink(other);
	rmdir(path);
	return rmdir(dir);
}

static int open_it(bool keep)
{
	struct zerror error;

	return video_file_open(path, SIZE, keep, IN_DEF, &error);
}

static ino_t inode_of(int fd)
{
	struct stat st;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_int_equal(st.st_size, SIZE);
	assert_true((uint64_t)st.st_blocks * 512 >= SIZE);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDWR);
	close(fd);
	return st.st_ino;
}

static void put(const char *where, const char *text)
{
	FILE *file = fopen(where, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static char first_byte(const char *where)
{
	char byte = 0;
	int fd = open(where, O_RDONLY);

	assert_int_equal(read(fd, &byte, 1), 1);
	close(fd);
	return byte;
}

static void test_kept_or_made_anew(void **state)
{
	ino_t first = inode_of(open_it(false));
	int fd = open_it(true);

	(void)state;
	assert_int_equal(pwrite(fd, "x", 1, 0), 1);
	assert_int_equal(inode_of(fd), first);
	assert_int_equal(first_byte(path), 'x');
	inode_of(open_it(false));
	assert_int_equal(first_byte(path), 0);
}

/* It is made if it is not there, or is not whole. */
static void test_what_cannot_be_kept(void **state)
{
	int fd;

	(void)state;
	inode_of(open_it(true));
	put(path, "x");
	inode_of(open_it(true));
	assert_int_equal(first_byte(path), 0);
	put(path, "x");
	assert_int_equal(truncate(path, SIZE), 0); /* with a hole */
	inode_of(open_it(true));
	assert_int_equal(first_byte(path), 0);
	fd = open(path, O_WRONLY);
	assert_int_equal(posix_fallocate(fd, 0, 2 * SIZE), 0);
	close(fd);
	inode_of(open_it(true));
}

/* What it leads to is left alone. */
static void test_links(void **state)
{
	ino_t first;
	int fd;

	(void)state;
	for (unsigned int keep = 0; keep < 2; keep++) {
		put(other, "o");
		assert_int_equal(symlink(other, path), 0);
		fd = open(other, O_RDWR); /* as if it were one */
		assert_int_equal(posix_fallocate(fd, 0, SIZE), 0);
		assert_int_equal(fchmod(fd, 0600), 0);
		first = inode_of(fd);
		assert_int_not_equal(inode_of(open_it(keep != 0)), first);
		assert_int_equal(first_byte(other), 'o');
		unlink(path);
	}
	/* a second name of what would do otherwise */
	first = inode_of(open_it(false));
	unlink(other);
	assert_int_equal(link(path, other), 0);
	assert_int_not_equal(inode_of(open_it(true)), first);
}

static void test_a_link_in_its_place_is_not_looked_at(void **state)
{
	(void)state;
	put(other, "o");
	assert_int_equal(symlink(other, path), 0);
	assert_int_equal(video_file_open_readonly(path), -ELOOP);
	unlink(path);
	assert_int_equal(video_file_open_readonly(path), -ENOENT);
}

static void test_a_folder_in_its_place(void **state)
{
	struct zerror error;

	(void)state;
	assert_int_equal(mkdir(path, 0700), 0);
	for (unsigned int keep = 0; keep < 2; keep++) {
		assert_int_equal(
			video_file_open(path, SIZE, keep != 0, IN_DEF, &error),
			-1);
		assert_int_equal(error.code, ZERROR_IO_ERROR);
		assert_string_equal(error.path, IN_DEF);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_kept_or_made_anew,
						make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_what_cannot_be_kept,
						make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_links, make_dir,
						remove_dir),
		cmocka_unit_test_setup_teardown(
			test_a_link_in_its_place_is_not_looked_at, make_dir,
			remove_dir),
		cmocka_unit_test_setup_teardown(test_a_folder_in_its_place,
						make_dir, remove_dir),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
