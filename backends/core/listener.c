/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/listener.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "core/container_of.h"

static bool is_used_up(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOMEM ||
	       error == ENOBUFS;
}

static void on_connect(struct event_watch *watch, unsigned int events)
{
	struct listener *listener = container_of(watch, struct listener, watch);
	int fd =
		accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd >= 0) {
		listener->on_accept(listener, fd);
	} else if (is_used_up(errno) &&
		   event_timer(listener->loop, &listener->retry,
			       LISTENER_RETRY_MS) == 0) {
		event_unwatch(listener->loop, &listener->watch);
	}
}

static void on_retry(struct event_timer *timer)
{
	struct listener *listener = container_of(timer, struct listener, retry);

	if (event_watch(listener->loop, &listener->watch, listener->fd,
			EVENT_READ) != 0) {
		(void)event_timer(listener->loop, timer, LISTENER_RETRY_MS);
	}
}

int listener_start(struct listener *listener)
{
	listener->watch.cb = on_connect;
	listener->retry.cb = on_retry;
	return event_watch(listener->loop, &listener->watch, listener->fd,
			   EVENT_READ);
}

void listener_stop(struct listener *listener)
{
	event_unwatch(listener->loop, &listener->watch);
	(void)event_timer(listener->loop, &listener->retry, EVENT_NEVER);
}
