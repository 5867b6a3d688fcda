// SPDX-License-Identifier: BSD-2-Clause
/* The hypervisor's trace. */
#include "client_internal.h"

#include <stdlib.h>

#define RECORD_MEMBERS 6

/* What the caller gets, and the answer that its texts are part of. */
struct trace {
	struct hvd_trace view;
	struct json_object *answer;
};

static bool add_events(struct json_object *params, const char *const *events)
{
	struct json_object *list = json_object_new_array();
	bool ok = list != NULL;

	for (; ok && events != NULL && *events != NULL; events++) {
		struct json_object *item = json_object_new_string(*events);

		ok = item != NULL && json_object_array_add(list, item) == 0;
	}
	if (!ok) {
		json_object_put(list);
		return false;
	}
	return hvd__params_add(params, "events", list);
}

static int copy_positions(struct hvd_conn *conn, struct json_object *list,
			  uint64_t **ret_pos, size_t *ret_count)
{
	size_t count;
	uint64_t *pos;

	if (!json_object_is_type(list, json_type_array)) {
		return hvd__fail_reply(conn, "trace.set", "lacks 'pos'");
	}
	count = json_object_array_length(list);
	pos = calloc(count + 1, sizeof(*pos));
	if (pos == NULL) {
		return hvd__fail_nomem(conn);
	}
	for (size_t i = 0; i < count; i++) {
		pos[i] = json_object_get_uint64(
			json_object_array_get_idx(list, i));
	}
	*ret_pos = pos;
	*ret_count = count;
	return 0;
}

int hvd_trace_set(struct hvd_conn *conn, const char *const *events,
		  uint64_t **ret_pos, size_t *ret_count)
{
	struct json_object *params = json_object_new_object();
	struct json_object *result;
	int err;

	if (params == NULL || !add_events(params, events)) {
		json_object_put(params);
		return hvd__fail_nomem(conn);
	}
	err = hvd__invoke(conn, "trace.set", params, 0, &result);
	if (err != 0) {
		return err;
	}
	if (ret_pos != NULL) {
		err = copy_positions(conn, hvd__json_get(result, "pos"),
				     ret_pos, ret_count);
	}
	json_object_put(result);
	return err;
}

static int32_t id_or_none(struct json_object *json)
{
	return json_object_is_type(json, json_type_int)
		       ? json_object_get_int(json)
		       : -1;
}

static bool record_read(struct json_object *json,
			struct hvd_trace_record *record)
{
	struct json_object *member[RECORD_MEMBERS];

	if (!json_object_is_type(json, json_type_array) ||
	    json_object_array_length(json) < RECORD_MEMBERS) {
		return false;
	}
	for (size_t i = 0; i < RECORD_MEMBERS; i++) {
		member[i] = json_object_array_get_idx(json, i);
	}
	if (!json_object_is_type(member[0], json_type_int) ||
	    !json_object_is_type(member[1], json_type_string)) {
		return false;
	}
	record->time_ns = json_object_get_uint64(member[0]);
	record->event = json_object_get_string(member[1]);
	record->zone = id_or_none(member[2]);
	record->vcpu = id_or_none(member[3]);
	record->what = json_object_is_type(member[4], json_type_string)
			       ? json_object_get_string(member[4])
			       : NULL;
	record->value = json_object_get_int64(member[5]);
	return true;
}

/* Of an answer that is well-formed; NULL if it is not, or without memory. */
static struct hvd_trace_record *records_read(struct json_object *list,
					     size_t *ret_count)
{
	size_t count = json_object_array_length(list);
	struct hvd_trace_record *records = calloc(count + 1, sizeof(*records));

	for (size_t i = 0; records != NULL && i < count; i++) {
		if (!record_read(json_object_array_get_idx(list, i),
				 &records[i])) {
			free(records);
			return NULL;
		}
	}
	*ret_count = count;
	return records;
}

void hvd_trace_free(struct hvd_trace *view)
{
	struct trace *trace = (struct trace *)view;

	if (trace == NULL) {
		return;
	}
	json_object_put(trace->answer);
	free(trace->view.records);
	free(trace);
}

int hvd_trace_read(struct hvd_conn *conn, uint32_t cpu, uint64_t pos,
		   struct hvd_trace **ret_trace)
{
	struct json_object *params = json_object_new_object();
	struct json_object *list, *result;
	struct trace *trace;
	int err;

	if (params == NULL ||
	    !hvd__params_add(params, "cpu", json_object_new_int64(cpu)) ||
	    !hvd__params_add(params, "pos", json_object_new_uint64(pos))) {
		json_object_put(params);
		return hvd__fail_nomem(conn);
	}
	err = hvd__invoke(conn, "trace.read", params, 0, &result);
	if (err != 0) {
		return err;
	}
	trace = calloc(1, sizeof(*trace));
	if (trace == NULL) {
		json_object_put(result);
		return hvd__fail_nomem(conn);
	}
	trace->answer = result;
	list = hvd__json_get(result, "records");
	if (json_object_is_type(list, json_type_array)) {
		trace->view.records =
			records_read(list, &trace->view.record_count);
	}
	if (trace->view.records == NULL) {
		hvd_trace_free(&trace->view);
		return hvd__fail_reply(conn, "trace.read",
				       "has no 'records', or odd ones");
	}
	trace->view.lost = hvd__json_u64(result, "lost", 0);
	trace->view.pos = hvd__json_u64(result, "pos", pos);
	*ret_trace = &trace->view;
	return 0;
}
