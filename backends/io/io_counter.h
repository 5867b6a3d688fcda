/* SPDX-License-Identifier: BSD-2-Clause */
/* What a device has done since the process was started. */
#ifndef ZV_BACKENDS_IO_IO_COUNTER_H
#define ZV_BACKENDS_IO_IO_COUNTER_H

#include <stdint.h>

#define IO_COUNTERS_MAX 16u

struct io_counter {
	const char *name; /* lower-case letters and dashes; constant */
	uint64_t value;
};

/* How long requests took. */
#define IO_LATENCIES_MAX 4u
#define IO_LATENCY_BUCKETS_MAX 32u

struct io_latency {
	const char *name;
	uint64_t sum_ns;
	/*
	 * bucket[i]: how many took at most 2^i microseconds and are in none
	 * before; the last: all that took longer.
	 */
	const uint64_t *bucket;
	uint32_t buckets; /* 1 .. IO_LATENCY_BUCKETS_MAX */
};

struct io_counters {
	struct io_counter counter[IO_COUNTERS_MAX];
	struct io_latency latency[IO_LATENCIES_MAX];
	uint32_t count;
	uint32_t latencies;
};

#endif /* ZV_BACKENDS_IO_IO_COUNTER_H */
