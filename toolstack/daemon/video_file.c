/* SPDX-License-Identifier: BSD-2-Clause */
#include "video_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define MIB (1ull << 20)

static int fail(const char *path, int err, const char *path_in_def,
		struct zerror *ret_error)
{
	return zerror_set(ret_error, ZERROR_IO_ERROR, path_in_def, NULL,
			  "the video memory %.200s cannot be made: %s", path,
			  strerror(err));
}

/* fd: of the file, which has got what there was. */
static int no_space(int fd, uint64_t size, const char *path_in_def,
		    struct zerror *ret_error)
{
	struct statvfs fs = { 0 };
	struct stat st = { 0 };
	uint64_t room;

	fstatvfs(fd, &fs);
	fstat(fd, &st);
	room = (uint64_t)fs.f_bavail * fs.f_frsize +
	       (uint64_t)st.st_blocks * 512;
	room = room < size ? room : 0;
	return zerror_set(
		ret_error, ZERROR_NO_MEMORY, path_in_def,
		"choose less memory, stop another zone with a gpu, or "
		"make hvd's run-time folder larger (mount -o "
		"remount,size=…)",
		"video memory of %lluM: zone0 lacks %lluM in hvd's "
		"run-time folder",
		(unsigned long long)(size / MIB),
		(unsigned long long)((size - room + MIB - 1) / MIB));
}

static int make(const char *path, uint64_t size, const char *path_in_def,
		struct zerror *ret_error)
{
	int fd;
	int rc;

	if (unlink(path) < 0 && errno != ENOENT) {
		return fail(path, errno, path_in_def, ret_error);
	}
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		  0600);
	if (fd < 0) {
		return fail(path, errno, path_in_def, ret_error);
	}
	do {
		rc = posix_fallocate(fd, 0, (off_t)size);
	} while (rc == EINTR);
	if (rc == 0) {
		return fd;
	}
	if (rc == ENOSPC || rc == EFBIG) {
		no_space(fd, size, path_in_def, ret_error);
	} else {
		fail(path, rc, path_in_def, ret_error);
	}
	close(fd);
	unlink(path);
	return -1;
}

static bool is_whole(int fd, uint64_t size)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	       st.st_uid == geteuid() && st.st_nlink == 1 &&
	       (uint64_t)st.st_size == size &&
	       (uint64_t)st.st_blocks * 512 >= size;
}

int video_file_open(const char *path, uint64_t size, bool keep,
		    const char *path_in_def, struct zerror *ret_error)
{
	int fd = -1;

	if (keep) {
		fd = open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	}
	if (fd >= 0 && is_whole(fd, size)) {
		return fd;
	}
	if (fd >= 0) {
		close(fd);
	}
	return make(path, size, path_in_def, ret_error);
}

int video_file_open_readonly(const char *path)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}
