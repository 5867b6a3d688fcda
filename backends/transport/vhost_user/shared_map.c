/* SPDX-License-Identifier: BSD-2-Clause */
#include "transport/vhost_user/shared_map.h"

#include <errno.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "transport/vhost_user/fault_guard.h"

/* Of the file's pages: hugetlbfs maps nothing but whole ones of its own. */
static int page_size(int fd, uint64_t *ret_size)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0) {
		return -errno;
	}
	*ret_size = (uint64_t)sysconf(_SC_PAGESIZE);
	if (fs.f_type == HUGETLBFS_MAGIC && fs.f_bsize > 0) {
		*ret_size = (uint64_t)fs.f_bsize;
	}
	return 0;
}

static int check_range(int fd, uint64_t offset, uint64_t size)
{
	struct stat st;
	uint64_t end;

	if (size == 0 || __builtin_add_overflow(offset, size, &end) ||
	    end > INT64_MAX) {
		return -EINVAL;
	}
	if (fstat(fd, &st) < 0) {
		return -errno;
	}
	if (!S_ISREG(st.st_mode)) {
		return -EBADF;
	}
	return end > (uint64_t)st.st_size ? -ERANGE : 0;
}

int shared_map_open(int fd, uint64_t offset, uint64_t size, int event_fd,
		    struct shared_map *ret_map)
{
	struct shared_map map;
	uint64_t page = 0;
	uint64_t over;
	uint64_t len;
	int rc = check_range(fd, offset, size);

	if (rc == 0) {
		rc = page_size(fd, &page);
	}
	if (rc != 0) {
		return rc;
	}
	over = offset & (page - 1);
	if (__builtin_add_overflow(over + size, page - 1, &len) ||
	    len > SIZE_MAX) {
		return -EINVAL;
	}
	map.len = (size_t)(len & ~(page - 1));
	map.base = mmap(NULL, map.len, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_NORESERVE, fd, (off_t)(offset - over));
	if (map.base == MAP_FAILED) {
		return -errno;
	}
	rc = fault_guard_add(map.base, map.len, event_fd);
	if (rc != 0) {
		munmap(map.base, map.len);
		return rc;
	}
	(void)madvise(map.base, map.len, MADV_DONTDUMP);
	map.at = (uint8_t *)map.base + over;
	*ret_map = map;
	return 0;
}

void shared_map_close(struct shared_map *map)
{
	if (map->at != NULL) {
		fault_guard_remove(map->base);
		munmap(map->base, map->len);
		*map = (struct shared_map){ 0 };
	}
}
