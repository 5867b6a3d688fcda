/* SPDX-License-Identifier: BSD-2-Clause */
#include "store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "zone_def.h"

#define SUFFIX ".json"
#define TEMPORARY ".json.new" /* no zone name ends so after its suffix is cut */

static int open_dir(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int sync_dir(const char *dir)
{
	int fd = open_dir(dir);
	int rc = 0;

	if (fd < 0) {
		return fd;
	}
	if (fsync(fd) < 0) {
		rc = -errno;
	}
	close(fd);
	return rc;
}

/*
 * What is in a directory is lost with it, so it is there for good before
 * anything is put in it.  One found there may be the work of somebody who was
 * stopped half-way; where that cannot be synced, it is as good as it was.
 */
static int make_one_dir(const char *path, unsigned int mode)
{
	char parent[PATH_MAX];
	const char *slash = strrchr(path, '/');
	bool made = mkdir(path, mode) == 0;
	int rc;

	if (!made && errno != EEXIST) {
		return -errno;
	}
	snprintf(parent, sizeof(parent), "%.*s",
		 slash && slash > path ? (int)(slash - path) : 1,
		 slash ? path : ".");
	rc = sync_dir(parent);
	if (rc < 0 && made) {
		rmdir(path);
		return rc;
	}
	return 0;
}

int store_make_dir(const char *dir, unsigned int mode)
{
	char path[PATH_MAX];
	size_t len = strlen(dir);
	int rc;

	if (len == 0 || len >= sizeof(path)) {
		return -ENAMETOOLONG;
	}
	memcpy(path, dir, len + 1);
	for (char *p = path + 1;; p++) {
		char c = *p;

		if (c != '/' && c != '\0') {
			continue;
		}
		*p = '\0';
		rc = make_one_dir(path, c ? 0755 : mode);
		if (rc < 0 || c == '\0') {
			return rc;
		}
		*p = c;
	}
}

static int fail(struct zerror *ret_error, const char *what, const char *dir,
		const char *file, int err)
{
	return zerror_set(ret_error, ZERROR_IO_ERROR, NULL,
			  err == ENOSPC	 ? "make room on that file system"
			  : err == EROFS ? "use --config-dir on a writable "
					   "file system"
					 : NULL,
			  "%s %s/%s: %s", what, dir, file, strerror(err));
}

static int write_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t done = write(fd, text, len);

		if (done < 0 && errno == EINTR) {
			continue;
		}
		if (done < 0) {
			return -errno;
		}
		text += done;
		len -= (size_t)done;
	}
	return 0;
}

/*
 * Always a file of its own: what is left under that name may, on the disk, still
 * be the definition itself, when a rename was not synced.
 */
static int write_synced(int dirfd_, const char *file, const char *text)
{
	int fd;
	int rc;

	if (unlinkat(dirfd_, file, 0) < 0 && errno != ENOENT) {
		return -errno;
	}
	fd = openat(dirfd_, file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
		    0644);
	if (fd < 0) {
		return -errno;
	}
	rc = write_all(fd, text, strlen(text));
	if (rc == 0 && fsync(fd) < 0) {
		rc = -errno;
	}
	if (close(fd) < 0 && rc == 0) {
		rc = -errno;
	}
	return rc;
}

/* How to go back when the directory cannot be synced. */
enum undo {
	UNDO_NOTHING, /* not possible */
	UNDO_REMOVE, /* the file is new */
	UNDO_EXCHANGE /* its former contents are under the other name */
};

static int put_in_place(int dirfd_, const char *temporary, const char *file,
			enum undo *ret_undo)
{
	*ret_undo = UNDO_EXCHANGE;
	if (renameat2(dirfd_, temporary, dirfd_, file, RENAME_EXCHANGE) == 0) {
		return 0;
	}
	if (errno != ENOENT && errno != EINVAL) {
		return -errno;
	}
	/* Some file systems (NFS, 9p) only replace. */
	*ret_undo = errno == ENOENT ? UNDO_REMOVE : UNDO_NOTHING;
	return renameat(dirfd_, temporary, dirfd_, file) < 0 ? -errno : 0;
}

static void take_back(int dirfd_, const char *temporary, const char *file,
		      enum undo undo)
{
	if (undo == UNDO_EXCHANGE) {
		renameat2(dirfd_, temporary, dirfd_, file, RENAME_EXCHANGE);
	} else if (undo == UNDO_REMOVE) {
		unlinkat(dirfd_, file, 0);
	}
	fsync(dirfd_);
}

/* The temporary file is still there then. */
static int replace_in(int dirfd_, const char *temporary, const char *file,
		      const char *text, enum undo *ret_undo)
{
	enum undo undo = UNDO_NOTHING;
	int rc = write_synced(dirfd_, temporary, text);

	if (rc == 0) {
		rc = put_in_place(dirfd_, temporary, file, &undo);
	}
	if (rc == 0 && fsync(dirfd_) < 0) {
		rc = -errno;
		take_back(dirfd_, temporary, file, undo);
	}
	*ret_undo = undo;
	return rc;
}

static int save_in(int dirfd_, const char *temporary, const char *file,
		   const char *text)
{
	enum undo undo;
	int rc = replace_in(dirfd_, temporary, file, text, &undo);

	unlinkat(dirfd_, temporary, 0);
	return rc;
}

int store_save(const char *dir, const char *name, const char *text,
	       struct zerror *ret_error)
{
	char file[NAME_MAX];
	char temporary[NAME_MAX];
	int dirfd_;
	int rc;

	snprintf(file, sizeof(file), "%s" SUFFIX, name);
	snprintf(temporary, sizeof(temporary), "%s" TEMPORARY, name);
	dirfd_ = open_dir(dir);
	if (dirfd_ < 0) {
		return fail(ret_error, "cannot open the directory of", dir,
			    file, -dirfd_);
	}
	rc = save_in(dirfd_, temporary, file, text);
	close(dirfd_);
	return rc < 0 ? fail(ret_error, "cannot write", dir, file, -rc) : 0;
}

static int is_free(int dirfd_, const char *file)
{
	int fd = openat(dirfd_, file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0) {
		return errno == ENOENT ? 0 : -errno;
	}
	close(fd);
	return -EEXIST;
}

static int move_in(int dirfd_, const char *file, const char *new_file)
{
	int rc = renameat2(dirfd_, file, dirfd_, new_file, RENAME_NOREPLACE);

	/* Some file systems can only look before. */
	if (rc < 0 && errno == EINVAL) {
		rc = is_free(dirfd_, new_file);
		if (rc < 0) {
			return rc;
		}
		rc = renameat(dirfd_, file, dirfd_, new_file);
	}
	if (rc < 0) {
		return -errno;
	}
	if (fsync(dirfd_) < 0) {
		rc = -errno;
		renameat(dirfd_, new_file, dirfd_, file);
		fsync(dirfd_);
	}
	return rc;
}

/* One file is replaced first: from then on there is a new definition, or none. */
static int rename_in(int dirfd_, const char *temporary, const char *file,
		     const char *new_file, const char *text)
{
	enum undo replaced;
	int rc = replace_in(dirfd_, temporary, file, text, &replaced);

	if (rc == 0) {
		rc = move_in(dirfd_, file, new_file);
		if (rc < 0) {
			take_back(dirfd_, temporary, file, replaced);
		}
	}
	unlinkat(dirfd_, temporary, 0);
	return rc;
}

int store_rename(const char *dir, const char *name, const char *new_name,
		 const char *text, struct zerror *ret_error)
{
	char file[NAME_MAX];
	char new_file[NAME_MAX];
	char temporary[NAME_MAX];
	int dirfd_ = open_dir(dir);
	int rc;

	snprintf(file, sizeof(file), "%s" SUFFIX, name);
	snprintf(new_file, sizeof(new_file), "%s" SUFFIX, new_name);
	snprintf(temporary, sizeof(temporary), "%s" TEMPORARY, name);
	if (dirfd_ < 0) {
		return fail(ret_error, "cannot open the directory of", dir,
			    file, -dirfd_);
	}
	rc = rename_in(dirfd_, temporary, file, new_file, text);
	close(dirfd_);
	return rc < 0 ? fail(ret_error, "cannot rename", dir, file, -rc) : 0;
}

int store_move(const char *dir, const char *name, const char *new_name,
	       struct zerror *ret_error)
{
	char file[NAME_MAX];
	char new_file[NAME_MAX];
	int dirfd_ = open_dir(dir);
	int rc;

	snprintf(file, sizeof(file), "%s" SUFFIX, name);
	snprintf(new_file, sizeof(new_file), "%s" SUFFIX, new_name);
	if (dirfd_ < 0) {
		return fail(ret_error, "cannot open the directory of", dir,
			    file, -dirfd_);
	}
	rc = move_in(dirfd_, file, new_file);
	close(dirfd_);
	return rc < 0 ? fail(ret_error, "cannot rename", dir, file, -rc) : 0;
}

/* Kept under the other name until that is on the disk. */
static int remove_in(int dirfd_, const char *temporary, const char *file)
{
	bool there = renameat(dirfd_, file, dirfd_, temporary) == 0;
	int rc;

	if (!there && errno != ENOENT) {
		return -errno;
	}
	if (fsync(dirfd_) < 0) {
		rc = -errno;
		if (there) {
			renameat(dirfd_, temporary, dirfd_, file);
			fsync(dirfd_);
		}
		return rc;
	}
	if (there) {
		unlinkat(dirfd_, temporary, 0);
	}
	return 0;
}

int store_remove(const char *dir, const char *name, struct zerror *ret_error)
{
	char file[NAME_MAX];
	char temporary[NAME_MAX];
	int dirfd_ = open_dir(dir);
	int rc;

	snprintf(file, sizeof(file), "%s" SUFFIX, name);
	snprintf(temporary, sizeof(temporary), "%s" TEMPORARY, name);
	if (dirfd_ < 0) {
		return fail(ret_error, "cannot open the directory of", dir,
			    file, -dirfd_);
	}
	rc = remove_in(dirfd_, temporary, file);
	close(dirfd_);
	return rc < 0 ? fail(ret_error, "cannot remove", dir, file, -rc) : 0;
}

int store_read_file(const char *path, size_t max, char **ret_text,
		    size_t *ret_len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	char *text = NULL;
	size_t len = 0;
	int rc = -EINVAL;

	if (fd < 0) {
		return -errno;
	}
	if (fstat(fd, &st) < 0) {
		rc = -errno;
		goto out;
	}
	if (!S_ISREG(st.st_mode)) {
		goto out;
	}
	rc = -EFBIG;
	if ((uint64_t)st.st_size > max) {
		goto out;
	}
	rc = -ENOMEM;
	text = malloc((size_t)st.st_size + 1);
	if (!text) {
		goto out;
	}
	while (len < (size_t)st.st_size) {
		ssize_t got = read(fd, text + len, (size_t)st.st_size - len);

		if (got < 0 && errno == EINTR) {
			continue;
		}
		if (got < 0) {
			rc = -errno;
			goto out;
		}
		if (got == 0) {
			break;
		}
		len += (size_t)got;
	}
	text[len] = '\0';
	*ret_text = text;
	*ret_len = len;
	text = NULL;
	rc = 0;
out:
	free(text);
	close(fd);
	return rc;
}

static bool ends_in(const char *name, const char *suffix)
{
	size_t len = strlen(name);
	size_t tail = strlen(suffix);

	return len > tail && strcmp(name + len - tail, suffix) == 0;
}

static void load_file(const char *dir, const char *file,
		      const char *(*found)(void *arg, const char *name,
					   const char *text, size_t len),
		      void *arg)
{
	char path[PATH_MAX];
	char name[NAME_MAX];
	const char *wrong;
	char *text;
	size_t len;
	int rc;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	snprintf(name, sizeof(name), "%.*s",
		 (int)(strlen(file) - strlen(SUFFIX)), file);
	rc = store_read_file(path, STORE_FILE_MAX, &text, &len);
	if (rc < 0) {
		log_warning("%s: skipped: %s", path, strerror(-rc));
		return;
	}
	wrong = zone_def_name_valid(name) ? found(arg, name, text, len)
					  : "the file name is not a zone name";
	if (wrong) {
		log_warning("%s: skipped: %s", path, wrong);
	}
	free(text);
}

int store_load(const char *dir,
	       const char *(*found)(void *arg, const char *name,
				    const char *text, size_t len),
	       void *arg)
{
	struct dirent **entries;
	int count = scandir(dir, &entries, NULL, alphasort);
	int rc;

	if (count < 0) {
		return -errno;
	}
	/* What is told from now on is on the disk, whoever put it there. */
	rc = sync_dir(dir);
	if (rc < 0) {
		log_warning("%s: cannot be synced: %s", dir, strerror(-rc));
	}
	for (int i = 0; i < count; i++) {
		const char *file = entries[i]->d_name;

		if (ends_in(file, TEMPORARY)) {
			char path[PATH_MAX];

			snprintf(path, sizeof(path), "%s/%s", dir, file);
			unlink(path);
		} else if (ends_in(file, SUFFIX) && file[0] != '.') {
			load_file(dir, file, found, arg);
		}
		free(entries[i]);
	}
	free(entries);
	return 0;
}
