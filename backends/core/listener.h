/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A listening socket, and who connects to it.  When descriptors or memory are
 * used up the connection stays where it is: asking at once again would be a busy
 * loop, so it is asked again after a while.
 */
#ifndef ZV_BACKENDS_CORE_LISTENER_H
#define ZV_BACKENDS_CORE_LISTENER_H

#include "core/event.h"

#define LISTENER_RETRY_MS 500u

struct listener {
	struct event_loop *loop;
	int fd; /* the caller's; it does not block */
	/* fd: a new connection that does not block, from now on the callee's. */
	void (*on_accept)(struct listener *listener, int fd);
	struct event_watch watch; /* zeroed, as is the next */
	struct event_timer retry;
};

/* 0, or what event_watch() returns. */
int listener_start(struct listener *listener);
/* No effect on one that was not started. */
void listener_stop(struct listener *listener);

#endif /* ZV_BACKENDS_CORE_LISTENER_H */
