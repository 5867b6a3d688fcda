/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A part of a file that another process has sent, mapped and guarded
 * (fault_guard.h).  Sizes and offsets are that process's words, so they are
 * checked against the file as it is now.
 */
#ifndef ZV_BACKENDS_TRANSPORT_VHOST_USER_SHARED_MAP_H
#define ZV_BACKENDS_TRANSPORT_VHOST_USER_SHARED_MAP_H

#include <stddef.h>
#include <stdint.h>

struct shared_map {
	uint8_t *at; /* the part asked for; NULL: nothing is mapped */
	void *base; /* the whole pages around it */
	size_t len;
};

/*
 * The fd stays the caller's and may be closed.  0; -EINVAL: size 0, or offset
 * and size that no file can have; -EBADF: not a regular file; -ERANGE: beyond
 * the file's end; or what mmap() said.  *ret_map is untouched on failure.
 */
int shared_map_open(int fd, uint64_t offset, uint64_t size, int event_fd,
		    struct shared_map *ret_map);
void shared_map_close(struct shared_map *map);

#endif /* ZV_BACKENDS_TRANSPORT_VHOST_USER_SHARED_MAP_H */
