/* SPDX-License-Identifier: BSD-2-Clause */
#include "acceptor.h"

#include "log.h"

#define BACKLOG 1024 /* who connects while a turn lasts */
#define RETRY_MS 200

static void take(struct acceptor *acceptor);

static void on_retry(uv_timer_t *timer)
{
	take(timer->data);
}

static void take(struct acceptor *acceptor)
{
	int rc = acceptor->take(acceptor);

	if (rc < 0 && rc != UV_EAGAIN) {
		log_warning("a client could not be accepted: %s",
			    uv_strerror(rc));
	}
	if (rc == UV_ENOMEM) {
		uv_timer_start(&acceptor->retry, on_retry, RETRY_MS, 0);
	}
}

static void on_connection(uv_stream_t *stream, int status)
{
	if (status == 0) {
		take(stream->data);
	}
}

int acceptor_open(struct acceptor *acceptor, uv_loop_t *loop, int fd,
		  acceptor_take_fn fn)
{
	int rc;

	acceptor->take = fn;
	acceptor->open = true;
	uv_timer_init(loop, &acceptor->retry);
	uv_pipe_init(loop, &acceptor->pipe, 0);
	acceptor->retry.data = acceptor;
	acceptor->pipe.data = acceptor;
	rc = uv_pipe_open(&acceptor->pipe, fd);
	if (rc == 0) {
		rc = uv_listen((uv_stream_t *)&acceptor->pipe, BACKLOG,
			       on_connection);
	}
	return rc;
}

void acceptor_close(struct acceptor *acceptor)
{
	if (acceptor->open) {
		acceptor->open = false;
		uv_close((uv_handle_t *)&acceptor->pipe, NULL);
		uv_close((uv_handle_t *)&acceptor->retry, NULL);
	}
}
