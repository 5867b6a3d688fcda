// SPDX-License-Identifier: BSD-2-Clause
#include "event_link.h"

#include <errno.h>
#include <hvd.h>
#include <stdlib.h>

#define ANSWER_MS 2000 /* to connect, and to answer */
#define RETRY_MS 1000

/*
 * Working: the thread has conn, until done has come.  Then conn is polled, or the
 * timer runs until the next time.
 */
struct event_link {
	const struct event_link_ops *ops;
	void *arg;
	struct hvd_conn *conn;
	uv_poll_t poll;
	uv_timer_t retry;
	uv_async_t done;
	unsigned int open_handles;
	uv_thread_t thread;
	bool has_thread; /* it could be made */
	bool working;
	bool busy; /* inside hvd_process() */
	bool closed;
	bool settled;
	bool subscribed; /* from then on connecting renews it */
	int rc; /* of the thread */
};

static void on_handle_closed(uv_handle_t *handle)
{
	struct event_link *link = handle->data;

	if (--link->open_handles == 0) {
		free(link);
	}
}

static void link_free(struct event_link *link)
{
	hvd_close(link->conn);
	uv_close((uv_handle_t *)&link->poll, on_handle_closed);
	uv_close((uv_handle_t *)&link->retry, on_handle_closed);
	uv_close((uv_handle_t *)&link->done, on_handle_closed);
}

/* ----------------------------------------------------------- connecting */

static void on_event(struct hvd_conn *conn, const struct hvd_event *event,
		     void *arg)
{
	struct event_link *link = arg;

	(void)conn;
	if (!link->closed) {
		link->ops->event(event, link->arg);
	}
}

static void on_thread(void *arg)
{
	struct event_link *link = arg;

	link->rc = hvd_connect(link->conn);
	if (link->rc == 0 && !link->subscribed) {
		link->rc = hvd_subscribe(link->conn, HVD_EVENTS_NEW, on_event,
					 link, NULL);
	}
	uv_async_send(&link->done);
}

static void begin(struct event_link *link)
{
	link->working = true;
	link->has_thread =
		uv_thread_create(&link->thread, on_thread, link) == 0;
	if (!link->has_thread) {
		link->rc = -EAGAIN;
		uv_async_send(&link->done);
	}
}

static void on_retry(uv_timer_t *timer)
{
	begin(timer->data);
}

static void begin_later(struct event_link *link)
{
	uv_poll_stop(&link->poll);
	uv_timer_start(&link->retry, on_retry, RETRY_MS, 0);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct event_link *link = poll->data;
	int rc;

	(void)status;
	(void)events;
	link->busy = true;
	rc = hvd_process(link->conn);
	link->busy = false;
	if (link->closed) {
		link_free(link);
	} else if (rc < 0) {
		begin_later(link);
	}
}

static void on_done(uv_async_t *async)
{
	struct event_link *link = async->data;

	if (link->has_thread) {
		uv_thread_join(&link->thread);
	}
	link->working = false;
	if (link->closed) {
		link_free(link);
		return;
	}
	if (link->rc == 0) {
		link->subscribed = true;
		uv_poll_start(&link->poll, UV_READABLE, on_readable);
	} else {
		begin_later(link);
	}
	link->settled = true;
	link->ops->settled(link->arg);
}

/* ------------------------------------------------------- open and close */

struct event_link *event_link_new(uv_loop_t *loop, const char *socket,
				  const struct event_link_ops *ops, void *arg)
{
	struct event_link *link = calloc(1, sizeof(*link));

	if (!link) {
		return NULL;
	}
	link->conn = hvd_new(socket);
	if (!link->conn ||
	    uv_poll_init(loop, &link->poll, hvd_fd(link->conn)) < 0) {
		hvd_close(link->conn);
		free(link);
		return NULL;
	}
	uv_timer_init(loop, &link->retry);
	uv_async_init(loop, &link->done, on_done);
	link->open_handles = 3;
	link->poll.data = link;
	link->retry.data = link;
	link->done.data = link;
	link->ops = ops;
	link->arg = arg;
	hvd_set_timeout(link->conn, ANSWER_MS);
	begin(link);
	return link;
}

void event_link_close(struct event_link *link)
{
	if (!link || link->closed) {
		return;
	}
	link->closed = true;
	uv_poll_stop(&link->poll);
	uv_timer_stop(&link->retry);
	if (!link->working && !link->busy) {
		link_free(link);
	}
}

bool event_link_is_new(const struct event_link *link)
{
	return !link->settled;
}
