/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Small text files, one per zone, in a directory: <dir>/<name>.json.  A file
 * is replaced as a whole or not at all, whenever the machine stops: written
 * under another name, synced, exchanged for the old one, the directory synced.
 * What was told to be done is on the disk; what failed is taken back.  All
 * functions block; they may run on any thread, one at a time per name.
 */
#ifndef ZV_TOOLSTACK_DAEMON_STORE_H
#define ZV_TOOLSTACK_DAEMON_STORE_H

#include <stddef.h>

#include "zerror.h"

#define STORE_FILE_MAX (128u << 10)

/* Makes the directory and its parents, on the disk.  0 or a negative errno. */
int store_make_dir(const char *dir, unsigned int mode);

int store_save(const char *dir, const char *name, const char *text,
	       struct zerror *ret_error);

/*
 * Gives a file new contents and another name, which no file has: both or none.
 * A machine that stops half-way may leave the new contents under the old name;
 * they must tell (the caller's format) that store_move() is to follow.
 */
int store_rename(const char *dir, const char *name, const char *new_name,
		 const char *text, struct zerror *ret_error);

/* The second half of the above.  Never replaces a file. */
int store_move(const char *dir, const char *name, const char *new_name,
	       struct zerror *ret_error);

/* A file that is not there is no error. */
int store_remove(const char *dir, const char *name, struct zerror *ret_error);

/*
 * Calls found() for each file in order of names, with its contents; it returns
 * NULL or why the file is of no use, and that is logged.  Unreadable files are
 * logged and skipped, leftovers of an interrupted save removed.  0 or a
 * negative errno for the directory itself.
 */
int store_load(const char *dir,
	       const char *(*found)(void *arg, const char *name,
				    const char *text, size_t len),
	       void *arg);

/* A whole file of at most max bytes, NUL added; free() it.  0 or -errno. */
int store_read_file(const char *path, size_t max, char **ret_text,
		    size_t *ret_len);

#endif /* ZV_TOOLSTACK_DAEMON_STORE_H */
