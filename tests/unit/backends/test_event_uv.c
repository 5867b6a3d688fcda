/* SPDX-License-Identifier: BSD-2-Clause */
/* The event loop on libuv: nothing fires late, nothing is left behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <netinet/in.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/container_of.h"
#include "core/event_uv.h"

struct thing {
	struct event_watch watch;
	struct event_timer timer;
	struct event_defer defer;
	struct event_uv *ev;
	int fd;
	unsigned int events;
	unsigned int fired;
};

static uv_loop_t uv;
static struct event_uv ev;

static int setup(void **state)
{
	(void)state;
	assert_int_equal(uv_loop_init(&uv), 0);
	return event_uv_init(&ev, &uv);
}

static int teardown(void **state)
{
	(void)state;
	event_uv_fini(&ev);
	uv_run(&uv, UV_RUN_DEFAULT);
	/* Every handle was closed, every allocation freed (ASan). */
	assert_int_equal(uv_loop_close(&uv), 0);
	return 0;
}

static void note(struct event_watch *watch, unsigned int events);

/* What is there is told until it is read, then each signal once, unread. */
static void edges(void **state)
{
	struct thing thing = { .watch.cb = note, .fd = eventfd(0, 0) };
	uint64_t value;

	(void)state;
	assert_true(thing.fd >= 0);
	assert_int_equal(event_watch(&ev.loop, &thing.watch, thing.fd,
				     EVENT_READ | EVENT_EDGE),
			 0);
	assert_int_equal(eventfd_write(thing.fd, 1), 0);
	uv_run(&uv, UV_RUN_ONCE);
	assert_int_equal(thing.fired, 1);
	assert_int_equal(thing.events, EVENT_READ);
	/* Not read: that is news to an edge. */
	uv_run(&uv, UV_RUN_ONCE);
	assert_int_equal(thing.fired, 2);
	assert_int_equal(thing.events, EVENT_READ | EVENT_EDGE);
	for (unsigned int i = 3; i < 6; i++) {
		uv_run(&uv, UV_RUN_NOWAIT);
		assert_int_equal(thing.fired, i - 1);
		assert_int_equal(eventfd_write(thing.fd, 1), 0);
		uv_run(&uv, UV_RUN_ONCE);
		assert_int_equal(thing.fired, i);
	}
	/* Watched anew it is by level again. */
	assert_int_equal(
		event_watch(&ev.loop, &thing.watch, thing.fd, EVENT_READ), 0);
	thing.events = 0;
	uv_run(&uv, UV_RUN_ONCE);
	uv_run(&uv, UV_RUN_ONCE);
	assert_int_equal(thing.fired, 7);
	assert_int_equal(thing.events, EVENT_READ);
	assert_int_equal(eventfd_read(thing.fd, &value), 0);
	assert_int_equal(value, 4);
	event_unwatch(&ev.loop, &thing.watch);
	close(thing.fd);
}

/* Frees itself in its own callback, which event.h allows. */
static void on_watch(struct event_watch *watch, unsigned int events)
{
	struct thing *thing = container_of(watch, struct thing, watch);
	int fd = thing->fd;

	assert_true((events & EVENT_READ) != 0);
	event_unwatch(&ev.loop, watch);
	close(fd);
	free(thing);
}

static void freed_in_its_callback(void **state)
{
	struct thing *thing = calloc(1, sizeof(*thing));
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	thing->fd = fds[0];
	thing->watch.cb = on_watch;
	assert_int_equal(
		event_watch(&ev.loop, &thing->watch, fds[0], EVENT_READ), 0);
	assert_int_equal(write(fds[1], "x", 1), 1);
	uv_run(&uv, UV_RUN_ONCE);
	close(fds[1]);
}

static void note(struct event_watch *watch, unsigned int events)
{
	struct thing *thing = container_of(watch, struct thing, watch);

	thing->fired++;
	thing->events |= events;
}

static void mask_changes(void **state)
{
	struct thing thing = { .watch.cb = note };
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(event_watch(&ev.loop, &thing.watch, fds[1], 0), 0);
	uv_run(&uv, UV_RUN_NOWAIT);
	assert_int_equal(thing.fired, 0);
	assert_int_equal(
		event_watch(&ev.loop, &thing.watch, fds[1], EVENT_WRITE), 0);
	uv_run(&uv, UV_RUN_NOWAIT);
	assert_int_equal(thing.events, EVENT_WRITE);
	close(fds[0]);
	thing.events = 0;
	uv_run(&uv, UV_RUN_NOWAIT);
	assert_true(thing.events != 0);
	event_unwatch(&ev.loop, &thing.watch);
	event_unwatch(&ev.loop, &thing.watch);
	close(fds[1]);
}

/* Reads what there is, be it an error. */
static void on_datagram(struct event_watch *watch, unsigned int events)
{
	struct thing *thing = container_of(watch, struct thing, watch);
	char byte;

	(void)events;
	if (recv(thing->fd, &byte, 1, MSG_DONTWAIT) == 1) {
		thing->fired++;
	} else {
		thing->events++;
	}
}

/* An error that passes ends no watch: level-triggered, as event.h says. */
static void goes_on_after_an_error(void **state)
{
	struct thing thing = { .watch.cb = on_datagram };
	struct sockaddr_in own = { .sin_family = AF_INET };
	struct sockaddr_in peer = { .sin_family = AF_INET };
	socklen_t len = sizeof(own);
	int fd;

	(void)state;
	own.sin_addr.s_addr = peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	thing.fd = socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(bind(thing.fd, (void *)&own, sizeof(own)), 0);
	assert_int_equal(getsockname(thing.fd, (void *)&own, &len), 0);
	/* A port that nobody has: it was somebody's until now. */
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(bind(fd, (void *)&peer, sizeof(peer)), 0);
	assert_int_equal(getsockname(fd, (void *)&peer, &len), 0);
	close(fd);
	assert_int_equal(connect(thing.fd, (void *)&peer, sizeof(peer)), 0);
	assert_int_equal(send(thing.fd, "x", 1, 0), 1);
	assert_int_equal(
		event_watch(&ev.loop, &thing.watch, thing.fd, EVENT_READ), 0);
	uv_run(&uv, UV_RUN_NOWAIT);
	assert_int_equal(thing.events, 1);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(bind(fd, (void *)&peer, sizeof(peer)), 0);
	assert_int_equal(sendto(fd, "y", 1, 0, (void *)&own, sizeof(own)), 1);
	uv_run(&uv, UV_RUN_NOWAIT);
	assert_int_equal(thing.fired, 1);
	event_unwatch(&ev.loop, &thing.watch);
	close(fd);
	close(thing.fd);
}

static void on_timer(struct event_timer *timer)
{
	container_of(timer, struct thing, timer)->fired++;
}

static void timers(void **state)
{
	struct thing thing = { .timer.cb = on_timer };

	(void)state;
	assert_int_equal(event_timer(&ev.loop, &thing.timer, EVENT_NEVER), 0);
	assert_int_equal(event_timer(&ev.loop, &thing.timer, 100000), 0);
	/* Replaced by a shorter one, which fires once. */
	assert_int_equal(event_timer(&ev.loop, &thing.timer, 1), 0);
	uv_run(&uv, UV_RUN_ONCE);
	assert_int_equal(thing.fired, 1);
	uv_run(&uv, UV_RUN_NOWAIT);
	assert_int_equal(thing.fired, 1);
	assert_int_equal(event_timer(&ev.loop, &thing.timer, 0), 0);
	event_timer(&ev.loop, &thing.timer, EVENT_NEVER);
	uv_run(&uv, UV_RUN_NOWAIT);
	assert_int_equal(thing.fired, 1);
}

static void on_defer(struct event_defer *defer)
{
	struct thing *thing = container_of(defer, struct thing, defer);

	if (++thing->fired < 3) {
		event_defer(&ev.loop, defer);
	}
}

static void deferred(void **state)
{
	struct thing a = { .defer.cb = on_defer };
	struct thing b = { .defer.cb = on_defer };
	struct thing c = { .defer.cb = on_defer };

	(void)state;
	event_defer(&ev.loop, &a.defer);
	event_defer(&ev.loop, &a.defer);
	event_defer(&ev.loop, &b.defer);
	event_defer(&ev.loop, &c.defer);
	event_undefer(&ev.loop, &c.defer);
	event_undefer(&ev.loop, &b.defer);
	event_undefer(&ev.loop, &b.defer);
	event_defer(&ev.loop, &c.defer);
	assert_int_equal(a.fired, 0);
	/* One call a turn, and then the loop has nothing to do. */
	uv_run(&uv, UV_RUN_NOWAIT);
	assert_int_equal(a.fired, 1);
	assert_int_equal(uv_run(&uv, UV_RUN_DEFAULT), 0);
	assert_int_equal(a.fired, 3);
	assert_int_equal(b.fired, 0);
	assert_int_equal(c.fired, 3);
	assert_false(uv_loop_alive(&uv));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(edges),	    TEST(freed_in_its_callback),
		TEST(mask_changes), TEST(goes_on_after_an_error),
		TEST(timers),	    TEST(deferred),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
