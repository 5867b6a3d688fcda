/* SPDX-License-Identifier: BSD-2-Clause */
#include "blk/blk_limit.h"

#include <string.h>

/*
 * The shortest burst is what so small a part of a second brings: timers come to
 * the millisecond, so less would be a lower rate than was asked for.
 */
#define BURST_MIN_PART 100u

void blk_limit_init(struct blk_limit *limit,
		    const struct blk_limit_config *config, uint64_t now_ns)
{
	memset(limit, 0, sizeof(*limit));
	for (uint32_t k = 0; k < BLK_LIMIT_KINDS; k++) {
		struct rate_limit rate = config->rate[k];

		if (rate.burst != 0 &&
		    rate.burst < rate.per_second / BURST_MIN_PART) {
			rate.burst = rate.per_second / BURST_MIN_PART;
		}
		limit->on = limit->on || rate.per_second != 0;
		rate_init(&limit->bucket[k], &rate, now_ns);
	}
}

static bool concerns(uint32_t kind, bool write)
{
	switch (kind) {
	case BLK_LIMIT_READ_OPS:
	case BLK_LIMIT_READ_BYTES:
		return !write;
	case BLK_LIMIT_WRITE_OPS:
	case BLK_LIMIT_WRITE_BYTES:
		return write;
	default:
		return true;
	}
}

uint64_t blk_limit_take(struct blk_limit *limit, uint64_t now_ns, bool write,
			uint64_t bytes)
{
	uint64_t wait = 0;

	for (uint32_t k = 0; k < BLK_LIMIT_KINDS; k++) {
		uint64_t ns = concerns(k, write)
				      ? rate_wait_ns(&limit->bucket[k], now_ns)
				      : 0;

		wait = ns > wait ? ns : wait;
	}
	for (uint32_t k = 0; wait == 0 && k < BLK_LIMIT_KINDS; k++) {
		if (concerns(k, write)) {
			rate_charge(&limit->bucket[k],
				    k >= BLK_LIMIT_BYTES ? bytes : 1, now_ns);
		}
	}
	return wait;
}
