/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages over a SOCK_SEQPACKET socket; nothing here waits but one function. */
#ifndef ZV_BACKENDS_DISPLAY_DISPLAY_SOCKET_H
#define ZV_BACKENDS_DISPLAY_DISPLAY_SOCKET_H

#include "display/display_wire.h"

/* 0, -EAGAIN if there is no room, or another negative errno. */
int display_socket_send(int fd, const struct display_message *message);
/* Waits until there is room. */
int display_socket_send_wait(int fd, const struct display_message *message);
/*
 * 0; -EAGAIN if there is none; -EPROTO for one that is not as long as all are;
 * -EPIPE after the last; or another negative errno.
 */
int display_socket_receive(int fd, struct display_message *ret);

#endif /* ZV_BACKENDS_DISPLAY_DISPLAY_SOCKET_H */
