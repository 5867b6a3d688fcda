/* SPDX-License-Identifier: BSD-2-Clause */
/* The user that processes which work for a guest run as. */
#ifndef ZV_TOOLSTACK_DAEMON_IO_USER_H
#define ZV_TOOLSTACK_DAEMON_IO_USER_H

#include <stdbool.h>
#include <sys/types.h>

#define IO_USER_NAME "hvd-io"

/*
 * False: the machine has no such user, or none without privileges.  From any
 * thread.
 */
bool io_user_find(uid_t *ret_uid, gid_t *ret_gid);

#endif /* ZV_TOOLSTACK_DAEMON_IO_USER_H */
