/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hvd's events, in the loop.  A hvd that is not there, ends or does not answer is
 * tried again every second, and after the first time nothing of what happens in
 * between is missed.  Connecting waits for hvd, so it is done on a thread.
 */
#ifndef ZV_TOOLSTACK_LIBVIRT_EVENT_LINK_H
#define ZV_TOOLSTACK_LIBVIRT_EVENT_LINK_H

#include <stdbool.h>
#include <uv.h>

struct event_link;
struct hvd_event;

struct event_link_ops {
	void (*event)(const struct hvd_event *event, void *arg);
	/* hvd sends events from now on, or was not to be had this time.  May come
	 * again. */
	void (*settled)(void *arg);
};

/* Begins to connect; calls nothing before it returns.  NULL: out of memory. */
struct event_link *event_link_new(uv_loop_t *loop, const char *socket,
				  const struct event_link_ops *ops, void *arg);
/* Calls nothing any more.  NULL is fine. */
void event_link_close(struct event_link *link);

/* True until settled() is called for the first time. */
bool event_link_is_new(const struct event_link *link);

#endif /* ZV_TOOLSTACK_LIBVIRT_EVENT_LINK_H */
