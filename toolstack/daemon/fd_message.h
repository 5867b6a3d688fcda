/* SPDX-License-Identifier: BSD-2-Clause */
/* A line over a unix stream socket, with a descriptor. */
#ifndef ZV_TOOLSTACK_DAEMON_FD_MESSAGE_H
#define ZV_TOOLSTACK_DAEMON_FD_MESSAGE_H

/*
 * Sends text and a line feed, and fd along with it (-1: none), without waiting: 0, or
 * -EAGAIN if the peer has not read what it was sent before.  Any other error is
 * one of the socket, which is of no further use.
 */
int fd_message_send(int socket, const char *text, int fd);

#endif /* ZV_TOOLSTACK_DAEMON_FD_MESSAGE_H */
