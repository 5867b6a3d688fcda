/* SPDX-License-Identifier: BSD-2-Clause */
/* Listening unix sockets with the access rights of this daemon's sockets. */
#ifndef ZV_TOOLSTACK_DAEMON_UNIX_SOCKET_H
#define ZV_TOOLSTACK_DAEMON_UNIX_SOCKET_H

#include <sys/types.h>

/*
 * Replaces whatever is at path.  Only the owner can connect until mode is set;
 * the group becomes `hvd` if there is such a group.  Returns an fd or -errno.
 */
int unix_socket_listen(const char *path, mode_t mode);

/* A connected stream socket whose other end has closed already; or -errno. */
int unix_socket_ended(void);

#endif /* ZV_TOOLSTACK_DAEMON_UNIX_SOCKET_H */
