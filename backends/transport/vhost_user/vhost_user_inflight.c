/* SPDX-License-Identifier: BSD-2-Clause */
#include "transport/vhost_user/vhost_user_inflight.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <unistd.h>

#define LINE 64u

static uint64_t area_size(uint32_t queue_size)
{
	return (INFLIGHT_SIZE((uint64_t)queue_size) + LINE - 1) &
	       ~(uint64_t)(LINE - 1);
}

uint64_t vhost_user_tracking_size(uint32_t queue_count, uint32_t queue_size)
{
	return queue_count * area_size(queue_size);
}

int vhost_user_tracking_make(uint64_t size)
{
	int fd = memfd_create("inflight", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0) {
		return -errno;
	}
	if (ftruncate(fd, (off_t)size) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) <
		    0) {
		int error = -errno;

		close(fd);
		return error;
	}
	return fd;
}

struct inflight_area *
vhost_user_tracking_area(const struct vhost_user_tracking *tracking, uint32_t q)
{
	if (tracking->map.at == NULL || q >= tracking->queue_count) {
		return NULL;
	}
	return (struct inflight_area
			*)(void *)(tracking->map.at +
				   q * area_size(tracking->queue_size));
}

static bool holds_chains(const struct inflight_area *area, uint32_t room)
{
	if (area->version != INFLIGHT_VERSION) {
		return false;
	}
	for (uint32_t i = 0; i < room; i++) {
		if (area->desc[i].inflight != 0) {
			return true;
		}
	}
	return false;
}

int vhost_user_tracking_prepare(const struct vhost_user_tracking *tracking,
				uint32_t q, uint32_t queue_size,
				uint16_t used_idx)
{
	struct inflight_area *area = vhost_user_tracking_area(tracking, q);

	if (area == NULL) {
		return 0;
	}
	if (queue_size > tracking->queue_size) {
		return -EFBIG;
	}
	if (!holds_chains(area, tracking->queue_size)) {
		inflight_fresh(area, queue_size);
		__atomic_store_n(&area->used_idx, used_idx, __ATOMIC_RELEASE);
	}
	return 0;
}
