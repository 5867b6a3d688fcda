/* SPDX-License-Identifier: BSD-2-Clause */
#include "transport/vhost_user/vhost_user_mem.h"

#include <errno.h>
#include <string.h>

void vhost_user_mem_init(struct vhost_user_mem *mem)
{
	memset(mem, 0, sizeof(*mem));
	guest_mem_init(&mem->gm);
}

void vhost_user_mem_clear(struct vhost_user_mem *mem)
{
	for (size_t i = 0; i < mem->gm.region_count; i++) {
		shared_map_close(&mem->map[i]);
	}
	vhost_user_mem_init(mem);
}

int vhost_user_mem_add(struct vhost_user_mem *mem,
		       const struct vhost_user_region *region, int fd,
		       int event_fd)
{
	size_t i = mem->gm.region_count;
	struct shared_map map;
	uint64_t last;
	int rc;

	if (i == GUEST_MEM_REGIONS_MAX) {
		return -ENOSPC;
	}
	if (region->size == 0 ||
	    __builtin_add_overflow(region->uva, region->size - 1, &last)) {
		return -EOVERFLOW;
	}
	rc = shared_map_open(fd, region->offset, region->size, event_fd, &map);
	if (rc != 0) {
		return rc;
	}
	rc = guest_mem_add(&mem->gm, region->gpa, region->size, map.at);
	if (rc != 0) {
		shared_map_close(&map);
		return rc;
	}
	mem->region[i] = *region;
	mem->map[i] = map;
	return 0;
}

int vhost_user_mem_remove(struct vhost_user_mem *mem,
			  const struct vhost_user_region *region)
{
	size_t count = mem->gm.region_count;

	for (size_t i = 0; i < count; i++) {
		if (mem->region[i].gpa != region->gpa ||
		    mem->region[i].size != region->size ||
		    mem->region[i].uva != region->uva) {
			continue;
		}
		shared_map_close(&mem->map[i]);
		/* The last one takes the place. */
		mem->region[i] = mem->region[count - 1];
		mem->map[i] = mem->map[count - 1];
		mem->map[count - 1] = (struct shared_map){ 0 };
		mem->gm.region[i] = mem->gm.region[count - 1];
		mem->gm.region_count = count - 1;
		return 0;
	}
	return -ENOENT;
}

int vhost_user_mem_gpa(const struct vhost_user_mem *mem, uint64_t uva,
		       uint64_t *ret_gpa)
{
	for (size_t i = 0; i < mem->gm.region_count; i++) {
		const struct vhost_user_region *r = &mem->region[i];

		if (uva >= r->uva && uva - r->uva < r->size) {
			*ret_gpa = r->gpa + (uva - r->uva);
			return 0;
		}
	}
	return -EFAULT;
}
