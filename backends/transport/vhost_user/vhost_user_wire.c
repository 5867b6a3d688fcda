/* SPDX-License-Identifier: BSD-2-Clause */
#include "transport/vhost_user/vhost_user_wire.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEADER sizeof(struct vhost_user_header)

/* The payload follows the header at once, so that both fill one buffer. */
static void *message_at(struct vhost_user_msg *msg, size_t offset)
{
	return offset < HEADER ? (uint8_t *)&msg->header + offset
			       : (uint8_t *)&msg->payload + (offset - HEADER);
}

static size_t message_missing(const struct vhost_user_wire *wire)
{
	return wire->got < HEADER ? HEADER - wire->got
				  : HEADER + wire->msg.header.size - wire->got;
}

static void close_fds(struct vhost_user_msg *msg)
{
	for (size_t i = 0; i < msg->fd_count; i++) {
		if (msg->fd[i] >= 0) {
			close(msg->fd[i]);
		}
	}
	msg->fd_count = 0;
}

int vhost_user_wire_init(struct vhost_user_wire *wire, int fd)
{
	int flags = fcntl(fd, F_GETFL);

	memset(wire, 0, sizeof(*wire));
	wire->fd = fd;
	return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno
								       : 0;
}

void vhost_user_wire_fini(struct vhost_user_wire *wire)
{
	vhost_user_wire_done(wire);
	wire->fd = -1;
}

void vhost_user_wire_done(struct vhost_user_wire *wire)
{
	close_fds(&wire->msg);
	memset(&wire->msg, 0, sizeof(wire->msg));
	wire->got = 0;
}

/* Takes the fds of one cmsg; those there is no room for are closed. */
static int take_fds(struct vhost_user_msg *msg, struct cmsghdr *cmsg)
{
	size_t count = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	int rc = 0;

	for (size_t i = 0; i < count; i++) {
		int fd;

		memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(fd), sizeof(fd));
		if (msg->fd_count < VHOST_USER_FDS_MAX) {
			msg->fd[msg->fd_count++] = fd;
		} else {
			close(fd);
			rc = -E2BIG;
		}
	}
	return rc;
}

static int take_control(struct vhost_user_msg *msg, struct msghdr *mh)
{
	/* Cut off: the kernel has dropped fds, so what is left is not whole. */
	int rc = (mh->msg_flags & MSG_CTRUNC) != 0 ? -E2BIG : 0;

	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(mh); cmsg != NULL;
	     cmsg = CMSG_NXTHDR(mh, cmsg)) {
		if (cmsg->cmsg_level == SOL_SOCKET &&
		    cmsg->cmsg_type == SCM_RIGHTS && take_fds(msg, cmsg) != 0) {
			rc = -E2BIG;
		}
	}
	return rc;
}

/* 1: bytes were received */
static int receive_some(struct vhost_user_wire *wire)
{
	union {
		struct cmsghdr align;
		uint8_t space[CMSG_SPACE(VHOST_USER_FDS_MAX * sizeof(int))];
	} control;
	struct iovec iov = {
		.iov_base = message_at(&wire->msg, wire->got),
		.iov_len = message_missing(wire),
	};
	struct msghdr mh = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n = recvmsg(wire->fd, &mh, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	int rc;

	if (n < 0) {
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	}
	rc = take_control(&wire->msg, &mh);
	if (rc != 0) {
		return rc;
	}
	if (n == 0) {
		return wire->got == 0 ? -ECONNRESET : -EPROTO;
	}
	wire->got += (size_t)n;
	return 1;
}

static int check_header(const struct vhost_user_header *header)
{
	if ((header->flags & VHOST_USER_VERSION_MASK) != VHOST_USER_VERSION ||
	    (header->flags & VHOST_USER_REPLY) != 0) {
		return -EBADMSG;
	}
	return header->size > sizeof(union vhost_user_payload) ? -EMSGSIZE : 0;
}

int vhost_user_wire_receive(struct vhost_user_wire *wire)
{
	for (;;) {
		int rc;

		if (wire->got >= HEADER) {
			rc = check_header(&wire->msg.header);
			if (rc != 0) {
				return rc;
			}
			if (message_missing(wire) == 0) {
				return 1;
			}
		}
		rc = receive_some(wire);
		if (rc <= 0) {
			return rc;
		}
	}
}

int vhost_user_wire_send(int fd, uint32_t request, uint32_t flags,
			 const void *payload, size_t size, int pass_fd)
{
	struct vhost_user_header header = { request, flags, (uint32_t)size };
	union {
		struct cmsghdr cmsg;
		uint8_t space[CMSG_SPACE(sizeof(int))];
	} control;
	union {
		const void *in;
		void *out;
	} from = { payload };
	struct iovec iov[2] = { { &header, sizeof(header) },
				{ from.out, size } };
	struct msghdr mh = {
		.msg_iov = iov,
		.msg_iovlen = size != 0 ? 2 : 1,
	};
	ssize_t n;

	if (pass_fd >= 0) {
		memset(&control, 0, sizeof(control));
		control.cmsg.cmsg_level = SOL_SOCKET;
		control.cmsg.cmsg_type = SCM_RIGHTS;
		control.cmsg.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.cmsg), &pass_fd, sizeof(pass_fd));
		mh.msg_control = &control;
		mh.msg_controllen = sizeof(control);
	}
	n = sendmsg(fd, &mh, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0) {
		return -errno;
	}
	return (size_t)n == sizeof(header) + size ? 0 : -EAGAIN;
}
