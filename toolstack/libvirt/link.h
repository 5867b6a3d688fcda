/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A client's connection to hvd in the loop.  It has the rights of the client, not
 * of this process: who comes by the read-only socket is sent to hvd's.  A hvd
 * that ended is looked for again at the next call.  Nothing waits for one that takes
 * no connections.
 */
#ifndef ZV_TOOLSTACK_LIBVIRT_LINK_H
#define ZV_TOOLSTACK_LIBVIRT_LINK_H

#include <uv.h>

struct hvd_conn;
struct hvd_error;
struct json_object;
struct link;

/* result: NULL if it failed, with error then; both live during the call only. */
typedef void (*link_reply_fn)(struct json_object *result,
			      const struct hvd_error *error, void *arg);

/* 0, or a negative errno value. */
int link_open(uv_loop_t *loop, const char *socket, struct link **ret_link);
/* No callbacks any more; what hvd was asked for goes on.  NULL is fine. */
void link_close(struct link *link);

/*
 * params are used up (NULL: out of memory, or none).  fn is called once, never
 * from within this function.  A negative errno value: it was not sent, and,
 * unless it is -ENOMEM, hvd_last_error() of link_conn() says why.
 */
int link_call(struct link *link, const char *method, struct json_object *params,
	      link_reply_fn fn, void *arg);

struct hvd_conn *link_conn(struct link *link);

#endif /* ZV_TOOLSTACK_LIBVIRT_LINK_H */
