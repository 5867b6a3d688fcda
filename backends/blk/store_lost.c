/* SPDX-License-Identifier: BSD-2-Clause */
#include "blk/store_lost.h"

#include <errno.h>
#include <stdlib.h>

#define BLOCK_SIZE_MAX 65536u

static void lost_submit(struct blk_store *store, struct blk_request *request)
{
	(void)store;
	request->done(request, -EIO);
}

static void lost_commit(struct blk_store *store)
{
	(void)store;
}

static void lost_drain(struct blk_store *store,
		       void (*drained)(struct blk_store *store))
{
	drained(store);
}

static void lost_close(struct blk_store *store)
{
	free(store);
}

static const struct blk_store_ops lost_ops = {
	.name = "lost",
	.submit = lost_submit,
	.commit = lost_commit,
	.drain = lost_drain,
	.close = lost_close,
};

static bool is_block_size(uint32_t size)
{
	return size >= BLK_SECTOR && size <= BLOCK_SIZE_MAX &&
	       (size & (size - 1)) == 0;
}

int store_lost_open(const struct blk_store_caps *caps, struct blk_store **ret)
{
	struct blk_store *store;

	if (!is_block_size(caps->block_size) ||
	    !is_block_size(caps->physical_size) ||
	    caps->physical_size < caps->block_size ||
	    caps->size % caps->block_size != 0) {
		return -EINVAL;
	}
	store = calloc(1, sizeof(*store));
	if (store == NULL) {
		return -ENOMEM;
	}
	store->ops = &lost_ops;
	store->caps = *caps;
	*ret = store;
	return 0;
}
