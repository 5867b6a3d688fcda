/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Consoles for people: clients connect to a unix stream socket, name a port in
 * one JSON line (console_hello.h), get one JSON line back, and then the port's
 * bytes.  Any number may read a port; one of them writes.
 *
 *   client: hello -- line --> stream -- error, end of input --> gone
 *                 \-- too long, too late, refused --> gone
 *
 * Nobody waits for anybody: every client has its own position in the port's
 * log, and one that falls behind the log's oldest byte skips ahead and is told
 * so in a line of its own.  Input that the device has no room for stays in the
 * writer's socket.
 */
#ifndef ZV_BACKENDS_CONSOLE_CONSOLE_SERVER_H
#define ZV_BACKENDS_CONSOLE_CONSOLE_SERVER_H

#include "console/console_port.h"
#include "core/event.h"
#include "core/listener.h"

#define CONSOLE_CLIENTS_MAX 64u
#define CONSOLE_HELLO_MS 5000u

struct console_client;

struct console_server {
	struct console_observer observer;
	struct event_loop *loop;
	struct listener listener;
	struct event_defer flush;
	struct console_port *port[STATE_LOGS];
	size_t port_count;
	struct console_client *client[CONSOLE_CLIENTS_MAX];
};

/* listen_fd is a listening socket and stays the caller's. */
void console_server_init(struct console_server *server, struct event_loop *loop,
			 int listen_fd);
/* Ports outlive the server. -ENOSPC */
int console_server_add(struct console_server *server,
		       struct console_port *port);
int console_server_start(struct console_server *server);
/* Drops every client. */
void console_server_stop(struct console_server *server);

#endif /* ZV_BACKENDS_CONSOLE_CONSOLE_SERVER_H */
