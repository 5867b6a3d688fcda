// SPDX-License-Identifier: BSD-2-Clause
/* The event subscription of a connection. */
#include "client_internal.h"

#include <stdio.h>
#include <string.h>

void hvd__event_received_locked(struct hvd_conn *conn,
				struct json_object *params)
{
	if (conn->event_cb == NULL ||
	    !json_object_is_type(params, json_type_object)) {
		return;
	}
	conn->event_seq = hvd__json_u64(params, "seq", conn->event_seq);
	conn->event_seen = true;
	hvd__conn_deliver_event_locked(conn, json_object_get(params));
}

static bool is_number(struct json_object *json)
{
	return json_object_is_type(json, json_type_double) ||
	       json_object_is_type(json, json_type_int);
}

void hvd__event_dispatch(struct hvd_conn *conn, struct json_object *params)
{
	struct json_object *time = hvd__json_get(params, "time");
	struct json_object *job = hvd__json_get(params, "job");
	struct json_object *progress = hvd__json_get(job, "progress");
	struct hvd_event event = {
		.seq = hvd__json_u64(params, "seq", 0),
		.time = is_number(time) ? json_object_get_double(time) : 0,
		.kind = hvd__json_string(params, "kind"),
		.zone = hvd__json_string(params, "zone"),
		.event = hvd__json_string(params, "event"),
		.reason = hvd__json_string(params, "reason"),
		.device = hvd__json_string(params, "device"),
		.job = hvd__json_u64(job, "id", 0),
		.job_kind = hvd__json_string(job, "kind"),
		.job_done = hvd__json_u64(progress, "done", 0),
		.job_total = hvd__json_u64(progress, "total", 0),
		.uuid = hvd__json_string(params, "uuid"),
		.id = hvd__json_i64(params, "id", -1),
		.viewers = (uint32_t)hvd__json_u64(params, "viewers", 0),
	};
	hvd_event_fn cb;
	void *arg;

	event.kind = event.kind != NULL ? event.kind : "";
	event.zone = event.zone != NULL ? event.zone : "";
	event.event = event.event != NULL ? event.event : "";
	event.uuid = event.uuid != NULL ? event.uuid : "";
	event.json = json_object_to_json_string_ext(
		params,
		JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	pthread_mutex_lock(&conn->lock);
	cb = conn->event_cb;
	arg = conn->event_arg;
	pthread_mutex_unlock(&conn->lock);
	/* It may have been unsubscribed from since the event came. */
	if (cb != NULL && event.json != NULL) {
		cb(conn, &event, arg);
	}
}

struct handler {
	hvd_event_fn cb;
	void *arg;
};

static struct handler swap_handler(struct hvd_conn *conn, struct handler new)
{
	struct handler old;

	pthread_mutex_lock(&conn->lock);
	old = (struct handler){ conn->event_cb, conn->event_arg };
	conn->event_cb = new.cb;
	conn->event_arg = new.arg;
	pthread_mutex_unlock(&conn->lock);
	return old;
}

/*
 * Where a renewed subscription starts if no event comes before.  Of another run of
 * the daemon all is new, and follows.
 */
static void set_start(struct hvd_conn *conn, uint64_t since, uint64_t newest,
		      const char *run)
{
	pthread_mutex_lock(&conn->lock);
	if (!conn->event_seen) {
		conn->event_seq = since != HVD_EVENTS_NEW ? since : newest;
		conn->event_seen = true;
	} else if (strcmp(conn->event_run, run) != 0 &&
		   conn->event_seq == since) {
		conn->event_seq = 0;
	}
	snprintf(conn->event_run, sizeof(conn->event_run), "%s", run);
	pthread_mutex_unlock(&conn->lock);
}

static bool add_since(struct hvd_conn *conn, struct json_object *params,
		      uint64_t since)
{
	char run[RUN_SIZE];

	pthread_mutex_lock(&conn->lock);
	memcpy(run, conn->event_run, sizeof(run));
	pthread_mutex_unlock(&conn->lock);
	return hvd__params_add(params, "since",
			       json_object_new_uint64(since)) &&
	       (run[0] == '\0' ||
		hvd__params_add(params, "run", json_object_new_string(run)));
}

static int subscribe(struct hvd_conn *conn, uint64_t since, uint64_t *ret_seq)
{
	struct json_object *params = json_object_new_object();
	struct json_object *result;
	const char *run;
	int err;

	if (params == NULL ||
	    (since != HVD_EVENTS_NEW && !add_since(conn, params, since))) {
		json_object_put(params);
		return hvd__fail_nomem(conn);
	}
	err = hvd__invoke(conn, "event.subscribe", params, 0, &result);
	if (err != 0) {
		return err;
	}
	*ret_seq = hvd__json_u64(result, "seq", 0);
	run = hvd__json_string(result, "run");
	set_start(conn, since, *ret_seq, run != NULL ? run : "");
	json_object_put(result);
	return 0;
}

int hvd_subscribe(struct hvd_conn *conn, uint64_t since, hvd_event_fn cb,
		  void *arg, uint64_t *ret_seq)
{
	struct handler old;
	uint64_t seq;
	int err;

	/* Before the call: events may follow on the heels of its answer. */
	old = swap_handler(conn, (struct handler){ cb, arg });
	err = subscribe(conn, since, &seq);
	if (err != 0) {
		swap_handler(conn, old);
		return err;
	}
	if (ret_seq != NULL) {
		*ret_seq = seq;
	}
	return 0;
}

/* A daemon that was started anew is told so by the run that comes along. */
int hvd__events_renew(struct hvd_conn *conn)
{
	uint64_t since, seq;
	bool wanted;

	pthread_mutex_lock(&conn->lock);
	wanted = conn->event_cb != NULL;
	since = conn->event_seen ? conn->event_seq : HVD_EVENTS_NEW;
	pthread_mutex_unlock(&conn->lock);
	return wanted ? subscribe(conn, since, &seq) : 0;
}

int hvd_unsubscribe(struct hvd_conn *conn)
{
	pthread_mutex_lock(&conn->lock);
	conn->event_cb = NULL;
	conn->event_arg = NULL;
	conn->event_seen = false;
	conn->event_run[0] = '\0';
	pthread_mutex_unlock(&conn->lock);
	return hvd__invoke(conn, "event.unsubscribe", NULL, 0, NULL);
}
