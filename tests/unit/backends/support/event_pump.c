/* SPDX-License-Identifier: BSD-2-Clause */
#include "event_pump.h"

#include <poll.h>
#include <stdlib.h>

#define TURNS_MAX 20000u

struct pump_entry {
	struct pump_entry *next;
	struct event_watch *watch; /* NULL with timer NULL: dead */
	struct event_timer *timer;
	int fd;
	unsigned int events;
	uint64_t due;
};

static struct event_pump *to_pump(struct event_loop *loop)
{
	return (struct event_pump *)loop;
}

static struct pump_entry *add(struct event_pump *pump)
{
	struct pump_entry *entry = calloc(1, sizeof(*entry));

	if (entry == NULL) {
		abort();
	}
	entry->next = pump->entries;
	pump->entries = entry;
	return entry;
}

static int watch_pump(struct event_loop *loop, struct event_watch *watch,
		      int fd, unsigned int events)
{
	struct pump_entry *entry = watch->impl;

	if (entry == NULL) {
		entry = add(to_pump(loop));
		entry->watch = watch;
		watch->impl = entry;
	}
	entry->fd = fd;
	entry->events = events;
	return 0;
}

static void unwatch_pump(struct event_loop *loop, struct event_watch *watch)
{
	struct pump_entry *entry = watch->impl;

	(void)loop;
	entry->watch = NULL;
	watch->impl = NULL;
}

static int timer_pump(struct event_loop *loop, struct event_timer *timer,
		      uint64_t ms)
{
	struct pump_entry *entry = timer->impl;

	if (ms == EVENT_NEVER) {
		entry->timer = NULL;
		timer->impl = NULL;
		return 0;
	}
	if (entry == NULL) {
		entry = add(to_pump(loop));
		entry->timer = timer;
		timer->impl = entry;
	}
	entry->due = to_pump(loop)->now_ms + ms;
	return 0;
}

static int defer_pump(struct event_loop *loop)
{
	(void)loop;
	return 0;
}

static const struct event_loop_ops pump_ops = {
	.watch = watch_pump,
	.unwatch = unwatch_pump,
	.timer = timer_pump,
	.defer = defer_pump,
};

void event_pump_init(struct event_pump *pump)
{
	event_loop_init(&pump->loop, &pump_ops);
	pump->entries = NULL;
	pump->now_ms = 0;
}

static void sweep(struct event_pump *pump)
{
	struct pump_entry **at = &pump->entries;

	while (*at != NULL) {
		struct pump_entry *entry = *at;

		if (entry->watch == NULL && entry->timer == NULL) {
			*at = entry->next;
			free(entry);
		} else {
			at = &entry->next;
		}
	}
}

unsigned int event_pump_fini(struct event_pump *pump)
{
	unsigned int left = 0;

	sweep(pump);
	while (pump->entries != NULL) {
		struct pump_entry *entry = pump->entries;

		pump->entries = entry->next;
		free(entry);
		left++;
	}
	return left;
}

static unsigned int ready_events(const struct pump_entry *entry)
{
	struct pollfd p = { .fd = entry->fd };
	unsigned int got = 0;

	p.events |= (short)((entry->events & EVENT_READ) != 0 ? POLLIN : 0);
	p.events |= (short)((entry->events & EVENT_WRITE) != 0 ? POLLOUT : 0);
	p.events |= (short)((entry->events & EVENT_HUP) != 0 ? POLLRDHUP : 0);
	if (poll(&p, 1, 0) <= 0) {
		return 0;
	}
	got |= (p.revents & POLLIN) != 0 ? EVENT_READ : 0;
	got |= (p.revents & POLLOUT) != 0 ? EVENT_WRITE : 0;
	got |= (p.revents & POLLRDHUP) != 0 ? EVENT_HUP : 0;
	if ((p.revents & (POLLHUP | POLLERR)) != 0) {
		got |= entry->events;
	}
	return got;
}

bool event_pump_turn(struct event_pump *pump)
{
	bool worked = pump->loop.first != NULL;
	struct pump_entry *entry;

	event_loop_run_deferred(&pump->loop);
	for (entry = pump->entries; entry != NULL; entry = entry->next) {
		unsigned int got =
			entry->watch != NULL ? ready_events(entry) : 0;

		if (got != 0) {
			entry->watch->cb(entry->watch, got);
			worked = true;
		}
	}
	sweep(pump);
	return worked;
}

bool event_pump_run(struct event_pump *pump)
{
	for (unsigned int i = 0; i < TURNS_MAX; i++) {
		if (!event_pump_turn(pump)) {
			return true;
		}
	}
	return false;
}

void event_pump_advance(struct event_pump *pump, uint64_t ms)
{
	struct pump_entry *entry;

	pump->now_ms += ms;
	for (entry = pump->entries; entry != NULL; entry = entry->next) {
		struct event_timer *timer = entry->timer;

		if (timer != NULL && entry->due <= pump->now_ms) {
			/* One shot, but it stays ours until it is stopped. */
			entry->due = UINT64_MAX;
			timer->cb(timer);
		}
	}
	(void)event_pump_run(pump);
}
