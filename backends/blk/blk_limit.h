/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Limits on operations and bytes per second, for reads, writes and both: a
 * token bucket (core/rate.h) each, of which the strictest decides.
 */
#ifndef ZV_BACKENDS_BLK_BLK_LIMIT_H
#define ZV_BACKENDS_BLK_BLK_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/rate.h"

enum blk_limit_kind {
	BLK_LIMIT_OPS,
	BLK_LIMIT_READ_OPS,
	BLK_LIMIT_WRITE_OPS,
	BLK_LIMIT_BYTES,
	BLK_LIMIT_READ_BYTES,
	BLK_LIMIT_WRITE_BYTES,
	BLK_LIMIT_KINDS,
};

struct blk_limit_config {
	struct rate_limit rate[BLK_LIMIT_KINDS];
};

struct blk_limit {
	bool on; /* false: nothing is limited, do not ask */
	struct rate bucket[BLK_LIMIT_KINDS];
};

/* Starts with full buckets. */
void blk_limit_init(struct blk_limit *limit,
		    const struct blk_limit_config *config, uint64_t now_ns);

/*
 * 0: the request may go, and has been counted; else the nanoseconds to wait
 * before asking again.
 */
uint64_t blk_limit_take(struct blk_limit *limit, uint64_t now_ns, bool write,
			uint64_t bytes);

#endif /* ZV_BACKENDS_BLK_BLK_LIMIT_H */
