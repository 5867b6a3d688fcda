/* SPDX-License-Identifier: BSD-2-Clause */
#include "quota_queue.h"

#include <stddef.h>

#define NS_PER_MS 1000000u

uint64_t quota_queue_now(const struct quota_queue *queue)
{
	return uv_now(queue->timer.loop) * NS_PER_MS;
}

static uint64_t wait_ms(const struct quota_queue *queue,
			const struct quota *quota)
{
	uint64_t ns = rate_wait_ns(&quota->rate, quota_queue_now(queue));

	return ns / NS_PER_MS + (ns % NS_PER_MS != 0);
}

bool quota_queue_late(const struct quota_queue *queue,
		      const struct quota *quota)
{
	return wait_ms(queue, quota) > 0;
}

void quota_queue_leave(struct quota_queue *queue, struct quota_waiter *waiter)
{
	if (!waiter->link) {
		return;
	}
	*waiter->link = waiter->next;
	if (waiter->next) {
		waiter->next->link = waiter->link;
	} else {
		queue->end = waiter->link;
	}
	waiter->link = NULL;
}

static struct quota_waiter *first_that_may(const struct quota_queue *queue)
{
	struct quota_waiter *w = queue->first;

	while (w && quota_queue_late(queue, w->quota)) {
		w = w->next;
	}
	return w;
}

static void on_quota(uv_timer_t *timer);

static void wake_for(struct quota_queue *queue, const struct quota_waiter *w)
{
	uint64_t ms = wait_ms(queue, w->quota);

	if (!uv_is_active((uv_handle_t *)&queue->timer) ||
	    uv_timer_get_due_in(&queue->timer) > ms) {
		uv_timer_start(&queue->timer, on_quota, ms, 0);
	}
}

static void on_quota(uv_timer_t *timer)
{
	struct quota_queue *queue = timer->data;
	struct quota_waiter *w;

	while ((w = first_that_may(queue)) != NULL) {
		quota_queue_leave(queue, w);
		w->go_on(w);
	}
	for (w = queue->first; w; w = w->next) {
		wake_for(queue, w);
	}
}

void quota_queue_wait(struct quota_queue *queue, struct quota_waiter *waiter)
{
	waiter->next = NULL;
	waiter->link = queue->end;
	*queue->end = waiter;
	queue->end = &waiter->next;
	wake_for(queue, waiter);
}

void quota_queue_init(struct quota_queue *queue, uv_loop_t *loop)
{
	queue->first = NULL;
	queue->end = &queue->first;
	uv_timer_init(loop, &queue->timer);
	queue->timer.data = queue;
}

void quota_queue_close(struct quota_queue *queue)
{
	uv_close((uv_handle_t *)&queue->timer, NULL);
}
