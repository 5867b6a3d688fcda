/* SPDX-License-Identifier: BSD-2-Clause */
#include "transport/vhost_user/vhost_user_mem.h"

#include <errno.h>
#include <stdbool.h>
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

static bool is_same(const struct vhost_user_region *a,
		    const struct vhost_user_region *b)
{
	return a->gpa == b->gpa && a->size == b->size && a->uva == b->uva;
}

/* The region of that address, size and front-end's address: -1 if none. */
static int find(const struct vhost_user_mem *mem,
		const struct vhost_user_region *region)
{
	for (size_t i = 0; i < mem->gm.region_count; i++) {
		if (is_same(&mem->region[i], region)) {
			return (int)i;
		}
	}
	return -1;
}

int vhost_user_mem_add(struct vhost_user_mem *mem,
		       const struct vhost_user_region *region, int fd,
		       int event_fd)
{
	size_t i = mem->gm.region_count;
	int known = find(mem, region);
	struct shared_map map;
	uint64_t last;
	int rc;

	if (known >= 0 && mem->region[known].offset == region->offset) {
		mem->uses[known]++;
		return 0;
	}
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
	mem->uses[i] = 1;
	mem->map[i] = map;
	return 0;
}

int vhost_user_mem_remove(struct vhost_user_mem *mem,
			  const struct vhost_user_region *region)
{
	int i = find(mem, region);
	size_t last;

	if (i < 0) {
		return -ENOENT;
	}
	if (--mem->uses[i] != 0) {
		return 0;
	}
	shared_map_close(&mem->map[i]);
	/* The last one takes the place. */
	last = --mem->gm.region_count;
	mem->region[i] = mem->region[last];
	mem->uses[i] = mem->uses[last];
	mem->map[i] = mem->map[last];
	mem->map[last] = (struct shared_map){ 0 };
	mem->gm.region[i] = mem->gm.region[last];
	return 0;
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
