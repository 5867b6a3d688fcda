/* SPDX-License-Identifier: BSD-2-Clause */
#include "nbd_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/* A machine that is gone says nothing: after this long it counts as gone. */
#define SILENCE_S 30
#define KEEPALIVES 3

/* What a server says first, in every version since 2011. */
static const char greeting[] = "NBDMAGICIHAVEOPT";

union address {
	struct sockaddr any;
	struct sockaddr_un local;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* Its length. */
static socklen_t fill_in(const struct zone_nbd *nbd, union address *ret)
{
	*ret = (union address){ 0 };
	if (nbd->port == 0) {
		ret->local.sun_family = AF_UNIX;
		strcpy(ret->local.sun_path, nbd->address);
		return sizeof(ret->local);
	}
	if (inet_pton(AF_INET, nbd->address, &ret->v4.sin_addr) == 1) {
		ret->v4.sin_family = AF_INET;
		ret->v4.sin_port = htons(nbd->port);
		return sizeof(ret->v4);
	}
	/* It is one of both: zone_nbd.c */
	inet_pton(AF_INET6, nbd->address, &ret->v6.sin6_addr);
	ret->v6.sin6_family = AF_INET6;
	ret->v6.sin6_port = htons(nbd->port);
	return sizeof(ret->v6);
}

_Static_assert(sizeof((struct sockaddr_un){ 0 }.sun_path) ==
		       sizeof((struct zone_nbd){ .port = 0 }.address),
	       "every path of a definition fits");

/* Of connecting, too: connect(2). */
static int set_limit(int fd, int option, unsigned int ms)
{
	const struct timeval limit = {
		.tv_sec = ms / 1000,
		.tv_usec = ms % 1000 * 1000,
	};

	return setsockopt(fd, SOL_SOCKET, option, &limit, sizeof(limit)) < 0
		       ? -errno
		       : 0;
}

static int set_number(int fd, int level, int option, int number)
{
	return setsockopt(fd, level, option, &number, sizeof(number)) < 0
		       ? -errno
		       : 0;
}

/* Small requests go at once, and a peer that vanished is noticed. */
static int set_up_tcp(int fd)
{
	static const struct {
		int level;
		int option;
		int number;
	} options[] = {
		{ IPPROTO_TCP, TCP_NODELAY, 1 },
		{ SOL_SOCKET, SO_KEEPALIVE, 1 },
		{ IPPROTO_TCP, TCP_KEEPIDLE, SILENCE_S / 2 },
		{ IPPROTO_TCP, TCP_KEEPINTVL, SILENCE_S / 2 / KEEPALIVES },
		{ IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVES },
		{ IPPROTO_TCP, TCP_USER_TIMEOUT, SILENCE_S * 1000 },
	};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sizeof(options) / sizeof(options[0]);
	     i++) {
		rc = set_number(fd, options[i].level, options[i].option,
				options[i].number);
	}
	return rc;
}

static int connect_to(int fd, const union address *address, socklen_t length)
{
	int rc = set_limit(fd, SO_SNDTIMEO, NBD_SOCKET_MS);

	if (rc < 0) {
		return rc;
	}
	if (connect(fd, &address->any, length) < 0) {
		/* how a unix socket and how TCP say that time is up */
		return errno == EAGAIN || errno == EINPROGRESS ? -ETIMEDOUT
							       : -errno;
	}
	return set_limit(fd, SO_SNDTIMEO, 0);
}

int nbd_socket_connect(const struct zone_nbd *nbd)
{
	union address address;
	socklen_t length = fill_in(nbd, &address);
	int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int rc;

	if (fd < 0) {
		return -errno;
	}
	rc = connect_to(fd, &address, length);
	if (rc == 0 && nbd->port != 0) {
		rc = set_up_tcp(fd);
	}
	if (rc < 0) {
		close(fd);
		return rc;
	}
	return fd;
}

static int read_greeting(int fd)
{
	char text[sizeof(greeting)] = { 0 };
	int rc = set_limit(fd, SO_RCVTIMEO, NBD_SOCKET_MS);
	ssize_t got;

	if (rc < 0) {
		return rc;
	}
	/* the limit is one for all of it */
	got = recv(fd, text, sizeof(text) - 1, MSG_WAITALL);
	if (got < 0) {
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	}
	return memcmp(text, greeting, sizeof(text)) == 0 ? 0 : -EPROTO;
}

int nbd_socket_probe(const struct zone_nbd *nbd)
{
	int fd = nbd_socket_connect(nbd);
	int rc;

	if (fd < 0) {
		return fd;
	}
	rc = read_greeting(fd);
	close(fd);
	return rc;
}
