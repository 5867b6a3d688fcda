/* SPDX-License-Identifier: BSD-2-Clause */
#include "backoff.h"

#define FREE_COUNT 3u
#define FIRST_MS 250u
#define LONGEST_MS 30000u
#define FORGET_MS 60000u
#define SHIFT_MAX 7u /* FIRST_MS << 7 exceeds LONGEST_MS */

unsigned int backoff_count(const struct backoff *backoff, uint64_t now_ms)
{
	/* last_ms lies ahead while a wait is not over */
	return now_ms > backoff->last_ms + FORGET_MS ? 0 : backoff->count;
}

void backoff_restore(struct backoff *backoff, uint64_t count, uint64_t now_ms)
{
	backoff->count = count < FREE_COUNT + SHIFT_MAX
				 ? (unsigned int)count
				 : FREE_COUNT + SHIFT_MAX;
	backoff->last_ms = now_ms;
}

uint64_t backoff_next(struct backoff *backoff, uint64_t now_ms)
{
	uint64_t longest =
		backoff->longest_ms ? backoff->longest_ms : LONGEST_MS;
	uint64_t delay = 0;

	backoff->count = backoff_count(backoff, now_ms);
	if (backoff->count >= FREE_COUNT) {
		delay = (uint64_t)FIRST_MS << (backoff->count - FREE_COUNT);
		if (delay > longest) {
			delay = longest;
		}
	}
	if (backoff->count < FREE_COUNT + SHIFT_MAX) {
		backoff->count++;
	}
	backoff->last_ms = now_ms + delay;
	return delay;
}
