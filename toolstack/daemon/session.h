/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One client's connection.  Whatever it sends or fails to read costs at most
 * one line of input, SESSION_OUTPUT_MAX of output and RPC_INFLIGHT_MAX calls:
 * reading stops while that many are open, and while its quota of requests is
 * used up; events are left out when it is slow, and it is dropped when answers
 * pile up.  All clients of an owner together hold at most SESSION_HELD_MAX bytes:
 * beyond that who holds most is dropped.
 *
 * Those whose quota is used up wait in one queue, with one timer.  Whose quota has
 * something again has one turn and, if it wants more, is the last of the queue:
 * connections that share a quota get their share of it.
 */
#ifndef ZV_TOOLSTACK_DAEMON_SESSION_H
#define ZV_TOOLSTACK_DAEMON_SESSION_H

#include <stdbool.h>
#include <uv.h>

#include "quota.h"
#include "quota_queue.h"

struct daemon;
struct event_listener;
struct session;
struct trace_client;

#define SESSION_OUTPUT_MAX (4u << 20)
#define SESSION_EVENTS_MAX (256u << 10) /* queued output that bars events */
#define SESSION_HELD_MAX (64u << 20)

/* Told when a session ends; the owner keeps a list of them. */
struct session_owner {
	struct session *sessions;
	unsigned int count;
	size_t held; /* bytes: lines not complete, answers not read */
	struct quota_table quotas;
	struct quota_queue queue;
};

void session_owner_init(struct session_owner *owner, uv_loop_t *loop,
			const struct quota_limits *limits);
/* Ends all of its sessions, too. */
void session_owner_close(struct session_owner *owner);
void session_owner_free(struct session_owner *owner); /* after the loop */

/*
 * Accepts a client from listener.  full: there is no room for it; it is told
 * so and let go.  0 or a libuv error.
 */
int session_accept(struct daemon *daemon, struct session_owner *owner,
		   uv_stream_t *listener, bool readonly, bool full);

struct daemon *session_daemon(struct session *session);
struct event_listener *session_listener(struct session *session);
struct trace_client *session_tracer(struct session *session);

#endif /* ZV_TOOLSTACK_DAEMON_SESSION_H */
