/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The front-end's memory table: which of its files hold the guest's memory.
 * Descriptors name guest addresses, which guest_mem translates; rings are named
 * by addresses of the front-end's process, which vhost_user_mem_gpa()
 * translates.
 *
 * Nothing may use guest memory while the table changes.
 */
#ifndef ZV_BACKENDS_TRANSPORT_VHOST_USER_VHOST_USER_MEM_H
#define ZV_BACKENDS_TRANSPORT_VHOST_USER_VHOST_USER_MEM_H

#include "core/guest_mem.h"
#include "transport/vhost_user/shared_map.h"
#include "transport/vhost_user/vhost_user_msg.h"

struct vhost_user_mem {
	struct guest_mem gm; /* region i of it is region i of ours */
	struct vhost_user_region region[GUEST_MEM_REGIONS_MAX];
	uint64_t uses[GUEST_MEM_REGIONS_MAX]; /* how often it was added */
	struct shared_map map[GUEST_MEM_REGIONS_MAX];
};

void vhost_user_mem_init(struct vhost_user_mem *mem);
void vhost_user_mem_clear(struct vhost_user_mem *mem);

/*
 * A front-end with several queue pairs (QEMU) may add and remove the same
 * region for each of them: it stays until it has been removed as often.
 *
 * 0, or what shared_map_open() and guest_mem_add() say; -EOVERFLOW if the
 * front-end's addresses wrap around.
 */
int vhost_user_mem_add(struct vhost_user_mem *mem,
		       const struct vhost_user_region *region, int fd,
		       int event_fd);
/* By address, size and the front-end's address. -ENOENT */
int vhost_user_mem_remove(struct vhost_user_mem *mem,
			  const struct vhost_user_region *region);

/* The guest address of a byte that the front-end has at uva; 0 or -EFAULT. */
int vhost_user_mem_gpa(const struct vhost_user_mem *mem, uint64_t uva,
		       uint64_t *ret_gpa);

#endif /* ZV_BACKENDS_TRANSPORT_VHOST_USER_VHOST_USER_MEM_H */
