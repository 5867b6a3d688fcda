/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How long requests of one kind took, as a histogram of powers of two: bucket i
 * holds those of more than 2^(i-1) and at most 2^i microseconds, the first all up
 * to one, the last all that took longer than 2^24 (16.8 seconds).
 */
#ifndef ZV_BACKENDS_BLK_BLK_LATENCY_H
#define ZV_BACKENDS_BLK_BLK_LATENCY_H

#include <stdint.h>

#define BLK_LATENCY_BUCKETS 26u

struct blk_latency {
	uint64_t sum_ns;
	uint64_t bucket[BLK_LATENCY_BUCKETS];
};

static inline void blk_latency_add(struct blk_latency *l, uint64_t ns)
{
	uint64_t us = (ns + 999u) / 1000u;
	uint32_t i = us <= 1 ? 0 : 64u - (uint32_t)__builtin_clzll(us - 1);

	l->sum_ns += ns;
	l->bucket[i < BLK_LATENCY_BUCKETS ? i : BLK_LATENCY_BUCKETS - 1]++;
}

#endif /* ZV_BACKENDS_BLK_BLK_LATENCY_H */
