/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/event.h"

#include <stddef.h>

void event_loop_init(struct event_loop *loop, const struct event_loop_ops *ops)
{
	*loop = (struct event_loop){ .ops = ops };
	loop->last = &loop->first;
}

static struct event_defer *take_first(struct event_loop *loop)
{
	struct event_defer *defer = loop->first;

	loop->first = defer->next;
	if (loop->first == NULL) {
		loop->last = &loop->first;
	}
	defer->next = NULL;
	defer->queued = false;
	return defer;
}

bool event_loop_run_deferred(struct event_loop *loop)
{
	/* A callback may defer itself again: that one waits for next time. */
	struct event_defer fence = { 0 };

	if (loop->first == NULL) {
		return false;
	}
	event_defer(loop, &fence);
	for (;;) {
		struct event_defer *defer = take_first(loop);

		if (defer == &fence) {
			return loop->first != NULL;
		}
		defer->cb(defer);
	}
}

int event_watch(struct event_loop *loop, struct event_watch *watch, int fd,
		unsigned int events)
{
	return loop->ops->watch(loop, watch, fd, events);
}

void event_unwatch(struct event_loop *loop, struct event_watch *watch)
{
	if (watch->impl != NULL) {
		loop->ops->unwatch(loop, watch);
	}
}

int event_timer(struct event_loop *loop, struct event_timer *timer, uint64_t ms)
{
	if (ms == EVENT_NEVER && timer->impl == NULL) {
		return 0;
	}
	return loop->ops->timer(loop, timer, ms);
}

void event_defer(struct event_loop *loop, struct event_defer *defer)
{
	if (defer->queued) {
		return;
	}
	defer->queued = true;
	defer->next = NULL;
	*loop->last = defer;
	loop->last = &defer->next;
	loop->ops->defer(loop);
}

void event_undefer(struct event_loop *loop, struct event_defer *defer)
{
	struct event_defer **at = &loop->first;

	if (!defer->queued) {
		return;
	}
	while (*at != defer) {
		at = &(*at)->next;
	}
	*at = defer->next;
	if (loop->last == &defer->next) {
		loop->last = at;
	}
	defer->next = NULL;
	defer->queued = false;
}
