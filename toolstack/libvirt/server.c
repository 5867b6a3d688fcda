// SPDX-License-Identifier: BSD-2-Clause
#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "acceptor.h"
#include "client.h"
#include "event.h"
#include "log.h"
#include "service.h"
#include "shot_folder.h"
#include "thread_work.h"
#include "unix_socket.h"

/*
 * Clients of `hvd:///system` look for these names: virt<scheme>d-sock
 * (https://libvirt.org/daemons.html).
 */
#define SOCKET_NAME "virthvdd-sock"
#define LOCK_NAME "virthvdd.lock"

/* Each socket has a limit of its own: who may only look cannot lock out. */
#define CLIENTS_MAX 1024u
/* Of those that hvd lets a user have there, some are left for this process. */
#define CLIENTS_READONLY_MAX 48u
#define CLIENTS_READONLY_USER_MAX 16u
#define READER_THREADS 2u /* of four */

struct listener {
	struct acceptor acceptor;
	struct server *server;
	char path[PATH_MAX + 32];
	bool readonly;
	bool passed; /* systemd's: it stays when we end */
	struct client_owner clients;
};

struct server {
	uv_loop_t *loop;
	struct server_options options;
	int lock_fd;
	struct event_hub *events;
	struct thread_share reader_threads;
	struct listener listeners[2]; /* by readonly */
};

const char *server_hvd_socket(struct server *server, bool readonly)
{
	return readonly ? server->options.hvd_readonly_socket
			: server->options.hvd_socket;
}

const struct pool_store *server_pools(struct server *server)
{
	return &server->options.pools;
}

const char *server_sysfs(struct server *server)
{
	return server->options.sysfs;
}

const char *server_socket_dir(struct server *server)
{
	return server->options.socket_dir;
}

struct client_owner *server_clients(struct server *server, bool readonly)
{
	return &server->listeners[readonly].clients;
}

struct event_hub *server_events(struct server *server)
{
	return server->events;
}

struct thread_share *server_reader_threads(struct server *server)
{
	return &server->reader_threads;
}

static int take(struct acceptor *acceptor)
{
	struct listener *l = (struct listener *)acceptor;

	return client_accept(l->server, &l->clients,
			     (uv_stream_t *)&acceptor->pipe, l->readonly);
}

static int listen_on(struct server *server, bool readonly)
{
	struct listener *l = &server->listeners[readonly];
	int fd = service_take_socket(readonly ? "virthvdd-ro" : "virthvdd");
	int rc;

	snprintf(l->path, sizeof(l->path), "%s/%s%s",
		 server->options.socket_dir, SOCKET_NAME,
		 readonly ? "-ro" : "");
	l->server = server;
	l->readonly = readonly;
	l->passed = fd >= 0;
	if (!l->passed) {
		fd = unix_socket_listen(l->path, readonly ? 0666 : 0660);
	}
	if (fd < 0) {
		log_error("%s: %s", l->path, strerror(-fd));
		return -1;
	}
	rc = acceptor_open(&l->acceptor, server->loop, fd, take);
	if (rc < 0) {
		log_error("%s: %s", l->path, uv_strerror(rc));
		return -1;
	}
	return 0;
}

/* It is the lock that counts: a socket left over from a crash is no obstacle. */
static int lock(const char *dir)
{
	char path[PATH_MAX + 32];
	int fd;

	if (mkdir(dir, 0755) < 0 && errno != EEXIST) {
		log_error("%s: %s", dir, strerror(errno));
		return -1;
	}
	snprintf(path, sizeof(path), "%s/%s", dir, LOCK_NAME);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		log_error("%s: %s", path, strerror(errno));
		return -1;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		log_error("%s is locked: another virthvdd is running", path);
		close(fd);
		return -1;
	}
	return fd;
}

/* What a client of everything may ask is hvd's to say: each has a link there. */
static void init_clients(struct server *server)
{
	const struct quota_limits limits[2] = {
		{ .connections = CLIENTS_MAX },
		{ .by_user = true,
		  .connections = CLIENTS_READONLY_USER_MAX,
		  .per_second = server->options.rate_readonly },
	};

	for (int i = 0; i < 2; i++) {
		struct client_owner *owner = &server->listeners[i].clients;

		owner->places = i ? CLIENTS_READONLY_MAX : CLIENTS_MAX;
		quota_table_init(&owner->quotas, &limits[i]);
		quota_queue_init(&owner->queue, server->loop);
	}
}

struct server *server_open(uv_loop_t *loop,
			   const struct server_options *options)
{
	struct server *server = calloc(1, sizeof(*server));

	if (!server) {
		log_error("out of memory");
		return NULL;
	}
	server->loop = loop;
	server->options = *options;
	server->lock_fd = lock(options->socket_dir);
	if (server->lock_fd < 0) {
		free(server);
		return NULL;
	}
	shot_folder_remove_left(options->socket_dir);
	init_clients(server);
	thread_share_init(&server->reader_threads, READER_THREADS);
	/* It should not wait in hvd's queue of those who only ask. */
	server->events = event_hub_new(loop, options->hvd_socket);
	if (!server->events) {
		log_error("out of memory");
	}
	if (!server->events || listen_on(server, false) < 0 ||
	    listen_on(server, true) < 0) {
		server_close(server);
		uv_run(loop, UV_RUN_DEFAULT);
		server_free(server);
		return NULL;
	}
	log_info("listening on %s", server->listeners[0].path);
	return server;
}

void server_close(struct server *server)
{
	for (int i = 0; i < 2; i++) {
		struct listener *l = &server->listeners[i];

		client_close_all(&l->clients);
		quota_queue_close(&l->clients.queue);
		if (l->acceptor.open && !l->passed) {
			unlink(l->path);
		}
		acceptor_close(&l->acceptor);
	}
	event_hub_close(server->events);
	server->events = NULL;
}

void server_free(struct server *server)
{
	for (int i = 0; i < 2; i++) {
		quota_table_fini(&server->listeners[i].clients.quotas);
	}
	close(server->lock_fd);
	free(server);
}
