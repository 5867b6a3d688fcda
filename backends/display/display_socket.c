/* SPDX-License-Identifier: BSD-2-Clause */
#include "display/display_socket.h"

#include <errno.h>
#include <sys/socket.h>

static int send_flags(int fd, const struct display_message *message, int flags)
{
	ssize_t n;

	do {
		n = send(fd, message, sizeof(*message), flags | MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

int display_socket_send(int fd, const struct display_message *message)
{
	return send_flags(fd, message, MSG_DONTWAIT);
}

int display_socket_send_wait(int fd, const struct display_message *message)
{
	return send_flags(fd, message, 0);
}

int display_socket_receive(int fd, struct display_message *ret)
{
	/* The size of one that is too long is told, but not it. */
	ssize_t n = recv(fd, ret, sizeof(*ret), MSG_DONTWAIT | MSG_TRUNC);

	if (n < 0) {
		return errno == EINTR ? -EAGAIN : -errno;
	}
	if (n == 0) {
		return -EPIPE;
	}
	return n == sizeof(*ret) ? 0 : -EPROTO;
}
