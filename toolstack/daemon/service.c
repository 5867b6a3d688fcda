/* SPDX-License-Identifier: BSD-2-Clause */
#include "service.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "log.h"

#define FIRST_FD 3 /* SD_LISTEN_FDS_START */
#define SOCKETS_MAX 8
#define NAME_MAX_LEN 32
#define USEC_PER_MSEC 1000u

struct passed_socket {
	int fd; /* -1: taken */
	char name[NAME_MAX_LEN];
};

static struct {
	struct sockaddr_un notify;
	socklen_t notify_len; /* 0: nobody wants to know */
	uint64_t alive_ms; /* how often; 0: never */
	uv_timer_t alive;
	bool alive_open;
	struct passed_socket sockets[SOCKETS_MAX];
	unsigned int socket_count;
} service;

/* ------------------------------------------------------ the environment */

static bool read_number(const char *name, uint64_t *ret)
{
	const char *text = getenv(name);
	char *end;

	if (!text || text[0] < '0' || text[0] > '9') {
		return false;
	}
	errno = 0;
	*ret = strtoull(text, &end, 10);
	return errno == 0 && *end == '\0';
}

/* Whether what is said is said to this process. */
static bool is_for_us(const char *name)
{
	uint64_t pid;

	return read_number(name, &pid) && pid == (uint64_t)getpid();
}

static void read_notify(void)
{
	const char *path = getenv("NOTIFY_SOCKET");
	size_t len;

	if (!path) {
		return;
	}
	len = strlen(path);
	if (len == 0 || len >= sizeof(service.notify.sun_path)) {
		log_warning("NOTIFY_SOCKET: not the path of a socket");
		return;
	}
	service.notify.sun_family = AF_UNIX;
	memcpy(service.notify.sun_path, path, len);
	if (path[0] == '@') {
		service.notify.sun_path[0] = '\0';
	}
	service.notify_len =
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
}

/* Twice as often as it has to be. */
static void read_watchdog(void)
{
	uint64_t usec;

	if (!read_number("WATCHDOG_USEC", &usec) || usec == 0 ||
	    (getenv("WATCHDOG_PID") && !is_for_us("WATCHDOG_PID"))) {
		return;
	}
	service.alive_ms = usec / 2 / USEC_PER_MSEC;
	if (service.alive_ms == 0) {
		service.alive_ms = 1;
	}
}

static bool is_listening(int fd)
{
	struct sockaddr_un address;
	socklen_t len = sizeof(address);
	int type = 0;
	int listens = 0;
	socklen_t size = sizeof(type);

	return getsockname(fd, (struct sockaddr *)&address, &len) == 0 &&
	       address.sun_family == AF_UNIX &&
	       getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 &&
	       type == SOCK_STREAM &&
	       getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) ==
		       0 &&
	       listens != 0;
}

static void take_fd(int fd, const char *name, size_t len)
{
	struct passed_socket *s = &service.sockets[service.socket_count];

	if (service.socket_count == SOCKETS_MAX || len >= NAME_MAX_LEN ||
	    !is_listening(fd) || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ||
	    fcntl(fd, F_SETFL, O_NONBLOCK) < 0) {
		log_warning(
			"descriptor %d (%.*s), which systemd has passed, is "
			"no unix stream socket that listens: it is closed",
			fd, (int)(len < NAME_MAX_LEN ? len : NAME_MAX_LEN),
			name);
		close(fd);
		return;
	}
	s->fd = fd;
	memcpy(s->name, name, len);
	s->name[len] = '\0';
	service.socket_count++;
}

static void read_sockets(void)
{
	const char *names = getenv("LISTEN_FDNAMES");
	uint64_t count;

	if (!is_for_us("LISTEN_PID") || !read_number("LISTEN_FDS", &count) ||
	    count > INT_MAX - FIRST_FD) {
		return;
	}
	for (int i = 0; i < (int)count && fcntl(FIRST_FD + i, F_GETFD) >= 0;
	     i++) {
		size_t len = names ? strcspn(names, ":") : 0;

		take_fd(FIRST_FD + i, names ? names : "", len);
		names = names && names[len] == ':' ? names + len + 1 : NULL;
	}
}

void service_init(void)
{
	static const char *const ours[] = {
		"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID",
		"LISTEN_PID",	 "LISTEN_FDS",	  "LISTEN_FDNAMES",
	};

	read_notify();
	read_watchdog();
	read_sockets();
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		unsetenv(ours[i]);
	}
}

int service_take_socket(const char *name)
{
	for (unsigned int i = 0; i < service.socket_count; i++) {
		struct passed_socket *s = &service.sockets[i];

		if (s->fd >= 0 && strcmp(s->name, name) == 0) {
			int fd = s->fd;

			s->fd = -1;
			return fd;
		}
	}
	return -1;
}

/* ------------------------------------------------------------- messages */

static void tell(const char *message)
{
	int fd;

	if (service.notify_len == 0) {
		return;
	}
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || sendto(fd, message, strlen(message), MSG_NOSIGNAL,
			     (struct sockaddr *)&service.notify,
			     service.notify_len) < 0) {
		log_warning("NOTIFY_SOCKET: %s: %s", message, strerror(errno));
	}
	if (fd >= 0) {
		close(fd);
	}
}

static void on_alive(uv_timer_t *timer)
{
	(void)timer;
	tell("WATCHDOG=1");
}

void service_ready(uv_loop_t *loop)
{
	tell("READY=1");
	if (service.alive_ms == 0 || service.notify_len == 0) {
		return;
	}
	uv_timer_init(loop, &service.alive);
	service.alive_open = true;
	uv_timer_start(&service.alive, on_alive, service.alive_ms,
		       service.alive_ms);
}

void service_extend(uint64_t ms, const char *status)
{
	char text[160];

	snprintf(text, sizeof(text),
		 "STOPPING=1\nEXTEND_TIMEOUT_USEC=%llu\nSTATUS=%s",
		 (unsigned long long)(ms * USEC_PER_MSEC), status);
	tell(text);
}

void service_stopping(void)
{
	tell("STOPPING=1");
	if (service.alive_open) {
		service.alive_open = false;
		uv_close((uv_handle_t *)&service.alive, NULL);
	}
}

/* A client is a descriptor, a zone several; nobody here uses select(2). */
void service_want_descriptors(unsigned int count)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0) {
		return;
	}
	if (limit.rlim_cur < count && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur =
			limit.rlim_max < count ? limit.rlim_max : count;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	if (limit.rlim_cur < count) {
		log_warning("only %llu descriptors (RLIMIT_NOFILE, of %u): not "
			    "all clients and zones may find room",
			    (unsigned long long)limit.rlim_cur, count);
	}
}
