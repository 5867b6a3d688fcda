// SPDX-License-Identifier: BSD-2-Clause
/* Unix stream sockets with deadlines. */
#include "client_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

int64_t hvd__now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t hvd__deadline(int timeout_ms)
{
	return timeout_ms < 0 ? INT64_MAX : hvd__now_ms() + timeout_ms;
}

int hvd__remaining(int64_t deadline)
{
	int64_t left;

	if (deadline == INT64_MAX) {
		return -1;
	}
	left = deadline - hvd__now_ms();
	if (left < 0) {
		return 0;
	}
	return left > INT_MAX ? INT_MAX : (int)left;
}

/* unix(7): a full backlog makes connect() wait, at most for SO_SNDTIMEO. */
static int connect_limited(int fd, const struct sockaddr_un *addr,
			   int timeout_ms)
{
	struct timeval limit = { 0 };

	/* A limit of zero would mean none. */
	if (timeout_ms > 0) {
		limit.tv_sec = timeout_ms / 1000;
		limit.tv_usec = timeout_ms % 1000 * 1000;
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	}
	while (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) != 0) {
		if (errno == EAGAIN) {
			return -ETIMEDOUT;
		}
		if (errno != EINTR) {
			return -errno;
		}
	}
	return 0;
}

int hvd__sock_connect(const char *path, int timeout_ms)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	size_t len = strlen(path);
	int fd, flags, err;

	if (len == 0 || len >= sizeof(addr.sun_path)) {
		return -ENAMETOOLONG;
	}
	memcpy(addr.sun_path, path, len);
	fd = socket(AF_UNIX,
		    SOCK_STREAM | SOCK_CLOEXEC |
			    (timeout_ms == 0 ? SOCK_NONBLOCK : 0),
		    0);
	if (fd < 0) {
		return -errno;
	}
	err = connect_limited(fd, &addr, timeout_ms);
	if (err != 0) {
		goto err_close;
	}
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) {
		err = -errno;
		goto err_close;
	}
	return fd;

err_close:
	close(fd);
	return err;
}

static int wait_ready(int fd, short events, int64_t deadline)
{
	struct pollfd pfd = { .fd = fd, .events = events };
	int n = poll(&pfd, 1, hvd__remaining(deadline));

	if (n == 0) {
		return -ETIMEDOUT;
	}
	if (n < 0 && errno != EINTR) {
		return -errno;
	}
	return 0;
}

int hvd__sock_send(int fd, const char *data, size_t len, int64_t deadline)
{
	ssize_t n;
	int err;

	while (len > 0) {
		n = send(fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n >= 0) {
			data += n;
			len -= (size_t)n;
			continue;
		}
		if (errno == EINTR) {
			continue;
		}
		if (errno != EAGAIN) {
			return errno == EPIPE ? -ECONNRESET : -errno;
		}
		err = wait_ready(fd, POLLOUT, deadline);
		if (err != 0) {
			return err;
		}
	}
	return 0;
}

/* Takes the bytes up to and with the next line feed; *ret_len is added to. */
static int recv_part(int fd, char *line, size_t size, size_t *ret_len,
		     bool *ret_done)
{
	const char *line_feed;
	ssize_t n = recv(fd, line + *ret_len, size - *ret_len,
			 MSG_PEEK | MSG_DONTWAIT);

	if (n == 0) {
		return -ECONNRESET;
	}
	if (n < 0) {
		return -errno;
	}
	line_feed = memchr(line + *ret_len, '\n', (size_t)n);
	if (line_feed != NULL) {
		n = line_feed + 1 - (line + *ret_len);
		*ret_done = true;
	}
	/* They are there: peeking saw them. */
	n = recv(fd, line + *ret_len, (size_t)n, MSG_DONTWAIT);
	if (n <= 0) {
		return n == 0 ? -ECONNRESET : -errno;
	}
	*ret_len += (size_t)n;
	return 0;
}

int hvd__sock_recv_line(int fd, char *line, size_t size, int64_t deadline)
{
	bool done = false;
	size_t len = 0;
	int err;

	while (!done) {
		if (len == size) {
			return -EMSGSIZE;
		}
		err = recv_part(fd, line, size, &len, &done);
		if (err == -EAGAIN) {
			err = wait_ready(fd, POLLIN, deadline);
		} else if (err == -EINTR) {
			err = 0;
		}
		if (err != 0) {
			return err;
		}
	}
	line[len - 1] = '\0';
	return 0;
}
