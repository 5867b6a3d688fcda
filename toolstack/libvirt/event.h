/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What happens to domains and storage pools, told to the clients that asked for it.  One connection
 * to hvd, of its read-only socket, serves them all, while there are any.  A client
 * that does not read what it asked for is dropped.
 */
#ifndef ZV_TOOLSTACK_LIBVIRT_EVENT_H
#define ZV_TOOLSTACK_LIBVIRT_EVENT_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct call;
struct client;
struct event_hub;
struct xdr_writer;

#define EVENT_CALLBACKS_MAX 128u /* of a client; virsh takes 28 */

/* Whose events.  Only domains and storage pools have any. */
enum event_family {
	EVENT_DOMAIN,
	EVENT_NETWORK,
	EVENT_STORAGE_POOL,
	EVENT_NODE_DEVICE,
	EVENT_SECRET,
};

struct event_wish {
	enum event_family family;
	int32_t event; /* its number in that family */
	const uint8_t *uuid; /* only of this object; NULL: of all */
	/* Messages of the kind that clients knew before callbacks had ids; it is
	 * found again by event. */
	bool old;
};

/* NULL: out of memory. */
struct event_hub *event_hub_new(uv_loop_t *loop, const char *socket);
void event_hub_close(struct event_hub *hub); /* frees it, too */

/* The callback's id, -EEXIST (old ones only), -ENOSPC or -ENOMEM. */
int event_register(struct client *client, const struct event_wish *wish);
/* Answers the call that has done so: of what happens from then on it is told. */
void event_reply(struct call *call);
/* 0, or -ENOENT. */
int event_deregister(struct client *client, enum event_family family,
		     int32_t id);
int event_deregister_old(struct client *client, int32_t event);
/* So many callbacks of the kind. */
uint32_t event_count_old(struct client *client, int32_t event);

/* The client is gone, or has closed its connection: nothing is told any more. */
void event_client_free(struct client *client);

/*
 * An event of an object, by its number in the family (virDomainEventID).  body is
 * what follows the callback's id, and stays the caller's.
 */
void event_tell(struct event_hub *hub, enum event_family family,
		const uint8_t *uuid, int32_t event,
		const struct xdr_writer *body);

#endif /* ZV_TOOLSTACK_LIBVIRT_EVENT_H */
