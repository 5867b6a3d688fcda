/* SPDX-License-Identifier: BSD-2-Clause */
#include "blk/blk_limit.h"

#include <string.h>

#define SECOND 1000000000ull
/*
 * The shortest burst: timers come to the millisecond, so less would be a lower
 * rate than was asked for.
 */
#define BURST_MIN_NS (SECOND / 100)
#define BURST_MAX_NS (SECOND * 3600)

/* Nanoseconds that n tokens take to earn, at most an hour. */
static uint64_t cost_ns(uint64_t n, uint64_t per_second)
{
	uint64_t seconds = n / per_second;

	if (seconds >= BURST_MAX_NS / SECOND) {
		return BURST_MAX_NS;
	}
	return seconds * SECOND +
	       (uint64_t)((unsigned __int128)(n % per_second) * SECOND /
			  per_second);
}

void blk_limit_init(struct blk_limit *limit,
		    const struct blk_limit_config *config, uint64_t now_ns)
{
	memset(limit, 0, sizeof(*limit));
	for (uint32_t k = 0; k < BLK_LIMIT_KINDS; k++) {
		const struct blk_limit_rate *rate = &config->rate[k];
		uint64_t burst = SECOND / 10;

		if (rate->per_second == 0) {
			continue;
		}
		if (rate->burst != 0) {
			burst = cost_ns(rate->burst, rate->per_second);
		}
		limit->on = true;
		limit->bucket[k].per_second = rate->per_second;
		limit->bucket[k].burst_ns =
			burst > BURST_MIN_NS ? burst : BURST_MIN_NS;
		limit->bucket[k].full_at = now_ns;
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

static bool counts_bytes(uint32_t kind)
{
	return kind >= BLK_LIMIT_BYTES;
}

/* What a request costs of a bucket, in nanoseconds; 0 if it is no concern. */
static uint64_t price(const struct blk_limit *limit, uint32_t kind, bool write,
		      uint64_t bytes)
{
	uint64_t per_second = limit->bucket[kind].per_second;

	if (per_second == 0 || !concerns(kind, write)) {
		return 0;
	}
	return cost_ns(counts_bytes(kind) ? bytes : 1, per_second);
}

uint64_t blk_limit_take(struct blk_limit *limit, uint64_t now_ns, bool write,
			uint64_t bytes)
{
	uint64_t wait = 0;

	for (uint32_t k = 0; k < BLK_LIMIT_KINDS; k++) {
		uint64_t cost = price(limit, k, write, bytes);
		uint64_t room = limit->bucket[k].burst_ns;
		uint64_t full_at = limit->bucket[k].full_at;

		room = now_ns + (room > cost ? room : cost);
		if (cost != 0 && full_at + cost > room &&
		    full_at + cost - room > wait) {
			wait = full_at + cost - room;
		}
	}
	for (uint32_t k = 0; wait == 0 && k < BLK_LIMIT_KINDS; k++) {
		uint64_t *full_at = &limit->bucket[k].full_at;

		*full_at = *full_at > now_ns ? *full_at : now_ns;
		*full_at += price(limit, k, write, bytes);
	}
	return wait;
}
