/* SPDX-License-Identifier: BSD-2-Clause */
#include "console/console_server.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "console/console_hello.h"
#include "core/container_of.h"

#define INPUT_MAX 4096u
#define SEND_TURN 65536u /* bytes to one client before others get theirs */

struct console_client {
	struct console_server *server;
	size_t slot;
	int fd;
	struct event_watch watch;
	struct event_timer late;
	struct console_port *port; /* NULL until the hello line is accepted */
	bool writer;
	bool blocked; /* the socket is full: waits for EVENT_WRITE */
	uint64_t pos; /* of the next byte to send */
	char notice[80];
	size_t notice_len;
	size_t notice_sent;
	size_t input_len;
	uint8_t input[INPUT_MAX + 1]; /* room for a NUL after the hello line */
};

/* ----------------------------------------------------------------- clients */

static void client_close(struct console_client *client)
{
	struct console_server *server = client->server;

	server->client[client->slot] = NULL;
	event_timer(server->loop, &client->late, EVENT_NEVER);
	event_unwatch(server->loop, &client->watch);
	close(client->fd);
	free(client);
}

/* False if the client had to be closed. */
static bool client_watch(struct console_client *client)
{
	unsigned int events =
		client->input_len < INPUT_MAX ? EVENT_READ : EVENT_HUP;

	events |= client->blocked ? EVENT_WRITE : 0;
	if (event_watch(client->server->loop, &client->watch, client->fd,
			events) != 0) {
		client_close(client);
		return false;
	}
	return true;
}

/* Bytes sent, 0 if the socket is full, negative if it is broken. */
static ssize_t client_send(struct console_client *client, const void *buf,
			   size_t len)
{
	ssize_t n = send(client->fd, buf, len, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0) {
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	}
	return n;
}

/* Half of the log ahead, so that it does not happen again at once. */
static void skip_ahead(struct console_client *client, uint64_t first)
{
	const struct log_ring *log = &client->port->log;
	uint64_t to = log_ring_tail(log) - log->size / 2;

	to = to > first ? to : first;
	client->notice_sent = 0;
	client->notice_len =
		(size_t)snprintf(client->notice, sizeof(client->notice),
				 "\r\n[hvd-io: %" PRIu64 " bytes skipped]\r\n",
				 to - client->pos);
	client->pos = to;
}

/* What to send next; 0: nothing. */
static size_t client_next(struct console_client *client, const uint8_t **ret)
{
	const struct log_ring *log = &client->port->log;
	uint64_t first = log_ring_first(log);

	if (client->notice_len == client->notice_sent && client->pos < first) {
		skip_ahead(client, first);
	}
	if (client->notice_sent < client->notice_len) {
		*ret = (const uint8_t *)client->notice + client->notice_sent;
		return client->notice_len - client->notice_sent;
	}
	return log_ring_peek(log, client->pos, ret);
}

static void client_sent(struct console_client *client, size_t n)
{
	if (client->notice_sent < client->notice_len) {
		client->notice_sent += n;
	} else {
		client->pos += n;
	}
}

/* False if the client is gone. */
static bool client_output(struct console_client *client)
{
	size_t turn = 0;
	bool blocked = false;

	while (turn < SEND_TURN) {
		const uint8_t *from;
		size_t len = client_next(client, &from);
		ssize_t n;

		if (len == 0) {
			break;
		}
		n = client_send(client, from, len);
		if (n < 0) {
			client_close(client);
			return false;
		}
		if (n == 0) {
			blocked = true;
			break;
		}
		client_sent(client, (size_t)n);
		turn += (size_t)n;
	}
	blocked = blocked || turn >= SEND_TURN;
	if (blocked == client->blocked) {
		return true;
	}
	client->blocked = blocked;
	return client_watch(client);
}

/* Offers what has come in to the device; others than the writer are mute. */
static bool client_input(struct console_client *client)
{
	size_t taken = client->input_len;

	if (client->writer) {
		taken = console_port_input(client->port, client->input,
					   client->input_len);
	}
	memmove(client->input, client->input + taken,
		client->input_len - taken);
	client->input_len -= taken;
	return client_watch(client);
}

static struct console_client *writer_of(struct console_server *server,
					const struct console_port *port)
{
	for (size_t i = 0; i < CONSOLE_CLIENTS_MAX; i++) {
		struct console_client *client = server->client[i];

		if (client != NULL && client->writer && client->port == port) {
			return client;
		}
	}
	return NULL;
}

/* ------------------------------------------------------------------- hello */

static struct console_port *find_port(struct console_server *server,
				      const char *name)
{
	for (size_t i = 0; i < server->port_count; i++) {
		if (strcmp(server->port[i]->name, name) == 0) {
			return server->port[i];
		}
	}
	return NULL;
}

static void refuse(struct console_client *client, const char *error)
{
	char line[160];
	int len = snprintf(line, sizeof(line),
			   "{\"ok\":false,\"error\":\"%s\"}\n", error);

	(void)client_send(client, line, (size_t)len);
	client_close(client);
}

static uint64_t start_position(const struct console_port *port,
			       const struct console_hello *hello)
{
	uint64_t first = log_ring_first(&port->log);
	uint64_t tail = log_ring_tail(&port->log);

	if (hello->from == CONSOLE_FROM_START) {
		return first;
	}
	if (hello->from == CONSOLE_FROM_END || hello->offset > tail) {
		return tail;
	}
	return hello->offset < first ? first : hello->offset;
}

static void claim_input(struct console_client *client,
			const struct console_hello *hello)
{
	struct console_client *other = writer_of(client->server, client->port);

	if (!hello->write || (other != NULL && !hello->force)) {
		return;
	}
	client->writer = true;
	if (other != NULL) {
		other->writer = false;
		(void)client_input(other);
	}
}

static bool accept_hello(struct console_client *client,
			 const struct console_hello *hello,
			 struct console_port *port)
{
	char line[160];
	int len;

	client->port = port;
	client->pos = start_position(port, hello);
	event_timer(client->server->loop, &client->late, EVENT_NEVER);
	claim_input(client, hello);
	len = snprintf(line, sizeof(line),
		       "{\"ok\":true,\"device\":\"%s\",\"offset\":%" PRIu64
		       ",\"writer\":%s}\n",
		       port->name, client->pos,
		       client->writer ? "true" : "false");
	if (client_send(client, line, (size_t)len) != len) {
		client_close(client);
		return false;
	}
	return true;
}

/* False if there is no whole line yet, or no client any more. */
static bool client_hello(struct console_client *client)
{
	uint8_t *end = memchr(client->input, '\n', client->input_len);
	size_t used;
	struct console_hello hello;
	struct console_port *port;
	const char *error;

	if (end == NULL && client->input_len < CONSOLE_HELLO_MAX) {
		return false;
	}
	if (end == NULL ||
	    end - client->input >= (ptrdiff_t)CONSOLE_HELLO_MAX) {
		refuse(client, "the first line is too long");
		return false;
	}
	used = (size_t)(end - client->input) + 1;
	*end = '\0';
	error = console_hello_parse((const char *)client->input, used - 1,
				    &hello);
	if (error != NULL) {
		refuse(client, error);
		return false;
	}
	port = find_port(client->server, hello.device);
	if (port == NULL) {
		refuse(client, "the zone has no such console device");
		return false;
	}
	client->input_len -= used;
	memmove(client->input, end + 1, client->input_len);
	return accept_hello(client, &hello, port);
}

static void on_late(struct event_timer *timer)
{
	refuse(container_of(timer, struct console_client, late),
	       "no line came in time");
}

/* ------------------------------------------------------------------ events */

/* False if the client is gone. */
static bool client_receive(struct console_client *client)
{
	ssize_t n = recv(client->fd, client->input + client->input_len,
			 INPUT_MAX - client->input_len, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		return true;
	}
	if (n <= 0) {
		client_close(client);
		return false;
	}
	client->input_len += (size_t)n;
	if (client->port == NULL &&
	    (!client_hello(client) || !client_output(client))) {
		return false;
	}
	return client_input(client);
}

static void on_client(struct event_watch *watch, unsigned int events)
{
	struct console_client *client =
		container_of(watch, struct console_client, watch);

	if ((events & EVENT_READ) != 0 && client->input_len < INPUT_MAX) {
		if (!client_receive(client)) {
			return;
		}
	} else if ((events & (EVENT_HUP | EVENT_READ)) != 0) {
		/* Gone, with input that the device never had room for. */
		client_close(client);
		return;
	}
	if ((events & EVENT_WRITE) != 0 && client->port != NULL) {
		(void)client_output(client);
	}
}

static void add_client(struct console_server *server, int fd)
{
	static const char full[] =
		"{\"ok\":false,\"error\":\"too many clients\"}\n";
	struct console_client *client = NULL;
	size_t slot = 0;

	while (slot < CONSOLE_CLIENTS_MAX && server->client[slot] != NULL) {
		slot++;
	}
	if (slot < CONSOLE_CLIENTS_MAX) {
		client = calloc(1, sizeof(*client));
	}
	if (client == NULL) {
		(void)send(fd, full, sizeof(full) - 1,
			   MSG_NOSIGNAL | MSG_DONTWAIT);
		close(fd);
		return;
	}
	client->server = server;
	client->slot = slot;
	client->fd = fd;
	client->watch.cb = on_client;
	client->late.cb = on_late;
	server->client[slot] = client;
	if (event_timer(server->loop, &client->late, CONSOLE_HELLO_MS) != 0) {
		client_close(client);
		return;
	}
	(void)client_watch(client);
}

static void on_accept(struct listener *listener, int fd)
{
	add_client(container_of(listener, struct console_server, listener), fd);
}

/* ------------------------------------------------------------------- ports */

static void on_flush(struct event_defer *defer)
{
	struct console_server *server =
		container_of(defer, struct console_server, flush);

	for (size_t i = 0; i < CONSOLE_CLIENTS_MAX; i++) {
		struct console_client *client = server->client[i];

		if (client != NULL && client->port != NULL &&
		    !client->blocked) {
			(void)client_output(client);
		}
	}
}

static void on_grown(struct console_observer *observer,
		     struct console_port *port)
{
	struct console_server *server =
		container_of(observer, struct console_server, observer);

	(void)port;
	event_defer(server->loop, &server->flush);
}

static void on_ready(struct console_observer *observer,
		     struct console_port *port)
{
	struct console_server *server =
		container_of(observer, struct console_server, observer);
	struct console_client *client = writer_of(server, port);

	if (client != NULL && client->input_len != 0) {
		(void)client_input(client);
	}
}

void console_server_init(struct console_server *server, struct event_loop *loop,
			 int listen_fd)
{
	memset(server, 0, sizeof(*server));
	server->observer.grown = on_grown;
	server->observer.ready = on_ready;
	server->loop = loop;
	server->listener.loop = loop;
	server->listener.fd = listen_fd;
	server->listener.on_accept = on_accept;
	server->flush.cb = on_flush;
}

int console_server_add(struct console_server *server, struct console_port *port)
{
	if (server->port_count == STATE_LOGS) {
		return -ENOSPC;
	}
	port->observer = &server->observer;
	server->port[server->port_count++] = port;
	return 0;
}

int console_server_start(struct console_server *server)
{
	return listener_start(&server->listener);
}

void console_server_stop(struct console_server *server)
{
	listener_stop(&server->listener);
	event_undefer(server->loop, &server->flush);
	for (size_t i = 0; i < CONSOLE_CLIENTS_MAX; i++) {
		if (server->client[i] != NULL) {
			client_close(server->client[i]);
		}
	}
	for (size_t i = 0; i < server->port_count; i++) {
		server->port[i]->observer = NULL;
	}
	server->port_count = 0;
}
