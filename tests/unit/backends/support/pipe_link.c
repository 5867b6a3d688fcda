/* SPDX-License-Identifier: BSD-2-Clause */
#include "pipe_link.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static struct pipe_link *from_link(struct net_link *link)
{
	return (struct pipe_link *)link;
}

static uint64_t pipe_offloads(struct net_link *link)
{
	return from_link(link)->can;
}

static int pipe_set_offloads(struct net_link *link, uint64_t offloads)
{
	if (from_link(link)->fail_set == 0) {
		from_link(link)->offloads = offloads;
	}
	return from_link(link)->fail_set;
}

static int pipe_set_pairs(struct net_link *link, uint32_t count)
{
	if (from_link(link)->fail_set == 0) {
		from_link(link)->pairs = count;
	}
	return from_link(link)->fail_set;
}

static int pipe_set_carrier(struct net_link *link, bool up)
{
	from_link(link)->carrier = up;
	return 0;
}

static ssize_t result(ssize_t n)
{
	if (n < 0 && errno == EPIPE) {
		return -EBADFD;
	}
	return n < 0 ? -errno : n;
}

static ssize_t pipe_read(struct net_link *link, uint32_t q, struct iovec *iov,
			 int count)
{
	ssize_t n;

	from_link(link)->reads++;
	from_link(link)->pieces = count;
	if (from_link(link)->fail_read != 0) {
		return from_link(link)->fail_read;
	}
	n = readv(link->fd[q], iov, count);
	return n == 0 ? -EBADFD : result(n);
}

static ssize_t pipe_write(struct net_link *link, uint32_t q, struct iovec *iov,
			  int count)
{
	struct msghdr message = { .msg_iov = iov, .msg_iovlen = (size_t)count };

	if (from_link(link)->fail_write != 0) {
		return from_link(link)->fail_write;
	}
	if (from_link(link)->swallow) {
		return 0;
	}
	return result(sendmsg(link->fd[q], &message, MSG_NOSIGNAL));
}

static int pipe_flush(struct net_link *link, uint32_t q)
{
	(void)q;
	return from_link(link)->fail_flush;
}

static const struct net_link_ops pipe_ops = {
	.offloads = pipe_offloads,
	.set_offloads = pipe_set_offloads,
	.set_pairs = pipe_set_pairs,
	.set_carrier = pipe_set_carrier,
	.read = pipe_read,
	.write = pipe_write,
	.flush = pipe_flush,
};

void pipe_link_init(struct pipe_link *pipe, uint32_t pairs, uint64_t can)
{
	*pipe = (struct pipe_link){
		.link = { .ops = &pipe_ops, .pairs = pairs },
		.can = can,
		.carrier = true,
	};
	for (uint32_t q = 0; q < pairs; q++) {
		int fd[2];

		if (socketpair(AF_UNIX,
			       SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
			       fd) < 0) {
			abort();
		}
		pipe->link.fd[q] = fd[0];
		pipe->peer[q] = fd[1];
	}
}

void pipe_link_fini(struct pipe_link *pipe)
{
	for (uint32_t q = 0; q < pipe->link.pairs; q++) {
		close(pipe->link.fd[q]);
		if (pipe->peer[q] >= 0) {
			close(pipe->peer[q]);
		}
	}
}
