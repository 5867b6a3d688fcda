/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Limits on operations and bytes per second, for reads, writes and both.
 *
 * Each limit is a token bucket kept as one point in time, the one at which the
 * bucket would be full.  A request passes if what it takes is left, or if the
 * bucket is full: so one that is larger than the burst passes too, and those
 * after it pay.  No clock in here: the caller says what time it is.
 */
#ifndef ZV_BACKENDS_BLK_BLK_LIMIT_H
#define ZV_BACKENDS_BLK_BLK_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

enum blk_limit_kind {
	BLK_LIMIT_OPS,
	BLK_LIMIT_READ_OPS,
	BLK_LIMIT_WRITE_OPS,
	BLK_LIMIT_BYTES,
	BLK_LIMIT_READ_BYTES,
	BLK_LIMIT_WRITE_BYTES,
	BLK_LIMIT_KINDS,
};

struct blk_limit_rate {
	uint64_t per_second; /* 0: no limit */
	uint64_t burst; /* what may pass at once after a rest; 0: a tenth of a
			   second's worth */
};

struct blk_limit_config {
	struct blk_limit_rate rate[BLK_LIMIT_KINDS];
};

struct blk_limit {
	bool on; /* false: nothing is limited, do not ask */
	struct {
		uint64_t per_second;
		uint64_t burst_ns;
		uint64_t full_at;
	} bucket[BLK_LIMIT_KINDS];
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
