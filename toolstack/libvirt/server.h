/* SPDX-License-Identifier: BSD-2-Clause */
/* Where libvirt's clients connect: one socket for everything, one for reading. */
#ifndef ZV_TOOLSTACK_LIBVIRT_SERVER_H
#define ZV_TOOLSTACK_LIBVIRT_SERVER_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "pool.h"

/*
 * Requests per second of a user of the read-only socket.  hvd serves 1000 of this
 * process there: three users that ask all the time leave some to others.
 */
#define SERVER_RATE_READONLY 300u
#define SERVER_RATE_MAX 1000000000u

struct client_owner;
struct event_hub;
struct server;
struct thread_share;

struct server_options {
	char socket_dir[PATH_MAX];
	char hvd_socket[PATH_MAX];
	char hvd_readonly_socket[PATH_MAX];
	char sysfs[PATH_MAX];
	struct pool_store pools;
	uint64_t rate_readonly; /* 0: any number */
};

/* NULL after logging why. */
struct server *server_open(uv_loop_t *loop,
			   const struct server_options *options);
/* Drops all clients and stops listening. */
void server_close(struct server *server);
void server_free(struct server *server); /* after the loop has ended */

const char *server_hvd_socket(struct server *server, bool readonly);
const struct pool_store *server_pools(struct server *server);
const char *server_sysfs(struct server *server);
/* Where its sockets are: root's. */
const char *server_socket_dir(struct server *server);
struct client_owner *server_clients(struct server *server, bool readonly);
struct event_hub *server_events(struct server *server);
struct thread_share *server_reader_threads(struct server *server);

#endif /* ZV_TOOLSTACK_LIBVIRT_SERVER_H */
