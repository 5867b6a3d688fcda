// SPDX-License-Identifier: BSD-2-Clause
/* The life of a connection: making, connecting, losing, closing. */
#include "client_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zv/version.h>

#define HINT_START                                                      \
	"start the daemon ('systemctl start hvd'), or name its socket " \
	"with HVD_SOCKET"
#define HINT_ACCESS                                             \
	"become a member of the group 'hvd' ('usermod -aG hvd " \
	"USER', then log in again), or run as root"

void hvd__eventfd_signal(int fd)
{
	uint64_t one = 1;
	ssize_t n = write(fd, &one, sizeof(one));

	/* It fails only if the counter is full, thus signalled already. */
	(void)n;
}

void hvd__eventfd_clear(int fd)
{
	uint64_t count;
	ssize_t n = read(fd, &count, sizeof(count));

	/* It fails only if the counter is zero, thus clear already. */
	(void)n;
}

static int poll_add(struct hvd_conn *conn, int fd)
{
	struct epoll_event event = { .events = EPOLLIN };

	return epoll_ctl(conn->poll_fd, EPOLL_CTL_ADD, fd, &event) != 0 ? -errno
									: 0;
}

static bool open_fds(struct hvd_conn *conn)
{
	conn->poll_fd = epoll_create1(EPOLL_CLOEXEC);
	conn->deliver_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	conn->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return conn->poll_fd >= 0 && conn->deliver_fd >= 0 &&
	       conn->wake_fd >= 0 && poll_add(conn, conn->deliver_fd) == 0;
}

/* Time limits must not jump with the wall clock. */
static int cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attr;
	int err = pthread_condattr_init(&attr);

	if (err != 0) {
		return err;
	}
	err = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	if (err == 0) {
		err = pthread_cond_init(cond, &attr);
	}
	pthread_condattr_destroy(&attr);
	return err;
}

static const char *default_path(void)
{
	const char *path = getenv(HVD_SOCKET_ENV);

	return path != NULL && path[0] != '\0' ? path : HVD_SOCKET_DEFAULT;
}

struct hvd_conn *hvd_new(const char *path)
{
	struct hvd_conn *conn = calloc(1, sizeof(*conn));

	if (conn == NULL) {
		return NULL;
	}
	if (pthread_mutex_init(&conn->lock, NULL) != 0) {
		free(conn);
		return NULL;
	}
	if (cond_init(&conn->changed) != 0) {
		pthread_mutex_destroy(&conn->lock);
		free(conn);
		return NULL;
	}
	conn->sock = -1;
	conn->poll_fd = -1;
	conn->deliver_fd = -1;
	conn->wake_fd = -1;
	conn->timeout_ms = HVD_TIMEOUT_DEFAULT_MS;
	conn->next_id = 1;
	conn->deliveries_tail = &conn->deliveries;
	hvd__framer_init(&conn->in, HVD_MESSAGE_MAX);
	conn->path = strdup(path != NULL ? path : default_path());
	if (conn->path == NULL || !open_fds(conn)) {
		hvd_close(conn);
		return NULL;
	}
	return conn;
}

void hvd__conn_drop_locked(struct hvd_conn *conn, int err)
{
	if (conn->sock < 0) {
		return;
	}
	close(conn->sock); /* which also takes it out of poll_fd */
	conn->sock = -1;
	conn->out_armed = false;
	conn->out_start = 0;
	conn->out_end = 0;
	hvd__framer_reset(&conn->in);
	hvd__call_fail_all_locked(conn, err,
				  "the connection to the daemon was lost");
	/* Event loops learn of it from hvd_process(). */
	hvd__eventfd_signal(conn->deliver_fd);
	hvd__eventfd_signal(conn->wake_fd);
	pthread_cond_broadcast(&conn->changed);
}

static int connect_failed(struct hvd_conn *conn, int err)
{
	const char *hint = NULL;

	if (err == -ENOENT || err == -ECONNREFUSED) {
		hint = HINT_START;
	} else if (err == -EACCES || err == -EPERM) {
		hint = HINT_ACCESS;
	}
	return hvd__fail(conn, err, hint, "cannot connect to %s: %s",
			 conn->path, strerror(-err));
}

static int install_socket(struct hvd_conn *conn, int fd)
{
	int err;

	pthread_mutex_lock(&conn->lock);
	/* Another thread may have been connecting at the same time. */
	hvd__conn_drop_locked(conn, -ECONNRESET);
	err = poll_add(conn, fd);
	if (err == 0) {
		conn->sock = fd;
	}
	pthread_mutex_unlock(&conn->lock);
	return err;
}

int hvd_connect(struct hvd_conn *conn)
{
	struct hvd__error none = { 0 };
	int fd, err, timeout_ms;

	pthread_mutex_lock(&conn->lock);
	hvd__error_publish_locked(conn, &none);
	hvd__conn_drop_locked(conn, -ECONNRESET);
	timeout_ms = conn->timeout_ms;
	pthread_mutex_unlock(&conn->lock);

	fd = hvd__sock_connect(conn->path, timeout_ms);
	if (fd < 0) {
		return connect_failed(conn, fd);
	}
	err = install_socket(conn, fd);
	if (err != 0) {
		close(fd);
		return connect_failed(conn, err);
	}
	return hvd__events_renew(conn);
}

int hvd_reconnect(struct hvd_conn *conn)
{
	return hvd_connect(conn);
}

int hvd_open(const char *path, struct hvd_conn **ret_conn)
{
	struct hvd_conn *conn = hvd_new(path);
	int err;

	if (conn == NULL) {
		return -ENOMEM;
	}
	err = hvd_connect(conn);
	if (err != 0) {
		hvd_close(conn);
		return err;
	}
	*ret_conn = conn;
	return 0;
}

bool hvd_is_connected(struct hvd_conn *conn)
{
	bool connected;

	pthread_mutex_lock(&conn->lock);
	connected = conn->sock >= 0;
	pthread_mutex_unlock(&conn->lock);
	return connected;
}

const char *hvd_path(struct hvd_conn *conn)
{
	return conn->path;
}

static void close_fd(int fd)
{
	if (fd >= 0) {
		close(fd);
	}
}

static void free_deliveries(struct hvd_conn *conn)
{
	struct hvd__delivery *delivery;

	while ((delivery = conn->deliveries) != NULL) {
		conn->deliveries = delivery->next;
		hvd__call_free(delivery->call);
		json_object_put(delivery->event);
		free(delivery);
	}
}

void hvd_close(struct hvd_conn *conn)
{
	struct hvd__call *call;

	if (conn == NULL) {
		return;
	}
	while ((call = conn->calls) != NULL) {
		conn->calls = call->next;
		hvd__call_free(call);
	}
	free_deliveries(conn);
	close_fd(conn->sock);
	close_fd(conn->poll_fd);
	close_fd(conn->deliver_fd);
	close_fd(conn->wake_fd);
	hvd__framer_reset(&conn->in);
	hvd__error_slots_free(conn);
	pthread_cond_destroy(&conn->changed);
	pthread_mutex_destroy(&conn->lock);
	free(conn->out);
	free(conn->path);
	free(conn);
}

void hvd_set_timeout(struct hvd_conn *conn, int timeout_ms)
{
	pthread_mutex_lock(&conn->lock);
	conn->timeout_ms = timeout_ms;
	pthread_mutex_unlock(&conn->lock);
}

void hvd_set_wait_callback(struct hvd_conn *conn, int interval_ms,
			   hvd_wait_fn cb, void *arg)
{
	pthread_mutex_lock(&conn->lock);
	conn->wait_interval_ms = interval_ms > 0 ? interval_ms : 1;
	conn->wait_cb = cb;
	conn->wait_arg = arg;
	pthread_mutex_unlock(&conn->lock);
}

const char *hvd_library_version(void)
{
	return ZV_VERSION;
}

int hvd_fd(struct hvd_conn *conn)
{
	return conn->poll_fd;
}
