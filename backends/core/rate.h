/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A limit to so much per second with a burst: a token bucket.
 *
 * Kept is only when the bucket will be full again, so nothing has to be
 * refilled and the long-run rate is exact.  What passes is charged afterwards,
 * because the size of a packet is known only once it is there: the last one may
 * put the bucket into debt, which the next wait pays.
 *
 * The caller brings the time: nanoseconds of a clock that never goes back.
 */
#ifndef ZV_BACKENDS_CORE_RATE_H
#define ZV_BACKENDS_CORE_RATE_H

#include <stdbool.h>
#include <stdint.h>

struct rate_limit {
	uint64_t per_second; /* 0: no limit */
	uint64_t burst; /* 0: what passes in a tenth of a second */
};

struct rate {
	uint64_t per_second;
	uint64_t burst_ns; /* time that the burst takes at this rate */
	uint64_t full_ns; /* when the bucket is, or was, full */
	uint64_t rest; /* of the last division */
};

/* A full bucket. */
void rate_init(struct rate *rate, const struct rate_limit *limit,
	       uint64_t now_ns);

/* How long nothing may pass; 0: go on. */
uint64_t rate_wait_ns(const struct rate *rate, uint64_t now_ns);

/* Nothing is missing: as after rate_init(). */
bool rate_is_full(const struct rate *rate, uint64_t now_ns);

/* So much has passed. */
void rate_charge(struct rate *rate, uint64_t amount, uint64_t now_ns);

#endif /* ZV_BACKENDS_CORE_RATE_H */
