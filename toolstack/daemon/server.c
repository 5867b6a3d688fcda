/* SPDX-License-Identifier: BSD-2-Clause */
#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "acceptor.h"
#include "daemon.h"
#include "log.h"
#include "service.h"
#include "session.h"
#include "unix_socket.h"

/* Each socket has a limit of its own: who may only look cannot lock out. */
#define CLIENTS_MAX 2048u
#define CLIENTS_READONLY_MAX 256u
#define CLIENTS_READONLY_USER_MAX 64u

struct listener {
	struct acceptor acceptor;
	struct server *server;
	char path[PATH_MAX];
	bool readonly;
	bool passed; /* systemd's: it stays when we end */
	struct session_owner sessions;
	unsigned int sessions_max;
};

struct server {
	struct daemon *daemon;
	int lock_fd;
	struct listener listeners[2];
};

int server_lock(struct daemon *daemon)
{
	struct server *server = calloc(1, sizeof(*server));
	char path[PATH_MAX + 16];

	if (!server) {
		return -1;
	}
	server->daemon = daemon;
	snprintf(path, sizeof(path), "%s/hvd.lock", daemon->options.run_dir);
	server->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (server->lock_fd < 0) {
		log_error("%s: %s", path, strerror(errno));
		free(server);
		return -1;
	}
	if (flock(server->lock_fd, LOCK_EX | LOCK_NB) < 0) {
		log_error("%s is locked: another hvd is running", path);
		close(server->lock_fd);
		free(server);
		return -1;
	}
	daemon->server = server;
	return 0;
}

static int take(struct acceptor *acceptor)
{
	struct listener *l = (struct listener *)acceptor;

	return session_accept(l->server->daemon, &l->sessions,
			      (uv_stream_t *)&acceptor->pipe, l->readonly,
			      l->sessions.count >= l->sessions_max);
}

static int listen_on(struct server *server, struct listener *l,
		     const char *path, mode_t mode, bool readonly)
{
	int fd = service_take_socket(readonly ? "hvd-ro" : "hvd");
	int rc;

	l->passed = fd >= 0;
	if (!l->passed) {
		fd = unix_socket_listen(path, mode);
	}
	if (fd < 0) {
		log_error("%s: %s", path, strerror(-fd));
		return -1;
	}
	l->server = server;
	l->readonly = readonly;
	l->sessions_max = readonly ? CLIENTS_READONLY_MAX : CLIENTS_MAX;
	snprintf(l->path, sizeof(l->path), "%s", path);
	rc = acceptor_open(&l->acceptor, &server->daemon->loop, fd, take);
	if (rc < 0) {
		log_error("%s: %s", path, uv_strerror(rc));
		return -1;
	}
	return 0;
}

/* "/run/hvd/hvd.sock" -> "/run/hvd/hvd-ro.sock" */
static void readonly_path(const char *path, char *ret_path, size_t room)
{
	static const char suffix[] = ".sock";
	size_t len = strlen(path);
	size_t tail = sizeof(suffix) - 1;

	if (len > tail && strcmp(path + len - tail, suffix) == 0) {
		len -= tail;
	}
	snprintf(ret_path, room, "%.*s-ro%s", (int)len, path, path + len);
}

/*
 * Members of a group that is trusted do not hinder each other's tools: there a
 * connection has a quota of its own.
 */
static void init_sessions(struct daemon *daemon)
{
	const struct quota_limits limits[2] = {
		{ .connections = CLIENTS_MAX,
		  .per_second = daemon->options.rate },
		{ .by_user = true,
		  .connections = CLIENTS_READONLY_USER_MAX,
		  .per_second = daemon->options.rate_readonly },
	};

	for (int i = 0; i < 2; i++) {
		session_owner_init(&daemon->server->listeners[i].sessions,
				   &daemon->loop, &limits[i]);
	}
}

int server_listen(struct daemon *daemon)
{
	struct server *server = daemon->server;
	char readonly[PATH_MAX + 8];

	init_sessions(daemon);
	readonly_path(daemon->options.socket, readonly, sizeof(readonly));
	if (listen_on(server, &server->listeners[0], daemon->options.socket,
		      0660, false) < 0 ||
	    listen_on(server, &server->listeners[1], readonly, 0666, true) <
		    0) {
		return -1;
	}
	log_info("listening on %s", daemon->options.socket);
	return 0;
}

void server_close(struct daemon *daemon)
{
	struct server *server = daemon->server;

	for (int i = 0; i < 2; i++) {
		struct listener *l = &server->listeners[i];

		session_owner_close(&l->sessions);
		if (l->acceptor.open && !l->passed) {
			unlink(l->path);
		}
		acceptor_close(&l->acceptor);
	}
}

unsigned int server_clients(const struct daemon *daemon, bool readonly)
{
	return daemon->server->listeners[readonly].sessions.count;
}

void server_free(struct daemon *daemon)
{
	for (int i = 0; i < 2; i++) {
		session_owner_free(&daemon->server->listeners[i].sessions);
	}
	close(daemon->server->lock_fd);
	free(daemon->server);
	daemon->server = NULL;
}
