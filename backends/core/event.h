/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The event loop as the devices see it: watch an fd, unwatch it, a timer, and
 * "call me later in this turn".  libuv implements it in production
 * (event_uv.h), a manual pump in tests.
 *
 * The caller owns the three structs below, which must be zeroed before first
 * use with only cb set; after event_unwatch(), event_timer(EVENT_NEVER) and
 * event_undefer() respectively they may be freed at once, also from inside
 * their own callback.  One thread.
 */
#ifndef ZV_BACKENDS_CORE_EVENT_H
#define ZV_BACKENDS_CORE_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#define EVENT_READ (1u << 0)
#define EVENT_WRITE (1u << 1)
#define EVENT_HUP (1u << 2) /* the other side has gone */
#define EVENT_EDGE (1u << 3) /* see event_watch() */

#define EVENT_NEVER UINT64_MAX

struct event_watch {
	void (*cb)(struct event_watch *watch, unsigned int events);
	void *impl;
};

struct event_timer {
	void (*cb)(struct event_timer *timer);
	void *impl;
};

struct event_defer {
	void (*cb)(struct event_defer *defer);
	struct event_defer *next;
	bool queued;
};

struct event_loop;

struct event_loop_ops {
	int (*watch)(struct event_loop *loop, struct event_watch *watch, int fd,
		     unsigned int events);
	void (*unwatch)(struct event_loop *loop, struct event_watch *watch);
	int (*timer)(struct event_loop *loop, struct event_timer *timer,
		     uint64_t ms);
	/* event_loop_run_deferred() must be called before the loop sleeps. */
	int (*defer)(struct event_loop *loop);
};

struct event_loop {
	const struct event_loop_ops *ops;
	struct event_defer *first;
	struct event_defer **last;
};

void event_loop_init(struct event_loop *loop, const struct event_loop_ops *ops);
/* Runs what was deferred before the call; true if more was deferred since. */
bool event_loop_run_deferred(struct event_loop *loop);

/*
 * Watches fd for events (level-triggered), or changes what an active watch
 * waits for.  With events 0 only errors wake it.
 *
 * EVENT_READ | EVENT_EDGE is for an eventfd of which only the news count, not
 * the number.  A loop that can tell each only once says EVENT_EDGE in the call
 * too: then there is nothing to read.
 */
int event_watch(struct event_loop *loop, struct event_watch *watch, int fd,
		unsigned int events);
/* No effect on a watch that is not active.  Call it before close(fd). */
void event_unwatch(struct event_loop *loop, struct event_watch *watch);

/* One shot in ms milliseconds, replacing an earlier one; EVENT_NEVER: none. */
int event_timer(struct event_loop *loop, struct event_timer *timer,
		uint64_t ms);

/* One call of cb soon, from the loop and not from here. */
void event_defer(struct event_loop *loop, struct event_defer *defer);
void event_undefer(struct event_loop *loop, struct event_defer *defer);

#endif /* ZV_BACKENDS_CORE_EVENT_H */
