// SPDX-License-Identifier: BSD-2-Clause
#include "event.h"

#include <errno.h>
#include <libvirt/libvirt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "client.h"
#include "domain_event.h"
#include "event_link.h"
#include "log.h"
#include "server.h"
#include "uuid.h"

struct callback {
	struct callback *next;
	enum event_family family;
	int32_t event;
	int32_t id;
	bool old;
	bool filtered;
	uint8_t uuid[UUID_SIZE];
};

struct event_client {
	struct event_client *next;
	struct event_client **link_to;
	struct client *client; /* NULL: gone while an event was being told */
	struct callback *callbacks;
	uint32_t count;
	int32_t last_id;
};

struct event_hub {
	uv_loop_t *loop;
	char socket[PATH_MAX];
	struct event_link *link; /* NULL: nobody listens */
	struct event_client *clients;
	struct waiting *waiting;
	bool telling;
};

/* -------------------------------------------------------- connection to hvd */

/* The calls that have registered something are not answered before. */
struct waiting {
	struct waiting *next;
	struct waiting **link_to;
	struct call *call;
};

static void forget_waiting(void *state)
{
	struct waiting *w = state;

	*w->link_to = w->next;
	if (w->next) {
		w->next->link_to = w->link_to;
	}
	free(w);
}

static void on_event(const struct hvd_event *event, void *arg)
{
	domain_event_tell(arg, event);
}

static void on_settled(void *arg)
{
	struct event_hub *hub = arg;

	while (hub->waiting) {
		call_reply(hub->waiting->call);
	}
}

static const struct event_link_ops link_ops = {
	.event = on_event,
	.settled = on_settled,
};

static void hub_end(struct event_hub *hub)
{
	event_link_close(hub->link);
	hub->link = NULL;
	on_settled(hub);
}

struct event_hub *event_hub_new(uv_loop_t *loop, const char *socket)
{
	struct event_hub *hub = calloc(1, sizeof(*hub));

	if (!hub) {
		return NULL;
	}
	hub->loop = loop;
	snprintf(hub->socket, sizeof(hub->socket), "%s", socket);
	return hub;
}

void event_hub_close(struct event_hub *hub)
{
	if (hub) {
		hub_end(hub);
		free(hub);
	}
}

/* ---------------------------------------------------------------- callbacks */

static struct event_hub *hub_of(struct client *client)
{
	return server_events(client_server(client));
}

static struct event_client *client_begin(struct client *client)
{
	struct event_client **place = client_events(client);
	struct event_hub *hub = hub_of(client);
	struct event_client *ec = *place;

	if (ec) {
		return ec;
	}
	ec = calloc(1, sizeof(*ec));
	if (!ec) {
		return NULL;
	}
	if (!hub->link) {
		hub->link =
			event_link_new(hub->loop, hub->socket, &link_ops, hub);
	}
	if (!hub->link) {
		free(ec);
		return NULL;
	}
	ec->client = client;
	ec->next = hub->clients;
	ec->link_to = &hub->clients;
	if (ec->next) {
		ec->next->link_to = &ec->next;
	}
	hub->clients = ec;
	*place = ec;
	return ec;
}

static void client_end(struct event_hub *hub, struct event_client *ec)
{
	*ec->link_to = ec->next;
	if (ec->next) {
		ec->next->link_to = ec->link_to;
	}
	while (ec->callbacks) {
		struct callback *callback = ec->callbacks;

		ec->callbacks = callback->next;
		free(callback);
	}
	free(ec);
	if (!hub->clients) {
		hub_end(hub);
	}
}

void event_client_free(struct client *client)
{
	struct event_client **place = client_events(client);
	struct event_client *ec = *place;

	if (!ec) {
		return;
	}
	*place = NULL;
	ec->client = NULL;
	if (!hub_of(client)->telling) {
		client_end(hub_of(client), ec);
	}
}

int event_register(struct client *client, const struct event_wish *wish)
{
	struct event_client *ec = client_begin(client);
	struct callback *callback;

	if (!ec) {
		return -ENOMEM;
	}
	if (wish->old && event_count_old(client, wish->event) > 0) {
		return -EEXIST;
	}
	if (ec->count >= EVENT_CALLBACKS_MAX || ec->last_id == INT32_MAX) {
		return -ENOSPC;
	}
	callback = calloc(1, sizeof(*callback));
	if (!callback) {
		return -ENOMEM;
	}
	callback->family = wish->family;
	callback->event = wish->event;
	callback->old = wish->old;
	callback->id = ++ec->last_id;
	callback->filtered = wish->uuid;
	if (wish->uuid) {
		memcpy(callback->uuid, wish->uuid, UUID_SIZE);
	}
	callback->next = ec->callbacks;
	ec->callbacks = callback;
	ec->count++;
	return callback->id;
}

void event_reply(struct call *call)
{
	struct event_hub *hub = hub_of(call->client);
	struct waiting *w;

	if (!event_link_is_new(hub->link)) {
		call_reply(call);
		return;
	}
	w = call_keep(call, sizeof(*w), forget_waiting);
	if (!w) {
		return;
	}
	w->call = call;
	w->next = hub->waiting;
	w->link_to = &hub->waiting;
	if (w->next) {
		w->next->link_to = &w->next;
	}
	hub->waiting = w;
}

static bool is_old(const struct callback *callback, int32_t event)
{
	return callback->old && callback->family == EVENT_DOMAIN &&
	       callback->event == event;
}

uint32_t event_count_old(struct client *client, int32_t event)
{
	struct event_client *ec = *client_events(client);
	uint32_t count = 0;

	for (struct callback *c = ec ? ec->callbacks : NULL; c; c = c->next) {
		count += is_old(c, event);
	}
	return count;
}

static int remove_at(struct client *client, struct callback **at)
{
	struct event_client *ec = *client_events(client);
	struct callback *callback = *at;

	if (!callback) {
		return -ENOENT;
	}
	*at = callback->next;
	free(callback);
	if (--ec->count == 0 && ec->callbacks == NULL) {
		event_client_free(client);
	}
	return 0;
}

int event_deregister(struct client *client, enum event_family family,
		     int32_t id)
{
	struct event_client *ec = *client_events(client);
	struct callback **at = ec ? &ec->callbacks : NULL;

	while (at && *at &&
	       ((*at)->old || (*at)->family != family || (*at)->id != id)) {
		at = &(*at)->next;
	}
	return at ? remove_at(client, at) : -ENOENT;
}

int event_deregister_old(struct client *client, int32_t event)
{
	struct event_client *ec = *client_events(client);
	struct callback **at = ec ? &ec->callbacks : NULL;

	while (at && *at && !is_old(*at, event)) {
		at = &(*at)->next;
	}
	return at ? remove_at(client, at) : -ENOENT;
}

/* ------------------------------------------------------------------ telling */

/* The numbers of an event's messages. */
static const struct message {
	enum event_family family;
	int32_t event;
	int32_t number; /* begins with the callback's id */
	int32_t old; /* does not; 0: there is none */
} messages[] = {
	{ EVENT_DOMAIN, VIR_DOMAIN_EVENT_ID_LIFECYCLE, 318, 107 },
	{ EVENT_DOMAIN, VIR_DOMAIN_EVENT_ID_REBOOT, 319, 169 },
	{ EVENT_DOMAIN, VIR_DOMAIN_EVENT_ID_IO_ERROR, 322, 172 },
	{ EVENT_DOMAIN, VIR_DOMAIN_EVENT_ID_GRAPHICS, 323, 173 },
	{ EVENT_DOMAIN, VIR_DOMAIN_EVENT_ID_IO_ERROR_REASON, 324, 195 },
	{ EVENT_DOMAIN, VIR_DOMAIN_EVENT_ID_JOB_COMPLETED, 363, 0 },
	{ EVENT_DOMAIN, VIR_DOMAIN_EVENT_ID_METADATA_CHANGE, 379, 0 },
	{ EVENT_STORAGE_POOL, VIR_STORAGE_POOL_EVENT_ID_LIFECYCLE, 370, 0 },
	{ EVENT_STORAGE_POOL, VIR_STORAGE_POOL_EVENT_ID_REFRESH, 373, 0 },
};

static const struct message *message_of(enum event_family family, int32_t event)
{
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		if (messages[i].family == family &&
		    messages[i].event == event) {
			return &messages[i];
		}
	}
	return NULL;
}

static bool wants(const struct callback *callback, const uint8_t *uuid,
		  const struct message *message)
{
	return callback->family == message->family &&
	       callback->event == message->event &&
	       (!callback->old || message->old) &&
	       (!callback->filtered ||
		memcmp(callback->uuid, uuid, UUID_SIZE) == 0);
}

static void send_one(struct event_client *ec, const struct callback *callback,
		     const struct message *message,
		     const struct xdr_writer *body)
{
	struct packet_header header = {
		.program = PROGRAM_REMOTE,
		.version = PROGRAM_VERSION,
		.procedure = callback->old ? message->old : message->number,
		.type = PACKET_MESSAGE,
		.status = STATUS_OK,
	};
	struct xdr_writer w;

	if (client_output(ec->client) > CLIENT_OUTPUT_MAX) {
		client_drop(ec->client, "it does not read its events");
		return;
	}
	packet_begin(&w, &header);
	if (!callback->old) {
		xdr_put_i32(&w, callback->id);
	}
	xdr_put_raw(&w, body->data, body->len);
	client_send(ec->client, &w);
}

static void sweep(struct event_hub *hub)
{
	struct event_client *next;

	for (struct event_client *ec = hub->clients; ec; ec = next) {
		next = ec->next;
		if (!ec->client) {
			client_end(hub, ec);
		}
	}
}

/* Sending may drop clients, this one or others: they stay until the end. */
void event_tell(struct event_hub *hub, enum event_family family,
		const uint8_t *uuid, int32_t event,
		const struct xdr_writer *body)
{
	const struct message *message = message_of(family, event);

	if (body->failed || !message) {
		log_warning("an event is not told: out of memory");
		return;
	}
	hub->telling = true;
	for (struct event_client *ec = hub->clients; ec; ec = ec->next) {
		for (struct callback *c = ec->callbacks; c && ec->client;
		     c = c->next) {
			if (wants(c, uuid, message)) {
				send_one(ec, c, message, body);
			}
		}
	}
	hub->telling = false;
	sweep(hub);
}
