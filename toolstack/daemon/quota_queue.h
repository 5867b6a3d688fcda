/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Clients of a socket that have used up their quota of requests, in the order in
 * which they began to wait, and one timer for all of them.  Who waits is not read.
 * Who is served and has to wait again is behind all others then, so that a user's
 * connections each get their part.
 */
#ifndef ZV_TOOLSTACK_DAEMON_QUOTA_QUEUE_H
#define ZV_TOOLSTACK_DAEMON_QUOTA_QUEUE_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "quota.h"

/* A part of a client. */
struct quota_waiter {
	struct quota_waiter *next;
	struct quota_waiter **link; /* NULL: does not wait */
	struct quota *quota;
	/* It has left the queue, and may be served. */
	void (*go_on)(struct quota_waiter *waiter);
};

struct quota_queue {
	struct quota_waiter *first;
	struct quota_waiter **end;
	uv_timer_t timer; /* active: some wait */
};

void quota_queue_init(struct quota_queue *queue, uv_loop_t *loop);
void quota_queue_close(struct quota_queue *queue); /* nobody waits */

/* The time that quotas of the queue's clients go by. */
uint64_t quota_queue_now(const struct quota_queue *queue);

/* Its share is used up: it is served when the rate has given it more. */
bool quota_queue_late(const struct quota_queue *queue,
		      const struct quota *quota);

void quota_queue_wait(struct quota_queue *queue, struct quota_waiter *waiter);
/* Nothing happens if it does not wait. */
void quota_queue_leave(struct quota_queue *queue, struct quota_waiter *waiter);

#endif /* ZV_TOOLSTACK_DAEMON_QUOTA_QUEUE_H */
