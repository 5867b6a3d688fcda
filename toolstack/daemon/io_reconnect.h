/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The NBD servers that an I/O process has lost: looks whether they are there
 * again, again and again.  The process itself goes on meanwhile, for the sake of
 * the zone's other devices, and only another one can have new connections.
 *
 *   waiting --time--> looking --job--> back (all of them; gone)
 *      ^                |
 *      +----------------+ not yet, or another zone looks
 *
 * One zone looks at a time: where many lost a server that hangs, jobs of others
 * shall find a thread.
 */
#ifndef ZV_TOOLSTACK_DAEMON_IO_RECONNECT_H
#define ZV_TOOLSTACK_DAEMON_IO_RECONNECT_H

#include <uv.h>

#include "backoff.h"
#include "device_status.h"
#include "zone_def.h"

struct io_reconnect;

/*
 * def and status (which devices are lost) are looked at each time, and backoff,
 * too, which outlives this: a server that goes as soon as it has come is not to
 * cost a process each time.  back is called from the loop, and the reconnect has
 * gone then.  NULL: out of memory.
 */
struct io_reconnect *io_reconnect_start(uv_loop_t *loop,
					const struct zone_def *def,
					const struct device_status *status,
					struct backoff *backoff,
					void (*back)(void *owner), void *owner);

/* back is not called any more.  NULL is allowed. */
void io_reconnect_drop(struct io_reconnect *reconnect);

#endif /* ZV_TOOLSTACK_DAEMON_IO_RECONNECT_H */
