/* SPDX-License-Identifier: BSD-2-Clause */
#include "rpc.h"

#include <json-c/json.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "strict_json.h"

#define TEXT_FLAGS (JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)
#define AUDIT_MAX 512u /* bytes of who and what, or of the outcome */

/* Answers of a batch go out together when the last call is finished. */
struct batch {
	struct rpc_peer *peer;
	struct json_object *answers;
	size_t open; /* calls not finished, plus one while it is read */
};

struct rpc_call {
	struct rpc_peer *peer; /* NULL: it has left */
	void *user;
	struct batch *batch; /* NULL: a single request */
	struct json_object *id; /* NULL also for the id `null` */
	bool notification;
	char *what; /* for the audit, with who; NULL: it changes nothing */
	void (*audit)(const char *what, const char *outcome);
	rpc_cancel_fn cancel; /* NULL: it cannot be */
	void *cancel_arg;
	struct rpc_call *next;
	struct rpc_call **link;
};

/* ----------------------------------------------------------- output */

/* To an object that we make: key is a literal, and added once. */
static void add(struct json_object *object, const char *key,
		struct json_object *value)
{
	json_object_object_add_ex(object, key, value,
				  JSON_C_OBJECT_ADD_KEY_IS_NEW |
					  JSON_C_OBJECT_ADD_CONSTANT_KEY);
}

static void send_object(struct rpc_peer *peer, struct json_object *object)
{
	size_t len;
	const char *text =
		json_object_to_json_string_length(object, TEXT_FLAGS, &len);

	if (text) {
		peer->send(peer, text, len);
	}
}

static struct json_object *new_message(void)
{
	struct json_object *message = json_object_new_object();

	add(message, "jsonrpc", json_object_new_string("2.0"));
	return message;
}

static struct json_object *error_to_json(const struct zerror *error)
{
	struct json_object *json = json_object_new_object();
	struct json_object *data = json_object_new_object();

	add(json, "code", json_object_new_int(error->code));
	add(json, "message", json_object_new_string(error->message));
	add(data, "code", json_object_new_string(zerror_name(error->code)));
	if (error->path[0]) {
		add(data, "path", json_object_new_string(error->path));
	}
	if (error->hint[0]) {
		add(data, "hint", json_object_new_string(error->hint));
	}
	add(json, "data", data);
	return json;
}

/* Takes id over. */
static struct json_object *error_message(const struct zerror *error,
					 struct json_object *id)
{
	struct json_object *message = new_message();

	add(message, "error", error_to_json(error));
	add(message, "id", id);
	return message;
}

/* Takes answer over; NULL: nothing to say (a notification). */
static void answer_in(struct rpc_peer *peer, struct batch *batch,
		      struct json_object *answer)
{
	if (answer && batch) {
		json_object_array_add(batch->answers, answer);
	} else if (answer) {
		send_object(peer, answer);
		json_object_put(answer);
	}
}

static void batch_put(struct batch *batch)
{
	if (--batch->open > 0) {
		return;
	}
	if (batch->peer && json_object_array_length(batch->answers) > 0) {
		send_object(batch->peer, batch->answers);
	}
	json_object_put(batch->answers);
	free(batch);
}

void rpc_refuse(struct rpc_peer *peer, const struct zerror *error)
{
	answer_in(peer, NULL, error_message(error, NULL));
}

char *rpc_notification(const char *method, struct json_object *params)
{
	struct json_object *message = new_message();
	char *text;

	add(message, "method", json_object_new_string(method));
	add(message, "params", params);
	text = strdup(json_object_to_json_string_ext(message, TEXT_FLAGS));
	json_object_put(message);
	return text;
}

/* ------------------------------------------------------------ audit */

/* A definition is told by its name; other values as JSON, cut short. */
static void append_params(char *what, size_t room, struct json_object *params)
{
	if (!json_object_is_type(params, json_type_object)) {
		return;
	}
	json_object_object_foreach (params, key, value) {
		struct json_object *named = NULL;
		size_t used = strlen(what);

		if (json_object_is_type(value, json_type_object) &&
		    json_object_object_get_ex(value, "name", &named)) {
			value = named;
		}
		snprintf(
			what + used, room - used, " %.32s=%.80s", key,
			json_object_to_json_string_ext(
				value, JSON_C_TO_STRING_PLAIN |
					       JSON_C_TO_STRING_NOSLASHESCAPE));
	}
}

static void describe(struct rpc_peer *peer, const char *method,
		     struct json_object *params, char ret_what[AUDIT_MAX])
{
	char who[RPC_WHO_MAX];

	peer->who(peer, who);
	snprintf(ret_what, AUDIT_MAX, "%s: %s", who, method);
	append_params(ret_what, AUDIT_MAX, params);
}

static void tell_refusal(struct rpc_peer *peer, const char *method,
			 struct json_object *params)
{
	char what[AUDIT_MAX];

	if (peer->audit && !peer->refusal_told) {
		peer->refusal_told = true;
		describe(peer, method, params, what);
		peer->audit(what, "PERMISSION: this socket is read-only");
	}
}

static void tell_end(const struct rpc_call *call, const struct zerror *error)
{
	char outcome[AUDIT_MAX];

	if (!call->what) {
		return;
	}
	if (!error) {
		call->audit(call->what, "done");
		return;
	}
	snprintf(outcome, sizeof(outcome), "%s: %s", zerror_name(error->code),
		 error->message);
	call->audit(call->what, outcome);
}

/* ------------------------------------------------------------ calls */

static struct rpc_call *call_create(struct rpc_peer *peer, struct batch *batch,
				    struct json_object *id, bool notification)
{
	struct rpc_call *call = calloc(1, sizeof(*call));

	if (!call) {
		return NULL;
	}
	call->peer = peer;
	call->user = peer->user;
	call->batch = batch;
	call->id = json_object_get(id);
	call->notification = notification;
	call->next = peer->calls;
	call->link = &peer->calls;
	if (call->next) {
		call->next->link = &call->next;
	}
	peer->calls = call;
	peer->inflight++;
	if (batch) {
		batch->open++;
	}
	return call;
}

static void call_unlink(struct rpc_call *call)
{
	*call->link = call->next;
	if (call->next) {
		call->next->link = call->link;
	}
	call->peer->inflight--;
	call->peer = NULL;
}

/* Takes answer over. */
static void call_finish(struct rpc_call *call, struct json_object *answer)
{
	struct rpc_peer *peer = call->peer;
	struct batch *batch = call->batch;

	if (peer) {
		call_unlink(call);
	}
	if (peer && !call->notification) {
		answer_in(peer, batch, answer);
	} else {
		json_object_put(answer);
	}
	if (batch) {
		batch_put(batch);
	}
	json_object_put(call->id);
	free(call->what);
	free(call);
}

void rpc_result(struct rpc_call *call, struct json_object *result)
{
	struct json_object *message = new_message();

	tell_end(call, NULL);
	add(message, "result", result ? result : json_object_new_object());
	add(message, "id", json_object_get(call->id));
	call_finish(call, message);
}

void rpc_fail(struct rpc_call *call, const struct zerror *error)
{
	tell_end(call, error);
	call_finish(call, error_message(error, json_object_get(call->id)));
}

void rpc_call_on_cancel(struct rpc_call *call, rpc_cancel_fn cancel, void *arg)
{
	call->cancel = cancel;
	call->cancel_arg = arg;
}

/* Not the one that asks, which may have the same id. */
static struct rpc_call *find_call(const struct rpc_call *asking,
				  struct json_object *id)
{
	struct rpc_call *call = asking->peer ? asking->peer->calls : NULL;

	while (call && (call == asking || call->notification ||
			!json_object_equal(call->id, id))) {
		call = call->next;
	}
	return call;
}

int rpc_cancel(const struct rpc_call *call, struct json_object *id,
	       struct zerror *ret_error)
{
	struct rpc_call *found = find_call(call, id);

	if (!found) {
		return zerror_set(ret_error, ZERROR_INVALID_PARAMS, "$.id",
				  "it may have been answered already",
				  "no call of that id is in flight on this "
				  "connection");
	}
	if (!found->cancel) {
		return zerror_set(ret_error, ZERROR_UNSUPPORTED, NULL,
				  "it goes on",
				  "this call cannot be "
				  "cancelled: it is over in a "
				  "moment");
	}
	return found->cancel(found->cancel_arg, found, ret_error);
}

void rpc_peer_leave(struct rpc_peer *peer)
{
	peer->left = true;
	while (peer->calls) {
		struct rpc_call *call = peer->calls;

		if (call->batch) {
			call->batch->peer = NULL;
		}
		call_unlink(call);
	}
}

struct rpc_peer *rpc_call_peer(const struct rpc_call *call)
{
	return call->peer;
}

void rpc_call_who(const struct rpc_call *call, char ret_who[RPC_WHO_MAX])
{
	if (call->peer) {
		call->peer->who(call->peer, ret_who);
	} else {
		snprintf(ret_who, RPC_WHO_MAX, "a client that has left");
	}
}

void *rpc_call_user(const struct rpc_call *call)
{
	return call->user;
}

/* ------------------------------------------------------- parameters */

static const char *type_names(unsigned int types)
{
	switch (types) {
	case RPC_STRING:
		return "a string";
	case RPC_INT:
		return "an integer";
	case RPC_BOOL:
		return "true or false";
	case RPC_OBJECT:
		return "an object";
	case RPC_ARRAY:
		return "a list";
	default:
		return "a string or an integer";
	}
}

static unsigned int type_of(struct json_object *value)
{
	switch (json_object_get_type(value)) {
	case json_type_string:
		return RPC_STRING;
	case json_type_int:
		return RPC_INT;
	case json_type_boolean:
		return RPC_BOOL;
	case json_type_object:
		return RPC_OBJECT;
	case json_type_array:
		return RPC_ARRAY;
	default:
		return 0;
	}
}

static int check_param(const struct rpc_method *method, const char *key,
		       struct json_object *value, struct zerror *ret_error)
{
	char path[ZERROR_PATH_MAX];

	zerror_path(path, "$.%.64s", key);
	for (const struct rpc_param *p = method->params; p->name; p++) {
		if (strcmp(p->name, key) != 0) {
			continue;
		}
		if (type_of(value) & p->types) {
			return 0;
		}
		return zerror_set(ret_error, ZERROR_INVALID_PARAMS, path, NULL,
				  "%s: parameter %s must be %s", method->name,
				  key, type_names(p->types));
	}
	return zerror_set(ret_error, ZERROR_INVALID_PARAMS, path,
			  "rpc.discover lists the parameters",
			  "%s has no parameter %.64s", method->name, key);
}

static int check_params(const struct rpc_method *method,
			struct json_object *params, struct zerror *ret_error)
{
	if (!json_object_is_type(params, json_type_object)) {
		return zerror_set(ret_error, ZERROR_INVALID_PARAMS, "$",
				  "give them by name, in an object",
				  "%s: params must be an object", method->name);
	}
	json_object_object_foreach (params, key, value) {
		if (check_param(method, key, value, ret_error) < 0) {
			return -1;
		}
	}
	for (const struct rpc_param *p = method->params; p->name; p++) {
		char path[ZERROR_PATH_MAX];

		if (!p->required ||
		    json_object_object_get_ex(params, p->name, NULL)) {
			continue;
		}
		zerror_path(path, "$.%s", p->name);
		return zerror_set(ret_error, ZERROR_INVALID_PARAMS, path, NULL,
				  "%s: parameter %s is missing", method->name,
				  p->name);
	}
	return 0;
}

const char *rpc_get_string(struct json_object *params, const char *name)
{
	struct json_object *value = json_object_object_get(params, name);

	return value ? json_object_get_string(value) : NULL;
}

long long rpc_get_int(struct json_object *params, const char *name,
		      long long fallback)
{
	struct json_object *value = json_object_object_get(params, name);

	return value ? json_object_get_int64(value) : fallback;
}

bool rpc_get_bool(struct json_object *params, const char *name)
{
	return json_object_get_boolean(json_object_object_get(params, name)) !=
	       0;
}

/* ---------------------------------------------------------- requests */

struct request {
	const char *method;
	struct json_object *params; /* NULL: none given */
	struct json_object *id;
	bool has_id;
};

static int refuse_request(struct zerror *ret_error, const char *what)
{
	return zerror_set(ret_error, ZERROR_INVALID_REQUEST, NULL, NULL, "%s",
			  what);
}

static int check_id(struct json_object *id, struct zerror *ret_error)
{
	enum json_type type = json_object_get_type(id);

	if (type == json_type_string &&
	    (size_t)json_object_get_string_len(id) > RPC_ID_MAX) {
		return zerror_set(ret_error, ZERROR_INVALID_REQUEST, NULL, NULL,
				  "id must have at most %u bytes", RPC_ID_MAX);
	}
	if (type == json_type_null || type == json_type_string ||
	    type == json_type_int) {
		return 0;
	}
	return refuse_request(ret_error,
			      "id must be a string, an integer or null");
}

/* The id first, so that the answer to a bad request can carry it. */
static int read_request(struct json_object *message, struct request *r,
			struct zerror *ret_error)
{
	struct json_object *version = NULL;
	struct json_object *method = NULL;

	if (!json_object_is_type(message, json_type_object)) {
		return refuse_request(ret_error, "a request is an object");
	}
	r->has_id = json_object_object_get_ex(message, "id", &r->id);
	if (r->has_id && check_id(r->id, ret_error) < 0) {
		r->id = NULL;
		return -1;
	}
	json_object_object_foreach (message, key, value) {
		if (strcmp(key, "jsonrpc") == 0) {
			version = value;
		} else if (strcmp(key, "method") == 0) {
			method = value;
		} else if (strcmp(key, "params") == 0) {
			if (!value) {
				return refuse_request(
					ret_error, "params must be an object");
			}
			r->params = value;
		} else if (strcmp(key, "id") != 0) {
			return zerror_set(ret_error, ZERROR_INVALID_REQUEST,
					  NULL, "check the spelling",
					  "a request has no member %.64s", key);
		}
	}
	if (!json_object_is_type(version, json_type_string) ||
	    strcmp(json_object_get_string(version), "2.0") != 0) {
		return refuse_request(ret_error, "jsonrpc must be \"2.0\"");
	}
	if (!json_object_is_type(method, json_type_string)) {
		return refuse_request(ret_error, "method must be a string");
	}
	r->method = json_object_get_string(method);
	return 0;
}

static const struct rpc_method *find_method(struct rpc_peer *peer,
					    const struct request *r,
					    struct zerror *ret_error)
{
	const char *name = r->method;

	for (const struct rpc_method *m = peer->methods; m->name; m++) {
		if (strcmp(m->name, name) != 0) {
			continue;
		}
		if (peer->readonly && !m->readonly) {
			tell_refusal(peer, name, r->params);
			zerror_set(ret_error, ZERROR_PERMISSION, NULL,
				   "connect to the read-write socket",
				   "%s is not allowed on the read-only socket",
				   name);
			return NULL;
		}
		return m;
	}
	zerror_set(ret_error, ZERROR_METHOD_NOT_FOUND, NULL,
		   "rpc.discover lists the methods", "there is no method %.64s",
		   name);
	return NULL;
}

/* No change goes untold: without memory to remember it, it does not happen. */
static int set_what(struct rpc_call *call, struct rpc_peer *peer,
		    const struct rpc_method *method, struct json_object *params,
		    struct zerror *ret_error)
{
	char what[AUDIT_MAX];

	if (method->readonly || !peer->audit) {
		return 0;
	}
	describe(peer, method->name, params, what);
	call->what = strdup(what);
	call->audit = peer->audit;
	return call->what ? 0
			  : zerror_set(ret_error, ZERROR_INTERNAL, NULL, NULL,
				       "out of memory");
}

static void run(struct rpc_peer *peer, struct batch *batch,
		const struct request *r, const struct rpc_method *method)
{
	struct json_object *params = r->params ? json_object_get(r->params)
					       : json_object_new_object();
	struct zerror error;
	struct rpc_call *call = call_create(peer, batch, r->id, !r->has_id);

	if (!call) {
		zerror_set(&error, ZERROR_INTERNAL, NULL, NULL,
			   "out of memory");
		answer_in(peer, batch,
			  error_message(&error, json_object_get(r->id)));
	} else if (set_what(call, peer, method, params, &error) < 0 ||
		   check_params(method, params, &error) < 0) {
		rpc_fail(call, &error);
	} else {
		method->handler(call, params);
	}
	json_object_put(params);
}

static void receive_one(struct rpc_peer *peer, struct batch *batch,
			struct json_object *message)
{
	struct request r = { 0 };
	const struct rpc_method *method = NULL;
	struct zerror error;
	int rc = read_request(message, &r, &error);

	if (rc == 0) {
		method = find_method(peer, &r, &error);
	}
	if (method) {
		run(peer, batch, &r, method);
	} else if (rc < 0 || r.has_id) {
		answer_in(peer, batch,
			  error_message(&error, json_object_get(r.id)));
	}
}

/* Returns how many requests were looked at, or 1. */
static unsigned int receive_batch(struct rpc_peer *peer,
				  struct json_object *messages)
{
	size_t count = json_object_array_length(messages);
	struct zerror error;
	struct batch *batch;

	if (count == 0 || count > RPC_BATCH_MAX) {
		zerror_set(&error, ZERROR_INVALID_REQUEST, NULL, NULL,
			   "a batch has 1 to %u requests, not %zu",
			   RPC_BATCH_MAX, count);
		rpc_refuse(peer, &error);
		return 1;
	}
	batch = calloc(1, sizeof(*batch));
	if (!batch) {
		zerror_set(&error, ZERROR_INTERNAL, NULL, NULL,
			   "out of memory");
		rpc_refuse(peer, &error);
		return 1;
	}
	batch->peer = peer;
	batch->answers = json_object_new_array();
	batch->open = 1;
	/* What one does may find the peer gone: the rest would be nobody's. */
	for (size_t i = 0; i < count && !peer->left; i++) {
		receive_one(peer, batch,
			    json_object_array_get_idx(messages, i));
	}
	batch_put(batch);
	return (unsigned int)count;
}

unsigned int rpc_receive(struct rpc_peer *peer, const char *line, size_t len)
{
	struct zerror error;
	struct json_object *message = strict_json_parse(line, len, &error);
	unsigned int count = 1;

	if (!message) {
		rpc_refuse(peer, &error);
		return count;
	}
	if (json_object_is_type(message, json_type_array)) {
		count = receive_batch(peer, message);
	} else {
		receive_one(peer, NULL, message);
	}
	json_object_put(message);
	return count;
}
