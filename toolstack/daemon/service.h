/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The daemon as a unit of systemd: ready, stopping and alive messages
 * (sd_notify(3)), and sockets that systemd has opened (sd_listen_fds(3)).
 * Without systemd all of this does nothing.
 */
#ifndef ZV_TOOLSTACK_DAEMON_SERVICE_H
#define ZV_TOOLSTACK_DAEMON_SERVICE_H

#include <stdint.h>
#include <uv.h>

/*
 * Takes what systemd says out of the environment, so that no child takes it for
 * its own.  First of all, before anything else opens a descriptor.
 */
void service_init(void);

/*
 * The listening unix stream socket of that FileDescriptorName, once: it is the
 * caller's from now on.  -1: there is none.
 */
int service_take_socket(const char *name);

/* Sees to it that so many descriptors can be open, or warns. */
void service_want_descriptors(unsigned int count);

/* Ready; from now on the loop tells that it is alive if the unit wants to know. */
void service_ready(uv_loop_t *loop);
/* The end takes longer: so long, from now.  status: for people. */
void service_extend(uint64_t ms, const char *status);
/* The end has begun; also without service_ready(). */
void service_stopping(void);

#endif /* ZV_TOOLSTACK_DAEMON_SERVICE_H */
