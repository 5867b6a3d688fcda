// SPDX-License-Identifier: BSD-2-Clause
/* Routing of trapped accesses to whoever registered the address. */
#include <zv/atomic.h>
#include <zv/errno.h>
#include <zv/mmio.h>
#include <zv/pgtable.h>
#include <zv/vcpu.h>
#include <zv/zone.h>

/* Index of the first region that ends above gpa. */
static u32 region_above(const struct mmio_map *m, u64 gpa)
{
	u32 low = 0;
	u32 high = m->count;

	while (low < high) {
		u32 mid = (low + high) / 2;
		const struct mmio_region *r = &m->region[mid];

		/* No sum: a region may end at the top of the space. */
		if (gpa >= r->gpa && gpa - r->gpa >= r->size) {
			low = mid + 1;
		} else {
			high = mid;
		}
	}
	return low;
}

bool mmio_overlaps(const struct mmio_map *m, u64 gpa, u64 size)
{
	u32 i = region_above(m, gpa);

	return i < m->count &&
	       (m->region[i].gpa <= gpa || m->region[i].gpa - gpa < size);
}

int mmio_register(struct mmio_map *m, u64 gpa, u64 size, mmio_fn fn, void *ctx)
{
	u32 at;

	if (size == 0 || gpa + (size - 1) < gpa) {
		return -EINVAL;
	}
	if (mmio_overlaps(m, gpa, size)) {
		return -EEXIST;
	}
	if (m->count == MMIO_REGIONS_MAX) {
		return -ENOSPC;
	}
	at = region_above(m, gpa);
	for (u32 i = m->count; i > at; i--) {
		m->region[i] = m->region[i - 1];
	}
	m->region[at] = (struct mmio_region){
		.gpa = gpa, .size = size, .fn = fn, .ctx = ctx
	};
	m->count++;
	return 0;
}

/* What no device answers: a page that was being replaced, or nothing. */
static enum mmio_result no_region(struct vcpu *v, const struct mmio_access *a)
{
	if (zone_mem_allows(v->zone, a->gpa, a->write ? MAP_W : MAP_R)) {
		return MMIO_RETRY;
	}
	zone_count(v->zone, exits[ZV_EXIT_MMIO_NONE]);
	return MMIO_ABORT;
}

enum mmio_result mmio_dispatch(struct vcpu *v, struct mmio_access *a)
{
	const struct mmio_map *m = &v->zone->mmio;
	u32 i = region_above(m, a->gpa);
	const struct mmio_region *r = &m->region[i];

	if (i == m->count || a->gpa < r->gpa) {
		return no_region(v, a);
	}
	if (!IS_ALIGNED(a->gpa, (u64)a->size) ||
	    a->size > r->size - (a->gpa - r->gpa)) {
		zone_count(v->zone, exits[ZV_EXIT_MMIO_NONE]);
		return MMIO_ABORT;
	}
	return r->fn(v, a, r->ctx);
}
