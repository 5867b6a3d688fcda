/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * JSON-RPC 2.0 (jsonrpc.org/specification) for one connection, whatever
 * carries it: requests, notifications and batches come in as lines, answers go
 * out through `send`.  Parameters are by name and checked against the method's
 * table before its handler runs.
 *
 * A handler gets a call and must finish it exactly once, at once or later, with
 * rpc_result() or rpc_fail().  The peer may leave meanwhile; finishing the call
 * then does nothing but free it.  One thread.
 */
#ifndef ZV_TOOLSTACK_DAEMON_RPC_H
#define ZV_TOOLSTACK_DAEMON_RPC_H

#include <stdbool.h>
#include <stddef.h>

#include "zerror.h"

struct json_object;
struct rpc_call;
struct rpc_peer;

#define RPC_MESSAGE_MAX (1u << 20)
#define RPC_BATCH_MAX 64u
#define RPC_INFLIGHT_MAX 64u
#define RPC_PARAMS_MAX 8u
#define RPC_ID_MAX 256u /* bytes, as JSON: a call in flight keeps it */
#define RPC_WHO_MAX 128u

enum rpc_type {
	RPC_STRING = 1u << 0,
	RPC_INT = 1u << 1,
	RPC_BOOL = 1u << 2,
	RPC_OBJECT = 1u << 3,
	RPC_ARRAY = 1u << 4,
};

struct rpc_param {
	const char *name; /* NULL ends the list */
	unsigned int types; /* RPC_* that are accepted */
	bool required;
};

struct rpc_method {
	const char *name; /* NULL ends the table */
	bool readonly; /* allowed on the read-only socket */
	void (*handler)(struct rpc_call *call, struct json_object *params);
	struct rpc_param params[RPC_PARAMS_MAX];
};

struct rpc_peer {
	const struct rpc_method *methods;
	bool readonly;
	void *user; /* the methods' context */
	/* Takes one message without LF; text lives during the call only. */
	void (*send)(struct rpc_peer *peer, const char *text, size_t len);
	/*
	 * A call of a method that is not readonly has ended, or was not allowed
	 * (told once for each peer): who asked for what, and the outcome.  The
	 * peer may have left.  NULL: nobody wants to know.
	 */
	void (*audit)(const char *what, const char *outcome);
	/* Who the peer is, for audit and for others. */
	void (*who)(struct rpc_peer *peer, char ret_who[RPC_WHO_MAX]);
	bool refusal_told;
	bool left; /* see rpc_peer_leave() */
	unsigned int inflight; /* calls not finished */
	struct rpc_call *calls;
};

/*
 * One line.  Bad ones are answered with an error; the peer stays usable.
 * Returns how many requests it was: a batch is as many as it has.
 */
unsigned int rpc_receive(struct rpc_peer *peer, const char *line, size_t len);

/* Answers what could not be read as a message at all. */
void rpc_refuse(struct rpc_peer *peer, const struct zerror *error);

/* No more answers to this peer. */
void rpc_peer_leave(struct rpc_peer *peer);

/*
 * How a call is given up while it is in flight, see rpc_cancel(): 0 if it fails
 * with CANCELLED, now or soon, or -1 with why not.
 */
typedef int (*rpc_cancel_fn)(void *arg, struct rpc_call *call,
			     struct zerror *ret_error);
void rpc_call_on_cancel(struct rpc_call *call, rpc_cancel_fn cancel, void *arg);

/*
 * Gives up the call in flight of that id, which call's peer has made.  0, or -1:
 * it goes on, or there is none.
 */
int rpc_cancel(const struct rpc_call *call, struct json_object *id,
	       struct zerror *ret_error);

/* NULL when the peer has left. */
struct rpc_peer *rpc_call_peer(const struct rpc_call *call);
void *rpc_call_user(const struct rpc_call *call);
/* Who asked; of a peer that has left only that. */
void rpc_call_who(const struct rpc_call *call, char ret_who[RPC_WHO_MAX]);

/* Takes result over (NULL means an empty object). */
void rpc_result(struct rpc_call *call, struct json_object *result);
void rpc_fail(struct rpc_call *call, const struct zerror *error);

/*
 * A notification of our own, to be sent to whom it may concern: free() it.  Takes
 * params over.  NULL: out of memory.
 */
char *rpc_notification(const char *method, struct json_object *params);

/* A parameter of checked type, or the default when it is absent. */
const char *rpc_get_string(struct json_object *params, const char *name);
long long rpc_get_int(struct json_object *params, const char *name,
		      long long fallback);
bool rpc_get_bool(struct json_object *params, const char *name);

#endif /* ZV_TOOLSTACK_DAEMON_RPC_H */
