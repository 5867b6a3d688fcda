/* SPDX-License-Identifier: BSD-2-Clause */
#include "event.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <time.h>

#include "log.h"
#include "rpc.h"
#include "uuid.h"
#include "zone.h"

int event_log_init(struct event_log *log)
{
	uint8_t run[UUID_SIZE];
	int rc = uuid_generate(run);

	if (rc == 0) {
		uuid_format(run, log->run);
	}
	return rc;
}

void event_log_fini(struct event_log *log)
{
	for (unsigned int i = 0; i < EVENT_HISTORY; i++) {
		free(log->history[i]);
		log->history[i] = NULL;
	}
}

static struct json_object *make_params(uint64_t seq, const char *kind,
				       const struct zone *z, const char *event,
				       const char *reason)
{
	struct json_object *params = json_object_new_object();
	char uuid[UUID_TEXT_SIZE];
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	uuid_format(z->uuid, uuid);
	json_object_object_add(params, "seq",
			       json_object_new_int64((int64_t)seq));
	json_object_object_add(
		params, "time",
		json_object_new_double((double)now.tv_sec +
				       (double)(now.tv_nsec / 1000000) / 1e3));
	json_object_object_add(params, "kind", json_object_new_string(kind));
	json_object_object_add(params, "zone", json_object_new_string(z->name));
	json_object_object_add(params, "uuid", json_object_new_string(uuid));
	if (z->id >= 0) {
		json_object_object_add(params, "id",
				       json_object_new_int64(z->id));
	}
	json_object_object_add(params, "event", json_object_new_string(event));
	if (reason) {
		json_object_object_add(params, "reason",
				       json_object_new_string(reason));
	}
	return params;
}

/* Takes params over. */
static void publish(struct event_log *log, struct json_object *params)
{
	char **place = &log->history[log->seq % EVENT_HISTORY];
	struct event_listener *next;

	log->seq++;
	free(*place);
	*place = rpc_notification("event", params);
	if (!*place) {
		return; /* which the gap in seq tells */
	}
	for (struct event_listener *l = log->listeners; l; l = next) {
		next = l->next; /* a client that cannot keep up may go */
		l->deliver(l, *place);
	}
}

void event_publish(struct event_log *log, const struct zone *z,
		   const char *event, const char *reason)
{
	log_info("%s: %s%s%s", z->name, event, reason ? ": " : "",
		 reason ? reason : "");
	publish(log, make_params(log->seq + 1, "lifecycle", z, event, reason));
}

void event_publish_device(struct event_log *log, const struct zone *z,
			  const char *device, const char *event,
			  const char *reason)
{
	struct json_object *params =
		make_params(log->seq + 1, "device", z, event, reason);

	log_info("%s: device %s: %s%s%s", z->name, device, event,
		 reason ? ": " : "", reason ? reason : "");
	json_object_object_add(params, "device",
			       json_object_new_string(device));
	publish(log, params);
}

void event_publish_display(struct event_log *log, const struct zone *z,
			   const char *event, unsigned int viewers)
{
	struct json_object *params =
		make_params(log->seq + 1, "display", z, event, NULL);

	log_info("%s: viewer %s: %u now", z->name, event, viewers);
	json_object_object_add(params, "viewers",
			       json_object_new_int64(viewers));
	publish(log, params);
}

void event_publish_job(struct event_log *log, const struct zone *z,
		       struct json_object *job, const char *event,
		       const char *reason)
{
	struct json_object *params =
		make_params(log->seq + 1, "job", z, event, reason);

	json_object_object_add(params, "job", job);
	publish(log, params);
}

void event_listen(struct event_log *log, struct event_listener *listener)
{
	if (listener->link) {
		return;
	}
	listener->next = log->listeners;
	listener->link = &log->listeners;
	if (listener->next) {
		listener->next->link = &listener->next;
	}
	log->listeners = listener;
}

void event_replay(struct event_log *log, struct event_listener *listener,
		  uint64_t since)
{
	if (log->seq > EVENT_HISTORY && since < log->seq - EVENT_HISTORY) {
		since = log->seq - EVENT_HISTORY;
	}
	for (; since < log->seq; since++) {
		const char *message = log->history[since % EVENT_HISTORY];

		if (message) {
			listener->deliver(listener, message);
		}
	}
}

void event_unlisten(struct event_listener *listener)
{
	if (!listener->link) {
		return;
	}
	*listener->link = listener->next;
	if (listener->next) {
		listener->next->link = listener->link;
	}
	listener->link = NULL;
}
