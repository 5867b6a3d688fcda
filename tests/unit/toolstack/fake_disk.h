/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file system in memory behind the system calls that store.c makes (wrapped
 * when the test is linked), which knows what a disk may hold after a power cut:
 *
 *   - data of a file that was not synced may be missing, cut off anywhere, or
 *     zeros in part; once fsync(file) has returned it is there;
 *   - each change of a directory (a name made, removed, renamed) may be there or
 *     not, whatever became of those before it; once fsync(directory) has
 *     returned all are.  fsync(file) says nothing about its name.
 *
 * All paths under FAKE_DISK belong to it; other files are the real ones.
 */
#ifndef ZV_TESTS_UNIT_TOOLSTACK_FAKE_DISK_H
#define ZV_TESTS_UNIT_TOOLSTACK_FAKE_DISK_H

#include <stdbool.h>

#define FAKE_DISK "/fake-disk"

/* An empty file system, on the disk. */
void fake_disk_format(void);

/* The call that comes after so many fails; -1: none. */
struct fake_disk_fault {
	int after;
	int err;
	bool lasting; /* so do all that follow, until it is cleared */
	bool half; /* a write that fails did half of it, as reads do */
	bool short_; /* a write does half of it, and succeeds */
};

void fake_disk_set_fault(const struct fake_disk_fault *fault);
int fake_disk_calls(void); /* since then */

/* What a file system cannot: exchange two names. */
void fake_disk_set_plain(bool plain);

int fake_disk_open_files(void);

/*
 * Cuts the power: the file system becomes state number n of those that the disk
 * may hold.  false: there are not so many.  fake_disk_restore() makes it what it
 * was before the cut.
 */
void fake_disk_keep(void);
bool fake_disk_cut(unsigned int n);
void fake_disk_restore(void);

/* What it holds as all see it; NULL: no such file. */
const char *fake_disk_text(const char *path);

#endif /* ZV_TESTS_UNIT_TOOLSTACK_FAKE_DISK_H */
