/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A network in user mode: a process of passt and a socket to it.  passt makes
 * of the guest's packets what an ordinary program of zone0 does with sockets,
 * and needs no right for that.
 *
 * It runs as long as the other end of the socket is open somewhere, and ends by
 * itself: nobody has to stop it, whoever was killed.
 *
 * Blocks until passt has started: not for the loop.
 */
#ifndef ZV_TOOLSTACK_DAEMON_USER_NET_H
#define ZV_TOOLSTACK_DAEMON_USER_NET_H

#include "zerror.h"
#include "zone_def.h"

/*
 * For a device with `user`, whose place in the definition is path.  Returns 0
 * and a connected stream socket, non-blocking and close-on-exec; or -1.
 * ZERROR_BUSY: a port to be forwarded is taken, perhaps by a predecessor that
 * has not quite ended.
 */
int user_net_open(const struct zone_device *device, const char *path,
		  int *ret_fd, struct zerror *ret_error);

#endif /* ZV_TOOLSTACK_DAEMON_USER_NET_H */
