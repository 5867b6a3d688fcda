// SPDX-License-Identifier: BSD-2-Clause
#include "storage_call.h"

#include <libvirt/libvirt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event.h"
#include "log.h"
#include "server.h"

static void put_volume_name(struct call *call, const char *pool,
			    const char *name)
{
	snprintf(call->subject, sizeof(call->subject), "%.40s/%.50s",
		 pool ? pool : "", name ? name : "");
}

static void read_one(struct storage_call *s, struct xdr_reader *r, char kind)
{
	const char *name;

	switch (kind) {
	case 'p': /* the uuid counts */
		name = xdr_get_string(r, PACKET_STRING_MAX);
		snprintf(s->call->subject, sizeof(s->call->subject),
			 "pool '%.60s'", name ? name : "");
		s->uuid = xdr_get_fixed(r, UUID_SIZE);
		break;
	case 'u':
		s->uuid = xdr_get_fixed(r, UUID_SIZE);
		break;
	case 'v':
		s->volume_pool = xdr_get_string(r, PACKET_STRING_MAX);
		s->volume = xdr_get_string(r, PACKET_STRING_MAX);
		xdr_get_string(r, PACKET_STRING_MAX); /* its key */
		put_volume_name(s->call, s->volume_pool, s->volume);
		break;
	case 's':
		s->text = xdr_get_string(r, PACKET_STRING_MAX);
		break;
	case 'i':
		s->number = xdr_get_i32(r);
		break;
	default:
		s->flags = xdr_get_u32(r);
	}
}

static void on_thread(struct thread_work *work)
{
	struct storage_call *s = (struct storage_call *)work;

	xdr_writer_init(&s->reply, PACKET_OUT_MAX - PACKET_HEADER_SIZE);
	if (s->run(s) < 0) {
		s->run = NULL;
	}
}

void storage_event(struct storage_call *s, const struct pool *pool,
		   int32_t type)
{
	struct storage_event *event = &s->events[s->event_count++];

	event->type = type;
	memcpy(event->uuid, pool->uuid, UUID_SIZE);
	snprintf(event->name, sizeof(event->name), "%s", pool->name);
}

static void tell(struct event_hub *hub, const struct storage_event *event)
{
	bool refreshed = event->type == STORAGE_REFRESHED;
	struct xdr_writer body;

	xdr_writer_init(&body, PACKET_OUT_MAX);
	xdr_put_string(&body, event->name);
	xdr_put_fixed(&body, event->uuid, UUID_SIZE);
	if (!refreshed) {
		xdr_put_i32(&body, event->type);
		xdr_put_i32(&body, 0); /* no detail */
	}
	event_tell(hub, EVENT_STORAGE_POOL, event->uuid,
		   refreshed ? VIR_STORAGE_POOL_EVENT_ID_REFRESH
			     : VIR_STORAGE_POOL_EVENT_ID_LIFECYCLE,
		   &body);
	xdr_writer_fini(&body);
}

/* Which may drop its client, too. */
static void tell_all(struct storage_call *s)
{
	struct event_hub *hub = server_events(s->server);

	for (unsigned int i = 0; hub && i < s->event_count; i++) {
		tell(hub, &s->events[i]);
	}
}

static void answer(struct storage_call *s)
{
	struct call *call = s->call;

	call->state = NULL;
	if (!s->run) {
		call_error_text(call, &s->error);
	} else if (s->reply.failed) {
		call_no_memory(call);
	} else {
		xdr_put_raw(&call->reply, s->reply.data, s->reply.len);
		call_reply(call);
	}
}

static void done(struct thread_work *work)
{
	struct storage_call *s = (struct storage_call *)work;

	if (s->run) {
		tell_all(s);
	}
	if (s->call) {
		answer(s);
	} else if (s->what[0]) {
		log_audit(s->what, s->run ? "done" : s->error.message);
	}
	xdr_writer_fini(&s->reply);
	free(s);
}

static void forget(void *state)
{
	struct storage_call *s = state;
	struct call *call = s->call;

	s->call = NULL;
	atomic_store(&s->gone, true);
	/* Nobody waits for what is read: others do for the thread. */
	if (!call_audit_text(call, s->what)) {
		thread_work_cancel(&s->work);
	}
}

void storage_call(struct call *call, const char *arguments, uint32_t known,
		  int (*run)(struct storage_call *s))
{
	size_t len = (size_t)(call->args.end - call->args.at);
	struct storage_call *s = calloc(1, sizeof(*s) + len);
	struct client *client = call->client;

	if (!s) {
		call_no_memory(call);
		return;
	}
	memcpy(s->body, call->args.at, len);
	xdr_reader_init(&call->args, s->body, len);
	s->call = call;
	s->run = run;
	s->server = client_server(client);
	s->store = *server_pools(s->server);
	for (; *arguments; arguments++) {
		read_one(s, &call->args, *arguments);
	}
	if (!call_args_end(call) || !call_only_flags(call, s->flags, known)) {
		free(s);
		return;
	}
	call->state = s;
	call->free_state = forget;
	s->work.run = on_thread;
	s->work.done = done;
	s->work.user = client_user(client);
	thread_work_begin(&s->work, client_loop(client),
			  client_is_readonly(client)
				  ? server_reader_threads(s->server)
				  : NULL);
}
