/* SPDX-License-Identifier: BSD-2-Clause */
#include "blk/store_null.h"

#include <errno.h>
#include <stdlib.h>

static void null_submit(struct blk_store *store, struct blk_request *request)
{
	(void)store;
	request->done(request, 0);
}

static void null_commit(struct blk_store *store)
{
	(void)store;
}

static void null_drain(struct blk_store *store,
		       void (*drained)(struct blk_store *store))
{
	drained(store);
}

static void null_close(struct blk_store *store)
{
	free(store);
}

static const struct blk_store_ops null_ops = {
	.name = "null",
	.submit = null_submit,
	.commit = null_commit,
	.drain = null_drain,
	.close = null_close,
};

int store_null_open(uint64_t size, struct blk_store **ret)
{
	struct blk_store *store = calloc(1, sizeof(*store));

	if (store == NULL) {
		return -ENOMEM;
	}
	store->ops = &null_ops;
	store->caps = (struct blk_store_caps){
		.size = size - size % BLK_SECTOR,
		.block_size = BLK_SECTOR,
		.physical_size = BLK_SECTOR,
		.discard = true,
		.write_zeroes = true,
		.unmap = true,
	};
	*ret = store;
	return 0;
}
