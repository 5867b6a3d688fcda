/* SPDX-License-Identifier: BSD-2-Clause */
#include "standalone/backend.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/container_of.h"
#include "transport/vhost_user/fault_guard.h"

/* One front-end is served; a few may wait for their turn. */
#define BACKLOG 4

static struct backend *from_vu(struct vhost_user *vu)
{
	return container_of(vu, struct backend, vu);
}

/* ------------------------------------------------------------------- socket */

/* A socket file that nobody listens on is what a killed backend leaves. */
static bool is_stale(const struct sockaddr_un *addr)
{
	/* One that has no time for us is not stale. */
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool stale;

	if (fd < 0) {
		return false;
	}
	stale = connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0 &&
		errno == ECONNREFUSED;
	close(fd);
	return stale;
}

int backend_listen(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd;
	int rc;

	if (strlen(path) >= sizeof(addr.sun_path)) {
		return -ENAMETOOLONG;
	}
	memcpy(addr.sun_path, path, strlen(path));
	if (is_stale(&addr)) {
		(void)unlink(path);
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		return -errno;
	}
	if (bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    listen(fd, BACKLOG) < 0) {
		rc = -errno;
		close(fd);
		return rc;
	}
	return fd;
}

/* --------------------------------------------------------------------- life */

static void end(struct backend *backend, int status)
{
	if (backend->ending) {
		return;
	}
	backend->ending = true;
	backend->status = status;
	event_unwatch(&backend->event.loop, &backend->watch);
	if (backend->vu.open) {
		vhost_user_disconnect(&backend->vu, "ending");
	} else {
		event_defer(&backend->event.loop, &backend->finish);
	}
}

static void on_finish(struct event_defer *defer)
{
	struct backend *backend = container_of(defer, struct backend, finish);

	uv_close((uv_handle_t *)&backend->term, NULL);
	uv_close((uv_handle_t *)&backend->interrupt, NULL);
	uv_stop(&backend->uv);
}

static void on_lost(struct event_defer *defer)
{
	end(container_of(defer, struct backend, lost), EXIT_FAILURE);
}

void backend_lost(struct backend *backend)
{
	event_defer(&backend->event.loop, &backend->lost);
}

static void on_signal(uv_signal_t *handle, int signum)
{
	struct backend *backend = handle->data;

	(void)signum;
	if (backend->ending) {
		/* A request that does not end must not keep us. */
		fprintf(stderr, "%s: not waiting any longer\n",
			backend->program);
		_exit(EXIT_FAILURE);
	}
	end(backend, EXIT_SUCCESS);
}

static void wait_for_front_end(struct backend *backend)
{
	int rc = event_watch(&backend->event.loop, &backend->watch,
			     backend->listen_fd, EVENT_READ);

	if (rc != 0) {
		fprintf(stderr, "%s: watching the socket: %s\n",
			backend->program, strerror(-rc));
		end(backend, EXIT_FAILURE);
	}
}

static void serve(struct backend *backend, int fd)
{
	int rc = vhost_user_connect(&backend->vu, fd);

	if (rc != 0) {
		fprintf(stderr, "%s: front-end: %s\n", backend->program,
			strerror(-rc));
		if (backend->listen_fd < 0) {
			end(backend, EXIT_FAILURE);
		}
		return;
	}
	event_unwatch(&backend->event.loop, &backend->watch);
}

static void on_connect(struct event_watch *watch, unsigned int events)
{
	struct backend *backend = container_of(watch, struct backend, watch);
	int fd = accept4(backend->listen_fd, NULL, NULL,
			 SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd >= 0) {
		serve(backend, fd);
		return;
	}
	if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
		fprintf(stderr, "%s: accept: %s\n", backend->program,
			strerror(errno));
		end(backend, EXIT_FAILURE);
	}
}

static void on_gone(struct vhost_user *vu)
{
	struct backend *backend = from_vu(vu);

	if (backend->ending) {
		event_defer(&backend->event.loop, &backend->finish);
	} else if (backend->once || backend->listen_fd < 0) {
		end(backend, EXIT_SUCCESS);
	} else {
		wait_for_front_end(backend);
	}
}

static void on_log(struct vhost_user *vu, const char *line)
{
	fprintf(stderr, "%s: %s\n", from_vu(vu)->program, line);
}

static int start_signal(struct backend *backend, uv_signal_t *handle,
			int signum)
{
	int rc = uv_signal_init(&backend->uv, handle);

	handle->data = backend;
	return rc == 0 ? uv_signal_start(handle, on_signal, signum) : rc;
}

int backend_init(struct backend *backend, const char *program)
{
	int rc;

	memset(backend, 0, sizeof(*backend));
	backend->program = program;
	backend->watch.cb = on_connect;
	backend->finish.cb = on_finish;
	backend->lost.cb = on_lost;
	signal(SIGPIPE, SIG_IGN);
	rc = fault_guard_install();
	if (rc == 0) {
		rc = uv_loop_init(&backend->uv);
	}
	if (rc == 0) {
		rc = event_uv_init(&backend->event, &backend->uv);
	}
	if (rc == 0) {
		rc = start_signal(backend, &backend->term, SIGTERM);
	}
	if (rc == 0) {
		rc = start_signal(backend, &backend->interrupt, SIGINT);
	}
	return rc;
}

int backend_run(struct backend *backend, struct virtio_device *dev,
		int listen_fd, int front_end_fd, bool once)
{
	backend->listen_fd = listen_fd;
	backend->once = once;
	vhost_user_init(&backend->vu, dev, &backend->event.loop);
	backend->vu.on_end = on_gone;
	backend->vu.on_log = on_log;
	if (front_end_fd >= 0) {
		serve(backend, front_end_fd);
	} else {
		wait_for_front_end(backend);
	}
	uv_run(&backend->uv, UV_RUN_DEFAULT);
	return backend->status;
}

int backend_fini(struct backend *backend)
{
	event_uv_fini(&backend->event);
	uv_run(&backend->uv, UV_RUN_DEFAULT);
	return uv_loop_close(&backend->uv);
}
