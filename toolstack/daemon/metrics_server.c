/* SPDX-License-Identifier: BSD-2-Clause */
#include "metrics_server.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "daemon.h"
#include "http_request.h"
#include "log.h"
#include "metrics.h"
#include "openmetrics.h"
#include "unix_socket.h"

#define PATH "/metrics"
#define CLIENTS_MAX 16u /* of each listener */
#define REFUSED_MAX 16u /* further ones that are told so */
#define BACKLOG 64
#define DISCARD_MAX 65536u /* bytes that may follow a request */
#define HEAD_MAX 256u /* of an answer */

union socket {
	uv_handle_t handle;
	uv_stream_t stream;
	uv_pipe_t pipe;
	uv_tcp_t tcp;
};

struct listener {
	union socket socket;
	struct metrics_server *server;
	bool tcp;
	bool open;
	unsigned int clients;
};

struct metrics_server {
	struct daemon *daemon;
	struct metrics metrics;
	char path[PATH_MAX + 16];
	struct listener listeners[2];
	struct client *clients;
};

struct client {
	struct client *next;
	struct client **link;
	struct listener *listener;
	union socket socket;
	uv_timer_t timer;
	unsigned int open_handles;
	bool closing;
	bool answered; /* or about to be: what comes now is thrown away */
	bool ended; /* it says no more, and may still listen */
	bool told; /* the answer is on its way, with its end */
	bool head_only;
	struct metrics_wish wish;
	struct metrics_text *text; /* while it is written */
	uv_write_t write;
	uv_shutdown_t shutdown;
	char out[HEAD_MAX];
	size_t discarded;
	size_t len;
	char in[HTTP_HEAD_MAX];
};

int metrics_address_parse(const char *text, struct sockaddr_storage *ret)
{
	const char *colon = strrchr(text, ':');
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret;
	struct sockaddr_in *in = (struct sockaddr_in *)ret;
	char host[INET6_ADDRSTRLEN + 2];
	unsigned long port;
	char *end;

	memset(ret, 0, sizeof(*ret));
	if (!colon || colon[1] < '0' || colon[1] > '9') {
		return -1;
	}
	port = strtoul(colon + 1, &end, 10);
	if (*end != '\0' || port == 0 || port > 65535) {
		return -1;
	}
	snprintf(host, sizeof(host), "%.*s", (int)(colon - text), text);
	if (strcmp(host, "[::1]") == 0) {
		in6->sin6_family = AF_INET6;
		in6->sin6_addr = in6addr_loopback;
		in6->sin6_port = htons((uint16_t)port);
		return 0;
	}
	in->sin_family = AF_INET;
	in->sin_port = htons((uint16_t)port);
	if (inet_pton(AF_INET, host, &in->sin_addr) != 1 ||
	    ntohl(in->sin_addr.s_addr) >> 24 != IN_LOOPBACKNET) {
		return -1;
	}
	return 0;
}

/* -------------------------------------------------------------- a client */

static void drop_text(struct client *c)
{
	if (c->text) {
		metrics_text_put(c->text);
		c->text = NULL;
	}
}

static void on_closed(uv_handle_t *handle)
{
	struct client *c = handle->data;

	/* Writes have ended by then, well or not. */
	if (--c->open_handles == 0) {
		drop_text(c);
		free(c);
	}
}

static void client_close(struct client *c)
{
	if (c->closing) {
		return;
	}
	c->closing = true;
	metrics_cancel(&c->listener->server->metrics, &c->wish);
	*c->link = c->next;
	if (c->next) {
		c->next->link = c->link;
	}
	c->listener->clients--;
	uv_close(&c->socket.handle, on_closed);
	uv_close((uv_handle_t *)&c->timer, on_closed);
}

static void on_shutdown(uv_shutdown_t *request, int status)
{
	struct client *c = request->data;

	/* Its end is awaited, for a reset would take the answer with it. */
	c->told = true;
	if (status < 0 || c->ended) {
		client_close(c);
	}
}

static void on_written(uv_write_t *request, int status)
{
	struct client *c = request->data;

	drop_text(c);
	if (status < 0 || c->closing || c->ended ||
	    uv_shutdown(&c->shutdown, &c->socket.stream, on_shutdown) < 0) {
		client_close(c);
	}
}

static void answer(struct client *c, int status, struct metrics_text *text)
{
	char body[64] = "";
	bool ok = status == 200;
	uv_buf_t bufs[2];
	int len;

	snprintf(body, sizeof(body), "%s\n", http_status_text(status));
	bufs[1] = ok ? uv_buf_init(text->text, (unsigned int)text->len)
		     : uv_buf_init(body, (unsigned int)strlen(body));
	len = snprintf(c->out, sizeof(c->out),
		       "HTTP/1.1 %d %s\r\n"
		       "Content-Type: %s\r\n"
		       "Content-Length: %zu\r\n"
		       "%s"
		       "Connection: close\r\n\r\n"
		       "%s",
		       status, http_status_text(status),
		       ok ? OPENMETRICS_TYPE : "text/plain; charset=utf-8",
		       (size_t)bufs[1].len,
		       status == 405 ? "Allow: GET, HEAD\r\n" : "",
		       ok || c->head_only ? "" : body);
	bufs[0] = uv_buf_init(c->out, (unsigned int)len);
	c->text = text;
	if (uv_write(&c->write, &c->socket.stream, bufs,
		     ok && !c->head_only ? 2 : 1, on_written) < 0) {
		client_close(c);
	}
}

static void on_told(struct metrics_wish *wish, struct metrics_text *text)
{
	struct client *c =
		(struct client *)((char *)wish - offsetof(struct client, wish));

	answer(c, text ? 200 : 500, text);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct client *c = handle->data;

	(void)suggested;
	/* What follows a request goes where it was. */
	if (c->answered) {
		c->len = 0;
	}
	*buf = uv_buf_init(c->in + c->len,
			   (unsigned int)(sizeof(c->in) - c->len));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct client *c = stream->data;
	int status;

	(void)buf;
	if (n == 0) {
		return;
	}
	if (n == UV_EOF && c->answered && !c->told) {
		c->ended = true;
		uv_read_stop(stream);
		return;
	}
	if (n < 0) {
		client_close(c);
		return;
	}
	if (c->answered) {
		c->discarded += (size_t)n;
		if (c->discarded > DISCARD_MAX) {
			client_close(c);
		}
		return;
	}
	c->len += (size_t)n;
	status = http_request_status(c->in, c->len, PATH, !c->listener->tcp,
				     &c->head_only);
	if (status == 0) {
		return;
	}
	c->answered = true;
	if (status == 200) {
		metrics_get(&c->listener->server->metrics, &c->wish);
	} else {
		answer(c, status, NULL);
	}
}

static void on_late(uv_timer_t *timer)
{
	client_close(timer->data);
}

static int socket_init(uv_loop_t *loop, union socket *socket, bool tcp)
{
	return tcp ? uv_tcp_init(loop, &socket->tcp)
		   : uv_pipe_init(loop, &socket->pipe, 0);
}

static struct client *client_new(struct listener *l)
{
	struct metrics_server *server = l->server;
	struct client *c = calloc(1, sizeof(*c));

	if (!c) {
		return NULL;
	}
	if (socket_init(&server->daemon->loop, &c->socket, l->tcp) < 0) {
		free(c);
		return NULL;
	}
	uv_timer_init(&server->daemon->loop, &c->timer);
	c->listener = l;
	c->open_handles = 2;
	c->socket.handle.data = c->timer.data = c;
	c->write.data = c->shutdown.data = c;
	c->wish.told = on_told;
	c->next = server->clients;
	c->link = &server->clients;
	if (c->next) {
		c->next->link = &c->next;
	}
	server->clients = c;
	l->clients++;
	return c;
}

static void on_connection(uv_stream_t *stream, int status)
{
	struct listener *l = stream->data;
	unsigned int before = l->clients;
	struct client *c;

	if (status < 0) {
		return;
	}
	/* libuv has accepted it: it must be taken, if only to be let go. */
	c = client_new(l);
	if (!c) {
		return;
	}
	if (uv_accept(stream, &c->socket.stream) < 0 ||
	    before >= CLIENTS_MAX + REFUSED_MAX ||
	    uv_read_start(&c->socket.stream, on_alloc, on_read) < 0) {
		client_close(c);
		return;
	}
	uv_timer_start(&c->timer, on_late, METRICS_CLIENT_MS, 0);
	if (before >= CLIENTS_MAX) {
		c->answered = true;
		answer(c, 503, NULL);
	}
}

/* ------------------------------------------------------------ the server */

static int open_listener(struct metrics_server *server, struct listener *l,
			 const struct sockaddr_storage *address)
{
	int rc;

	l->server = server;
	l->tcp = address != NULL;
	rc = socket_init(&server->daemon->loop, &l->socket, l->tcp);
	if (rc < 0) {
		return rc;
	}
	l->socket.handle.data = l;
	l->open = true;
	if (address) {
		rc = uv_tcp_bind(&l->socket.tcp,
				 (const struct sockaddr *)address, 0);
	} else {
		rc = unix_socket_listen(server->path, 0666);
		if (rc >= 0) {
			rc = uv_pipe_open(&l->socket.pipe, rc);
		}
	}
	return rc < 0 ? rc
		      : uv_listen(&l->socket.stream, BACKLOG, on_connection);
}

static void close_listener(struct listener *l)
{
	if (l->open) {
		uv_close(&l->socket.handle, NULL);
		l->open = false;
	}
}

void metrics_server_open(struct daemon *daemon)
{
	const struct daemon_options *o = &daemon->options;
	struct metrics_server *server = calloc(1, sizeof(*server));
	int rc;

	if (!server) {
		log_error("no memory for metrics");
		return;
	}
	daemon->metrics = server;
	server->daemon = daemon;
	metrics_init(&server->metrics, daemon);
	snprintf(server->path, sizeof(server->path), "%s/metrics.sock",
		 o->run_dir);
	rc = open_listener(server, &server->listeners[0], NULL);
	if (rc < 0) {
		log_error("%s: %s", server->path, uv_strerror(rc));
		close_listener(&server->listeners[0]);
	}
	if (!o->metrics_listen[0]) {
		return;
	}
	rc = open_listener(server, &server->listeners[1], &o->metrics_address);
	if (rc < 0) {
		log_error("--metrics-listen: %s: %s", o->metrics_listen,
			  uv_strerror(rc));
		close_listener(&server->listeners[1]);
	} else {
		log_info("metrics: listening on %s", o->metrics_listen);
	}
}

void metrics_server_close(struct daemon *daemon)
{
	struct metrics_server *server = daemon->metrics;

	if (!server) {
		return;
	}
	while (server->clients) {
		client_close(server->clients);
	}
	if (server->listeners[0].open) {
		unlink(server->path);
	}
	for (int i = 0; i < 2; i++) {
		close_listener(&server->listeners[i]);
	}
	metrics_close(&server->metrics);
}
