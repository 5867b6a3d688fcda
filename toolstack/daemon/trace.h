/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypervisor's trace, shared by clients.  Each says which classes of events
 * it wants; what any of them wants is switched on, and it is off when the last
 * has left.  Reading takes nothing from others: each has positions of its own,
 * and gets the events that it asked for.
 */
#ifndef ZV_TOOLSTACK_DAEMON_TRACE_H
#define ZV_TOOLSTACK_DAEMON_TRACE_H

#include <stdint.h>

struct daemon;
struct json_object;
struct rpc_call;

/* Part of a client.  All zero: it does not trace. */
struct trace_client {
	struct trace_client *next;
	struct trace_client **link; /* NULL: not in the list */
	uint32_t classes; /* ZV_TRACE_BIT() of what it wants */
};

/* A client has gone. */
void trace_leave(struct daemon *daemon, struct trace_client *client);

/* Whatever an hvd that was killed has left on is off. */
void trace_reset(struct daemon *daemon);

void methods_trace_set(struct rpc_call *call, struct json_object *params);
void methods_trace_read(struct rpc_call *call, struct json_object *params);

#endif /* ZV_TOOLSTACK_DAEMON_TRACE_H */
