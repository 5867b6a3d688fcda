/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/inflight.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(struct inflight_desc) == 16, "vhost-user's format");
_Static_assert(sizeof(struct inflight_area) == 16, "vhost-user's format");

void inflight_fresh(struct inflight_area *area, uint32_t queue_size)
{
	/* Half done it is of no version, and nobody resumes it. */
	__atomic_store_n(&area->version, 0, __ATOMIC_RELEASE);
	area->features = 0;
	area->desc_num = (uint16_t)queue_size;
	area->last_batch_head = 0;
	area->used_idx = 0;
	memset(area->desc, 0, sizeof(area->desc[0]) * queue_size);
	__atomic_store_n(&area->version, INFLIGHT_VERSION, __ATOMIC_RELEASE);
}

struct taken {
	uint64_t counter;
	uint16_t head;
};

static int by_counter(const void *a, const void *b)
{
	const struct taken *x = a;
	const struct taken *y = b;

	return x->counter < y->counter ? -1 : x->counter > y->counter;
}

int inflight_resume(struct inflight *inflight, struct vq *vq,
		    uint16_t ret_heads[VQ_SIZE_MAX])
{
	struct inflight_area *area = inflight->area;
	struct taken taken[VQ_SIZE_MAX];
	uint16_t last;
	int count = 0;

	if (area == NULL) {
		return 0;
	}
	if (area->version != INFLIGHT_VERSION ||
	    area->desc_num != vq->at.size) {
		return -EPROTO;
	}
	/* Once: a front-end of vhost-user may change it at any moment. */
	last = __atomic_load_n(&area->last_batch_head, __ATOMIC_RELAXED);
	if (area->used_idx != vq->used_idx) {
		if ((uint16_t)(area->used_idx + 1) != vq->used_idx ||
		    last >= vq->at.size) {
			return -EPROTO;
		}
		__atomic_store_n(&area->desc[last].inflight, 0,
				 __ATOMIC_RELEASE);
		__atomic_store_n(&area->used_idx, vq->used_idx,
				 __ATOMIC_RELEASE);
	}
	inflight->counter = 0;
	for (uint32_t head = 0; head < vq->at.size; head++) {
		const struct inflight_desc *desc = &area->desc[head];

		if (desc->inflight != 0) {
			taken[count++] = (struct taken){
				__atomic_load_n(&desc->counter,
						__ATOMIC_RELAXED),
				(uint16_t)head,
			};
		}
	}
	qsort(taken, (size_t)count, sizeof(taken[0]), by_counter);
	for (int i = 0; i < count; i++) {
		ret_heads[i] = taken[i].head;
		inflight->counter = taken[i].counter;
	}
	vq->last_avail = (uint16_t)(vq->used_idx + count);
	return count;
}

int inflight_pop(struct inflight *inflight, struct vq *vq,
		 struct vq_chain *ret_chain)
{
	struct inflight_desc *desc;
	int rc = vq_pop(vq, ret_chain);

	if (rc != 1 || inflight->area == NULL) {
		return rc;
	}
	desc = &inflight->area->desc[ret_chain->head];
	if (desc->inflight != 0) {
		return -EPROTO;
	}
	desc->counter = ++inflight->counter;
	__atomic_store_n(&desc->inflight, 1, __ATOMIC_RELEASE);
	return 1;
}

int inflight_push(struct inflight *inflight, struct vq *vq, uint16_t head,
		  uint32_t len)
{
	struct inflight_area *area = inflight->area;
	int rc;

	if (area == NULL) {
		return vq_push(vq, head, len);
	}
	__atomic_store_n(&area->last_batch_head, head, __ATOMIC_RELEASE);
	rc = vq_push(vq, head, len);
	if (rc != 0) {
		return rc;
	}
	__atomic_store_n(&area->desc[head].inflight, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&area->used_idx, vq->used_idx, __ATOMIC_RELEASE);
	return 0;
}
