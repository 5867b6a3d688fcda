/* SPDX-License-Identifier: BSD-2-Clause */
#include "net/link_stream.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/container_of.h"

static struct link_stream *from_link(struct net_link *link)
{
	return container_of(link, struct link_stream, link);
}

static uint64_t stream_offloads(struct net_link *link)
{
	(void)link;
	return 0;
}

static int stream_set_offloads(struct net_link *link, uint64_t offloads)
{
	(void)link;
	return offloads == 0 ? 0 : -EINVAL;
}

static int stream_set_pairs(struct net_link *link, uint32_t count)
{
	return count == link->pairs ? 0 : -EINVAL;
}

/* The other side has no cable; the device moves nothing while it is out. */
static int stream_set_carrier(struct net_link *link, bool up)
{
	(void)link;
	(void)up;
	return 0;
}

/* ------------------------------------------------------------- the end of it */

static int is_gone(const struct link_stream *stream)
{
	return stream->why[0] != '\0' ? -EBADFD : 0;
}

static int gone(struct link_stream *stream, const char *what, int error)
{
	snprintf(stream->why, sizeof(stream->why), "%s%s%s", what,
		 error != 0 ? ": " : "", error != 0 ? strerror(error) : "");
	return -EBADFD;
}

static int failed(struct link_stream *stream)
{
	if (errno == EAGAIN || errno == EINTR) {
		return -EAGAIN;
	}
	return gone(stream, "its connection failed", errno);
}

/* ---------------------------------------------------------------- receiving */

/* One turn's worth of bytes behind those at hand: 0, -EAGAIN or -EBADFD. */
static int fill(struct link_stream *stream)
{
	uint32_t have = stream->in_to - stream->in_from;
	ssize_t n;

	memmove(stream->in, stream->in + stream->in_from, have);
	stream->in_from = 0;
	stream->in_to = have;
	n = read(stream->link.fd[0], stream->in + have,
		 sizeof(stream->in) - have);
	if (n < 0) {
		return failed(stream);
	}
	if (n == 0) {
		return gone(stream, "the other side has closed its connection",
			    0);
	}
	stream->in_to += (uint32_t)n;
	return 0;
}

/* 1: a whole frame is at hand; 0: not yet; or -EBADFD */
static int find_frame(struct link_stream *stream, uint32_t *ret_len)
{
	uint32_t have = stream->in_to - stream->in_from;
	char what[sizeof(stream->why)];
	uint32_t len;

	if (have < LINK_STREAM_PREFIX) {
		return 0;
	}
	memcpy(&len, stream->in + stream->in_from, LINK_STREAM_PREFIX);
	len = be32toh(len);
	if (len == 0 || len > NET_FRAME_MAX) {
		snprintf(what, sizeof(what),
			 "the other side sent a frame of %u bytes", len);
		return gone(stream, what, 0);
	}
	*ret_len = len;
	return have - LINK_STREAM_PREFIX >= len;
}

/* Returns how much found room. */
static size_t scatter(const uint8_t *from, size_t len, const struct iovec *iov,
		      int count)
{
	size_t done = 0;

	for (int i = 0; i < count && done < len; i++) {
		size_t n = len - done < iov[i].iov_len ? len - done
						       : iov[i].iov_len;

		memcpy(iov[i].iov_base, from + done, n);
		done += n;
	}
	return done;
}

/* The header is on neither side of the wire: made up, or left out. */
static void leave_header_out(struct iovec *iov)
{
	iov[0].iov_base = (uint8_t *)iov[0].iov_base + NET_HDR_SIZE;
	iov[0].iov_len -= NET_HDR_SIZE;
}

static ssize_t stream_read(struct net_link *link, uint32_t q, struct iovec *iov,
			   int count)
{
	struct link_stream *stream = from_link(link);
	uint32_t len = 0;
	size_t done;
	int rc = is_gone(stream);

	(void)q;
	if (rc == 0) {
		rc = find_frame(stream, &len);
	}
	if (rc == 0) {
		rc = fill(stream);
		rc = rc == 0 ? find_frame(stream, &len) : rc;
	}
	if (rc <= 0) {
		return rc == 0 ? -EAGAIN : rc;
	}
	memset(iov[0].iov_base, 0, NET_HDR_SIZE);
	leave_header_out(iov);
	stream->in_from += LINK_STREAM_PREFIX;
	done = scatter(stream->in + stream->in_from, len, iov, count);
	stream->in_from += len;
	return (ssize_t)(NET_HDR_SIZE + done);
}

/* ------------------------------------------------------------------ sending */

static int stream_flush(struct net_link *link, uint32_t q)
{
	struct link_stream *stream = from_link(link);
	ssize_t n;
	int rc = is_gone(stream);

	(void)q;
	if (rc != 0 || stream->out_from == stream->out_to) {
		return rc;
	}
	n = write(stream->link.fd[0], stream->out + stream->out_from,
		  stream->out_to - stream->out_from);
	if (n < 0) {
		return failed(stream);
	}
	stream->out_from += (uint32_t)n;
	return stream->out_from == stream->out_to ? 0 : -EAGAIN;
}

/* The frame and what goes before it are now in out; false: no room. */
static bool gather(struct link_stream *stream, const struct iovec *iov,
		   int count)
{
	uint32_t len = 0;

	for (int i = 0; i < count; i++) {
		if (iov[i].iov_len > NET_FRAME_MAX - len) {
			return false;
		}
		memcpy(stream->out + LINK_STREAM_PREFIX + len, iov[i].iov_base,
		       iov[i].iov_len);
		len += (uint32_t)iov[i].iov_len;
	}
	stream->out_from = 0;
	stream->out_to = LINK_STREAM_PREFIX + len;
	len = htobe32(len);
	memcpy(stream->out, &len, LINK_STREAM_PREFIX);
	return true;
}

static ssize_t stream_write(struct net_link *link, uint32_t q,
			    struct iovec *iov, int count)
{
	struct link_stream *stream = from_link(link);
	uint32_t len;
	int rc = stream_flush(link, q);

	if (rc != 0) {
		return rc;
	}
	leave_header_out(iov);
	if (!gather(stream, iov, count)) {
		return -EMSGSIZE;
	}
	len = stream->out_to - LINK_STREAM_PREFIX;
	/* What does not go now goes later: the packet is taken. */
	rc = stream_flush(link, q);
	return rc == 0 || rc == -EAGAIN ? (ssize_t)(NET_HDR_SIZE + len) : rc;
}

static const struct net_link_ops stream_ops = {
	.offloads = stream_offloads,
	.set_offloads = stream_set_offloads,
	.set_pairs = stream_set_pairs,
	.set_carrier = stream_set_carrier,
	.read = stream_read,
	.write = stream_write,
	.flush = stream_flush,
};

int link_stream_init(struct link_stream *stream, int fd)
{
	int flags = fcntl(fd, F_GETFL);
	int type = 0;
	socklen_t len = sizeof(type);

	if (flags < 0 || (flags & O_NONBLOCK) == 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 ||
	    type != SOCK_STREAM) {
		return -EINVAL;
	}
	stream->link = (struct net_link){
		.ops = &stream_ops,
		.pairs = 1,
		.fd = { fd },
	};
	stream->why[0] = '\0';
	stream->in_from = stream->in_to = 0;
	stream->out_from = stream->out_to = 0;
	return 0;
}
