/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A libuv handle must live until its close callback, a struct event_watch only
 * until event_unwatch().  So handles are allocated here, point to their owner
 * while it lives, and free themselves.
 */
#include "core/event_uv.h"

#include <stdlib.h>
#include <sys/epoll.h>

struct uv_watch {
	uv_poll_t poll;
	struct event_watch *owner;
	int fd;
	int mask; /* 0: stopped */
	bool want_edge;
	bool edge; /* it is */
};

struct uv_alarm {
	uv_timer_t timer;
	struct event_timer *owner;
};

static struct event_uv *to_uv(struct event_loop *loop)
{
	return (struct event_uv *)loop;
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

/*
 * libuv watches by level only, but says which epoll it has: what it has put in
 * there it leaves alone until the watch is started anew.  What came since the
 * owner last looked counts as news.
 */
static void make_edge(struct uv_watch *w)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET,
				     .data.fd = w->fd };

	w->edge = epoll_ctl(uv_backend_fd(w->poll.loop), EPOLL_CTL_MOD, w->fd,
			    &event) == 0;
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct uv_watch *w = poll->data;
	unsigned int got = 0;

	if (w->owner == NULL) {
		return;
	}
	if (status < 0) {
		/* POLLERR: reading or writing will tell what it is. */
		got = EVENT_READ | EVENT_WRITE | EVENT_HUP;
	} else {
		got |= (events & UV_READABLE) != 0 ? EVENT_READ : 0;
		got |= (events & UV_WRITABLE) != 0 ? EVENT_WRITE : 0;
		got |= (events & UV_DISCONNECT) != 0 ? EVENT_HUP : 0;
		got |= w->edge ? EVENT_EDGE : 0;
	}
	w->owner->cb(w->owner, got);
	if (status >= 0 && w->owner != NULL && w->want_edge && !w->edge) {
		make_edge(w);
	}
	/*
	 * After an error libuv looks no more, but it need not be the end: the
	 * owner, which did not give up, is to hear of what comes.
	 */
	if (status < 0 && w->owner != NULL && w->mask != 0) {
		w->edge = false;
		(void)uv_poll_start(&w->poll, w->mask, on_poll);
	}
}

static int watch_uv(struct event_loop *loop, struct event_watch *watch, int fd,
		    unsigned int events)
{
	struct uv_watch *w = watch->impl;
	int mask = 0;
	int rc;

	mask |= (events & EVENT_READ) != 0 ? UV_READABLE : 0;
	mask |= (events & EVENT_WRITE) != 0 ? UV_WRITABLE : 0;
	mask |= (events & EVENT_HUP) != 0 ? UV_DISCONNECT : 0;
	if (w == NULL) {
		w = calloc(1, sizeof(*w));
		if (w == NULL) {
			return UV_ENOMEM;
		}
		rc = uv_poll_init(to_uv(loop)->uv, &w->poll, fd);
		if (rc != 0) {
			free(w);
			return rc;
		}
		w->poll.data = w;
		w->fd = fd;
		w->owner = watch;
		watch->impl = w;
	}
	w->mask = mask;
	w->want_edge = (events & EVENT_EDGE) != 0;
	w->edge = false;
	if (mask == 0) {
		return uv_poll_stop(&w->poll);
	}
	return uv_poll_start(&w->poll, mask, on_poll);
}

static void unwatch_uv(struct event_loop *loop, struct event_watch *watch)
{
	struct uv_watch *w = watch->impl;

	(void)loop;
	watch->impl = NULL;
	w->owner = NULL;
	uv_close((uv_handle_t *)&w->poll, on_closed);
}

static void on_timer(uv_timer_t *timer)
{
	struct uv_alarm *alarm = timer->data;

	if (alarm->owner != NULL) {
		alarm->owner->cb(alarm->owner);
	}
}

static int timer_uv(struct event_loop *loop, struct event_timer *timer,
		    uint64_t ms)
{
	struct uv_alarm *alarm = timer->impl;

	if (ms == EVENT_NEVER) {
		timer->impl = NULL;
		alarm->owner = NULL;
		uv_close((uv_handle_t *)&alarm->timer, on_closed);
		return 0;
	}
	if (alarm == NULL) {
		alarm = calloc(1, sizeof(*alarm));
		if (alarm == NULL) {
			return UV_ENOMEM;
		}
		uv_timer_init(to_uv(loop)->uv, &alarm->timer);
		alarm->timer.data = alarm;
		alarm->owner = timer;
		timer->impl = alarm;
	}
	/* libuv counts from its cached time, which may be old by now. */
	uv_update_time(to_uv(loop)->uv);
	return uv_timer_start(&alarm->timer, on_timer, ms, 0);
}

static void on_idle(uv_idle_t *idle)
{
	struct event_uv *ev = idle->data;

	if (!event_loop_run_deferred(&ev->loop)) {
		uv_idle_stop(idle);
	}
}

static int defer_uv(struct event_loop *loop)
{
	/* An active idle handle keeps libuv from sleeping. */
	return uv_idle_start(&to_uv(loop)->idle, on_idle);
}

static const struct event_loop_ops uv_ops = {
	.watch = watch_uv,
	.unwatch = unwatch_uv,
	.timer = timer_uv,
	.defer = defer_uv,
};

int event_uv_init(struct event_uv *ev, uv_loop_t *uv)
{
	event_loop_init(&ev->loop, &uv_ops);
	ev->uv = uv;
	ev->idle.data = ev;
	return uv_idle_init(uv, &ev->idle);
}

void event_uv_fini(struct event_uv *ev)
{
	uv_close((uv_handle_t *)&ev->idle, NULL);
}
