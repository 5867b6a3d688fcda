/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/rate.h"

#define NS_PER_S 1000000000ull
#define BURST_PART 10u /* of a second, by default */

/* Time that amount takes; what is left of the division goes to *rest. */
static uint64_t time_of(uint64_t amount, uint64_t per_second, uint64_t *rest)
{
	unsigned __int128 work = (unsigned __int128)amount * NS_PER_S + *rest;
	unsigned __int128 ns = work / per_second;

	*rest = (uint64_t)(work % per_second);
	return ns > UINT64_MAX / 2 ? UINT64_MAX / 2 : (uint64_t)ns;
}

void rate_init(struct rate *rate, const struct rate_limit *limit,
	       uint64_t now_ns)
{
	uint64_t rest = 0;

	*rate = (struct rate){
		.per_second = limit->per_second,
		.full_ns = now_ns,
	};
	if (limit->per_second == 0) {
		return;
	}
	rate->burst_ns = limit->burst == 0 ? NS_PER_S / BURST_PART
					   : time_of(limit->burst,
						     limit->per_second, &rest);
	/* Or nothing would ever pass. */
	if (rate->burst_ns == 0) {
		rate->burst_ns = 1;
	}
}

uint64_t rate_wait_ns(const struct rate *rate, uint64_t now_ns)
{
	uint64_t backlog;

	if (rate->per_second == 0 || rate->full_ns <= now_ns) {
		return 0;
	}
	backlog = rate->full_ns - now_ns;
	return backlog < rate->burst_ns ? 0 : backlog - rate->burst_ns + 1;
}

bool rate_is_full(const struct rate *rate, uint64_t now_ns)
{
	return rate->full_ns <= now_ns;
}

void rate_charge(struct rate *rate, uint64_t amount, uint64_t now_ns)
{
	uint64_t from = rate->full_ns;
	uint64_t ns;

	if (rate->per_second == 0) {
		return;
	}
	if (from < now_ns) {
		from = now_ns;
		rate->rest = 0;
	}
	ns = time_of(amount, rate->per_second, &rate->rest);
	if (__builtin_add_overflow(from, ns, &rate->full_ns)) {
		rate->full_ns = UINT64_MAX;
	}
}
