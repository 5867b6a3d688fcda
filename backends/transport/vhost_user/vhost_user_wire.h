/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whole messages from a vhost-user socket, and answers to them.  A message is
 * copied once; the fds that came with it belong to the message until somebody
 * takes one out (leaving -1), and are closed with it.
 */
#ifndef ZV_BACKENDS_TRANSPORT_VHOST_USER_VHOST_USER_WIRE_H
#define ZV_BACKENDS_TRANSPORT_VHOST_USER_VHOST_USER_WIRE_H

#include <stddef.h>

#include "transport/vhost_user/vhost_user_msg.h"

#define VHOST_USER_FDS_MAX GUEST_MEM_REGIONS_MAX

struct vhost_user_msg {
	struct vhost_user_header header;
	union vhost_user_payload payload;
	int fd[VHOST_USER_FDS_MAX];
	size_t fd_count;
};

struct vhost_user_wire {
	int fd;
	size_t got; /* bytes of the message at hand */
	struct vhost_user_msg msg;
};

/* fd becomes non-blocking and stays the caller's. */
int vhost_user_wire_init(struct vhost_user_wire *wire, int fd);
/* Drops what has been received. */
void vhost_user_wire_fini(struct vhost_user_wire *wire);

/*
 * 1: wire->msg is whole, until vhost_user_wire_done(); 0: not yet; else the
 * connection is of no more use: -ECONNRESET (its end, between messages),
 * -EPROTO (its end within one), -EBADMSG (header), -EMSGSIZE (payload size),
 * -E2BIG (more fds than any message has, or than we can have), or what
 * recvmsg() said.
 */
int vhost_user_wire_receive(struct vhost_user_wire *wire);
void vhost_user_wire_done(struct vhost_user_wire *wire);

/*
 * fd may be -1.  0, or -EAGAIN when the other side does not read, or another
 * error; part of the message may have been sent then.
 */
int vhost_user_wire_send(int fd, uint32_t request, uint32_t flags,
			 const void *payload, size_t size, int pass_fd);

#endif /* ZV_BACKENDS_TRANSPORT_VHOST_USER_VHOST_USER_WIRE_H */
