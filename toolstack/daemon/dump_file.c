/* SPDX-License-Identifier: BSD-2-Clause */
#include "dump_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAMES_TRIED 8

static int open_dir(struct dump_file *f, const char *path)
{
	const char *slash = strrchr(path, '/');
	char dir[PATH_MAX];
	size_t len;

	if (!slash) {
		return -EINVAL;
	}
	if (slash[1] == '\0') {
		return -ENOENT; /* a folder's, that is */
	}
	len = (size_t)(slash - path) + 1;
	if (len >= sizeof(dir) || strlen(slash + 1) >= sizeof(f->name)) {
		return -ENAMETOOLONG;
	}
	memcpy(dir, path, len);
	dir[len] = '\0';
	strcpy(f->name, slash + 1);
	f->dir = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return f->dir < 0 ? -errno : 0;
}

/* There is something of that name to replace, which can be: 1.  Nothing: 0. */
static int is_replaceable(const struct dump_file *f, const char *name)
{
	struct stat st;

	if (fstatat(f->dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		return errno == ENOENT ? 0 : -errno;
	}
	return S_ISREG(st.st_mode) ? 1 : -ENOTSUP;
}

/* Never through a link, nor into something that is there already. */
static int make(struct dump_file *f)
{
	struct stat st;

	f->fd = openat(f->dir, f->name,
		       O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		       0600);
	if (f->fd < 0 || fstat(f->fd, &st) < 0) {
		return -errno;
	}
	f->device = st.st_dev;
	f->inode = st.st_ino;
	return 0;
}

static int make_beside(struct dump_file *f)
{
	uint64_t number;
	int rc = -EEXIST;

	memcpy(f->becomes, f->name, sizeof(f->name));
	for (int i = 0; i < NAMES_TRIED && rc == -EEXIST; i++) {
		if (getrandom(&number, sizeof(number), 0) != sizeof(number)) {
			return -errno;
		}
		snprintf(f->name, sizeof(f->name), "%.*s.%016" PRIx64,
			 NAME_MAX - 17, f->becomes, number);
		rc = make(f);
	}
	return rc;
}

int dump_file_make(struct dump_file *f, const char *path, bool force,
		   const char **ret_what)
{
	int rc = open_dir(f, path);

	*ret_what = "make";
	f->becomes[0] = '\0';
	if (rc == 0 && !force) {
		rc = make(f);
	} else if (rc == 0) {
		rc = is_replaceable(f, f->name);
		if (rc != 0) {
			*ret_what = "replace";
		}
		if (rc >= 0) {
			rc = make_beside(f);
		}
	}
	if (rc < 0) {
		dump_file_keep(f);
	}
	return rc;
}

int dump_file_fail(const char *path, const char *what, int err,
		   struct zerror *ret_error)
{
	const char *hint = NULL;

	if (err == ENOTSUP) {
		return zerror_set(ret_error, ZERROR_IO_ERROR, "$.path",
				  "choose another path",
				  "%s is no regular file", path);
	}
	if (err == EEXIST) {
		hint = "force (--force of hvsh) replaces it";
	} else if (err == ENOENT) {
		hint = "it is a path of zone0; hvd makes no directories";
	}
	return zerror_set(ret_error, ZERROR_IO_ERROR, "$.path", hint,
			  "%s %s: %s", what, path, strerror(err));
}

int dump_file_close(struct dump_file *f)
{
	int fd = f->fd;
	int rc = 0;

	f->fd = -1;
	if (fd < 0) {
		return 0;
	}
	if (f->becomes[0] != '\0' && fsync(fd) < 0) {
		rc = -errno;
	}
	return close(fd) < 0 && rc == 0 ? -errno : rc;
}

/* It is at its name still: somebody may have moved it, and put another there. */
static bool is_there(const struct dump_file *f)
{
	struct stat st;

	return f->dir >= 0 &&
	       fstatat(f->dir, f->name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       st.st_dev == f->device && st.st_ino == f->inode;
}

int dump_file_complete(struct dump_file *f, const char **ret_what)
{
	int rc;

	if (f->becomes[0] == '\0') {
		return 0;
	}
	*ret_what = "replace";
	if (!is_there(f)) {
		return -ESTALE;
	}
	rc = is_replaceable(f, f->becomes);
	if (rc < 0) {
		return rc;
	}
	if (renameat(f->dir, f->name, f->dir, f->becomes) < 0) {
		return -errno;
	}
	memcpy(f->name, f->becomes, sizeof(f->name));
	f->becomes[0] = '\0';
	return 0;
}

void dump_file_remove(struct dump_file *f)
{
	if (is_there(f)) {
		unlinkat(f->dir, f->name, 0);
	}
	f->becomes[0] = '\0'; /* nobody waits for the disk */
	dump_file_keep(f);
}

void dump_file_keep(struct dump_file *f)
{
	dump_file_close(f);
	if (f->dir >= 0) {
		close(f->dir);
		f->dir = -1;
	}
}
