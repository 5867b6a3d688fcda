/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Connections to NBD servers, for I/O processes: those can make none.
 *
 * Both functions wait for the server, for a bounded time: not for the loop.
 */
#ifndef ZV_TOOLSTACK_DAEMON_NBD_SOCKET_H
#define ZV_TOOLSTACK_DAEMON_NBD_SOCKET_H

#include "zone_def.h"

#define NBD_SOCKET_MS 3000u

/*
 * A connected stream socket on which nothing was said, or -errno: -ETIMEDOUT if
 * the server does not take it.
 */
int nbd_socket_connect(const struct zone_nbd *nbd);

/*
 * Does a server greet there?  Goes away before anything is agreed on: to the
 * server that was no client.  0, or -errno: -EPROTO if it is something else.
 */
int nbd_socket_probe(const struct zone_nbd *nbd);

#endif /* ZV_TOOLSTACK_DAEMON_NBD_SOCKET_H */
