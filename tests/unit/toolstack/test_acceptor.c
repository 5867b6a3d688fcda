/* SPDX-License-Identifier: BSD-2-Clause */
/* daemon/acceptor: a connection that could not be taken is not the last one. */
#include "acceptor.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cmocka_all.h"

#define CLIENTS 3u

static struct {
	uv_loop_t loop;
	struct acceptor acceptor;
	uv_pipe_t taken[CLIENTS];
	unsigned int count;
	unsigned int calls;
	unsigned int fail; /* so many calls */
	struct sockaddr_un address;
	char dir[32];
	int clients[CLIENTS];
} t;

static int take(struct acceptor *acceptor)
{
	uv_pipe_t *pipe = &t.taken[t.count];

	if (t.calls++ < t.fail) {
		return UV_ENOMEM;
	}
	uv_pipe_init(&t.loop, pipe, 0);
	assert_int_equal(
		uv_accept((uv_stream_t *)&acceptor->pipe, (uv_stream_t *)pipe),
		0);
	uv_close((uv_handle_t *)pipe, NULL);
	if (++t.count == CLIENTS) {
		acceptor_close(acceptor);
	}
	return 0;
}

static void on_limit(uv_timer_t *timer)
{
	(void)timer;
	fail_msg("nobody takes the connections");
}

/* Connects all of them, and has them taken. */
static void run(unsigned int failures)
{
	uv_timer_t limit;

	t.fail = failures;
	for (unsigned int i = 0; i < CLIENTS; i++) {
		t.clients[i] = socket(AF_UNIX, SOCK_STREAM, 0);
		assert_int_equal(connect(t.clients[i],
					 (struct sockaddr *)&t.address,
					 sizeof(t.address)),
				 0);
	}
	uv_timer_init(&t.loop, &limit);
	uv_timer_start(&limit, on_limit, 4000, 0);
	uv_unref((uv_handle_t *)&limit);
	uv_run(&t.loop, UV_RUN_DEFAULT);
	assert_int_equal(t.count, CLIENTS);
	uv_close((uv_handle_t *)&limit, NULL);
	uv_run(&t.loop, UV_RUN_DEFAULT);
	for (unsigned int i = 0; i < CLIENTS; i++) {
		close(t.clients[i]);
	}
}

static int setup(void **state)
{
	int fd;

	(void)state;
	memset(&t, 0, sizeof(t));
	snprintf(t.dir, sizeof(t.dir), "/tmp/acceptor-XXXXXX");
	assert_non_null(mkdtemp(t.dir));
	t.address.sun_family = AF_UNIX;
	snprintf(t.address.sun_path, sizeof(t.address.sun_path), "%s/sock",
		 t.dir);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(
		bind(fd, (struct sockaddr *)&t.address, sizeof(t.address)), 0);
	uv_loop_init(&t.loop);
	assert_int_equal(acceptor_open(&t.acceptor, &t.loop, fd, take), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(uv_loop_close(&t.loop), 0);
	unlink(t.address.sun_path);
	rmdir(t.dir);
	return 0;
}

static void test_taken_at_once(void **state)
{
	(void)state;
	run(0);
	assert_int_equal(t.calls, CLIENTS);
}

static void test_taken_later(void **state)
{
	(void)state;
	run(2);
	assert_int_equal(t.calls, CLIENTS + 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_taken_at_once, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_taken_later, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
