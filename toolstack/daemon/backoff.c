/* SPDX-License-Identifier: BSD-2-Clause */
#include "backoff.h"

#define FREE_COUNT 3u
#define FIRST_MS 250u
#define LONGEST_MS 30000u
#define FORGET_MS 60000u
#define SHIFT_MAX 7u /* FIRST_MS << 7 exceeds LONGEST_MS */

uint64_t backoff_next(struct backoff *backoff, uint64_t now_ms)
{
	uint64_t longest =
		backoff->longest_ms ? backoff->longest_ms : LONGEST_MS;
	uint64_t delay = 0;

	/* last_ms lies ahead while a wait is not over */
	if (now_ms > backoff->last_ms + FORGET_MS) {
		backoff->count = 0;
	}
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
