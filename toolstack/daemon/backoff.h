/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How long to wait before doing something again that may fail, or be made to
 * happen by a guest, over and over: three times at once, then 250 ms, doubling
 * to longest_ms; forgotten after a minute without.
 */
#ifndef ZV_TOOLSTACK_DAEMON_BACKOFF_H
#define ZV_TOOLSTACK_DAEMON_BACKOFF_H

#include <stdint.h>

struct backoff {
	uint64_t longest_ms; /* 0: 30 s */
	uint64_t last_ms;
	unsigned int count;
};

/* now_ms: any clock that only grows.  Returns milliseconds. */
uint64_t backoff_next(struct backoff *backoff, uint64_t now_ms);

/* How often lately: for a successor, to whom backoff_restore() gives it. */
unsigned int backoff_count(const struct backoff *backoff, uint64_t now_ms);
void backoff_restore(struct backoff *backoff, uint64_t count, uint64_t now_ms);

#endif /* ZV_TOOLSTACK_DAEMON_BACKOFF_H */
