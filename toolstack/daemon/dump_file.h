/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The file of a dump or of a screenshot, which is new and ours, or is removed.  hvd
 * is root, and others may be able to write where the file is to be: its directory
 * is looked up once, so that whoever exchanges a part of the path meanwhile does not
 * choose what is replaced or removed, and only the file that was made here is
 * removed.  One that is to be replaced stays until the new one is complete, which
 * has another name until then.
 */
#ifndef ZV_TOOLSTACK_DAEMON_DUMP_FILE_H
#define ZV_TOOLSTACK_DAEMON_DUMP_FILE_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "zerror.h"

struct dump_file {
	int fd; /* -1: closed */
	int dir; /* -1: there is no file of ours */
	dev_t device;
	ino_t inode;
	char becomes[NAME_MAX + 1]; /* when it is complete; "": it is already */
	char name[NAME_MAX + 1]; /* in dir */
};

#define DUMP_FILE_NONE              \
	{                           \
		.fd = -1, .dir = -1 \
	}

/*
 * Makes it, of mode 0600; force: in place of a regular file, if there is one.
 * path: absolute.  0 or -errno, and *ret_what is what cannot be done; -ENOTSUP:
 * what is to be replaced is no regular file.  f: none.
 */
int dump_file_make(struct dump_file *f, const char *path, bool force,
		   const char **ret_what);

/* What to tell who has given path ("$.path"): what cannot be done, and why. */
int dump_file_fail(const char *path, const char *what, int err,
		   struct zerror *ret_error);

/*
 * Also what the file system tells only then: 0 or -errno.  What replaces something
 * is on the disk then.
 */
int dump_file_close(struct dump_file *f);

/*
 * It is closed, complete, and gets its name: 0, or what dump_file_make() returns and
 * tells.  It is still to be kept, or removed.
 */
int dump_file_complete(struct dump_file *f, const char **ret_what);

/* Closes and removes it, if it is still there, or there is one at all. */
void dump_file_remove(struct dump_file *f);

/* It stays as it is: f is none. */
void dump_file_keep(struct dump_file *f);

#endif /* ZV_TOOLSTACK_DAEMON_DUMP_FILE_H */
