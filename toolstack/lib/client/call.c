// SPDX-License-Identifier: BSD-2-Clause
/* Calls: sending, waiting, calling back. */
#include "client_internal.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Bounds one hvd_process(); what is left keeps the descriptor readable. */
#define DELIVERIES_MAX 1024
/* For the daemon to say that it ends a call that is given up, and to do it. */
#define CANCEL_MS 2000
#define UNDO_MS 30000

void hvd__call_free(struct hvd__call *call)
{
	if (call == NULL) {
		return;
	}
	json_object_put(call->result);
	hvd__error_fini(&call->error);
	free(call->delivery);
	free(call);
}

/* Output is not compacted: it is emptied as a whole in the normal case. */
static int queue_output(struct hvd_conn *conn, const char *line, size_t len)
{
	size_t capacity = conn->out_end + len;
	char *grown;

	if (capacity - conn->out_start > 2 * (size_t)HVD_MESSAGE_MAX) {
		return -ENOBUFS;
	}
	if (capacity > conn->out_capacity) {
		grown = realloc(conn->out, capacity);
		if (grown == NULL) {
			return -ENOMEM;
		}
		conn->out = grown;
		conn->out_capacity = capacity;
	}
	memcpy(conn->out + conn->out_end, line, len);
	conn->out_end += len;
	return 0;
}

static void append_call(struct hvd_conn *conn, struct hvd__call *call)
{
	struct hvd__call **at = &conn->calls;

	while (*at != NULL) {
		at = &(*at)->next;
	}
	*at = call;
}

static bool remove_call(struct hvd_conn *conn, struct hvd__call *call)
{
	struct hvd__call **at;

	for (at = &conn->calls; *at != NULL; at = &(*at)->next) {
		if (*at == call) {
			*at = call->next;
			call->next = NULL;
			return true;
		}
	}
	return false;
}

static const char *send_error_text(int err)
{
	switch (err) {
	case -ECONNRESET:
		return "not connected to the daemon";
	case -EMSGSIZE:
		return "the request is larger than a message may be";
	case -ENOBUFS:
		return "too many requests wait for the daemon to read them";
	default:
		return "out of memory";
	}
}

static int queue_message_locked(struct hvd_conn *conn, uint64_t id,
				const char *method, struct json_object *params)
{
	char *line;
	size_t len;
	int err;

	if (conn->sock < 0) {
		return -ECONNRESET;
	}
	err = hvd__message_encode(id, method, params, &line, &len);
	if (err != 0) {
		return err;
	}
	err = queue_output(conn, line, len);
	free(line);
	return err;
}

/* Puts the call in flight.  On failure the caller still owns it. */
static int send_call_locked(struct hvd_conn *conn, struct hvd__call *call,
			    const char *method, struct json_object *params)
{
	int err;

	call->id = conn->next_id++;
	err = queue_message_locked(conn, call->id, method, params);
	if (err != 0) {
		return err;
	}
	append_call(conn, call);
	hvd__conn_pump_locked(conn);
	return 0;
}

static void timespec_in(struct timespec *ts, int ms)
{
	clock_gettime(CLOCK_MONOTONIC, ts);
	ts->tv_sec += ms / 1000;
	ts->tv_nsec += (long)(ms % 1000) * 1000000;
	if (ts->tv_nsec >= 1000000000) {
		ts->tv_sec++;
		ts->tv_nsec -= 1000000000;
	}
}

/* Another thread reads: wait for what it finds. */
static void wait_follow(struct hvd_conn *conn, int ms)
{
	struct timespec until;

	if (ms < 0) {
		pthread_cond_wait(&conn->changed, &conn->lock);
		return;
	}
	timespec_in(&until, ms);
	pthread_cond_timedwait(&conn->changed, &conn->lock, &until);
}

/* Be the reader for one round. */
static void wait_read(struct hvd_conn *conn, int ms)
{
	struct pollfd fds[2] = {
		{ .fd = conn->sock, .events = POLLIN },
		{ .fd = conn->wake_fd, .events = POLLIN },
	};

	if (conn->out_start < conn->out_end) {
		fds[0].events |= POLLOUT;
	}
	conn->reader = true;
	pthread_mutex_unlock(&conn->lock);
	/* Should the socket be closed meanwhile, wake_fd tells. */
	poll(fds, 2, ms);
	pthread_mutex_lock(&conn->lock);
	conn->reader = false;
	hvd__eventfd_clear(conn->wake_fd);
	hvd__conn_pump_locked(conn);
}

static int ask_wait_callback(struct hvd_conn *conn)
{
	hvd_wait_fn cb = conn->wait_cb;
	void *arg = conn->wait_arg;
	int stop;

	if (cb == NULL) {
		return 0;
	}
	pthread_mutex_unlock(&conn->lock);
	stop = cb(conn, arg);
	pthread_mutex_lock(&conn->lock);
	return stop != 0 ? -ECANCELED : 0;
}

static void wait_locked(struct hvd_conn *conn, int ms)
{
	if (conn->reader) {
		wait_follow(conn, ms);
	} else {
		wait_read(conn, ms);
	}
}

/* NULL: out of memory. */
static struct json_object *cancel_params(uint64_t id)
{
	struct json_object *params = json_object_new_object();

	if (params != NULL &&
	    !hvd__params_add(params, "id", json_object_new_uint64(id))) {
		json_object_put(params);
		return NULL;
	}
	return params;
}

static void keep_refusal(struct hvd__call *call, const struct hvd__call *cancel)
{
	bool known = cancel->done && cancel->error.message != NULL &&
		     cancel->error.code == HVD_ERROR_UNSUPPORTED;

	hvd__error_set(&call->error, -ECANCELED,
		       known ? cancel->error.message : NULL, "given up");
}

/*
 * Asks the daemon to end the call.  One that takes it on has it answered soon;
 * one that does not, or does not answer, is not waited for.
 */
static int cancel_call_locked(struct hvd_conn *conn, struct hvd__call *call)
{
	struct hvd__call *cancel = calloc(1, sizeof(*cancel));
	struct json_object *params = cancel_params(call->id);
	int64_t deadline = hvd__deadline(CANCEL_MS);
	bool taken_on = false;
	int ms;

	if (cancel == NULL || params == NULL ||
	    send_call_locked(conn, cancel, "rpc.cancel", params) != 0) {
		goto out;
	}
	while (!call->done && (!cancel->done || cancel->status == 0)) {
		if (cancel->done && !taken_on) {
			taken_on = true;
			deadline = hvd__deadline(UNDO_MS);
		}
		ms = hvd__remaining(deadline);
		if (ms == 0) {
			break;
		}
		wait_locked(conn, ms);
	}
	remove_call(conn, cancel);
	if (!call->done) {
		keep_refusal(call, cancel);
	}
out:
	json_object_put(params);
	hvd__call_free(cancel);
	return call->done ? 0 : -ECANCELED;
}

static int wait_call_locked(struct hvd_conn *conn, struct hvd__call *call,
			    int64_t deadline)
{
	int ms, err;

	while (!call->done) {
		ms = hvd__remaining(deadline);
		if (ms == 0) {
			hvd__conn_pump_locked(conn);
			return call->done ? 0 : -ETIMEDOUT;
		}
		if (conn->wait_cb != NULL &&
		    (ms < 0 || ms > conn->wait_interval_ms)) {
			ms = conn->wait_interval_ms;
		}
		wait_locked(conn, ms);
		if (!call->done) {
			err = ask_wait_callback(conn);
			if (err != 0 && !call->done) {
				return cancel_call_locked(conn, call);
			}
		}
	}
	return 0;
}

static void give_up_locked(struct hvd_conn *conn, struct hvd__call *call,
			   int err)
{
	if (!remove_call(conn, call)) {
		return; /* answered in the last moment */
	}
	call->status = err;
	if (err == -ETIMEDOUT) {
		hvd__error_set(&call->error, err,
			       "the daemon may still finish it; look at the "
			       "zone's state before trying again",
			       "the daemon did not answer in time");
	} else if (call->error.code == 0) {
		hvd__error_set(&call->error, err, NULL, "given up");
	}
}

static int limit_locked(struct hvd_conn *conn, int extra_ms)
{
	if (conn->timeout_ms < 0 || extra_ms < 0) {
		return -1;
	}
	if (extra_ms > INT_MAX - conn->timeout_ms) {
		return INT_MAX;
	}
	return conn->timeout_ms + extra_ms;
}

static void run_call_locked(struct hvd_conn *conn, struct hvd__call *call,
			    const char *method, struct json_object *params,
			    int extra_ms)
{
	int64_t deadline = hvd__deadline(limit_locked(conn, extra_ms));
	int err = send_call_locked(conn, call, method, params);

	if (err != 0) {
		call->status = hvd__error_set(&call->error, err, NULL, "%s",
					      send_error_text(err));
		return;
	}
	err = wait_call_locked(conn, call, deadline);
	if (err != 0) {
		give_up_locked(conn, call, err);
	}
}

int hvd__invoke(struct hvd_conn *conn, const char *method,
		struct json_object *params, int extra_ms,
		struct json_object **ret_result)
{
	struct hvd__call *call = calloc(1, sizeof(*call));
	int status;

	if (call == NULL) {
		json_object_put(params);
		return hvd__fail_nomem(conn);
	}
	pthread_mutex_lock(&conn->lock);
	run_call_locked(conn, call, method, params, extra_ms);
	hvd__error_publish_locked(conn, &call->error);
	pthread_mutex_unlock(&conn->lock);
	json_object_put(params);

	status = call->status;
	if (status == 0 && ret_result != NULL) {
		*ret_result = call->result;
		call->result = NULL;
	}
	hvd__call_free(call);
	return status;
}

int hvd__invoke_named(struct hvd_conn *conn, const char *method,
		      const char *name)
{
	struct json_object *params = hvd__params_named("name", name);

	if (params == NULL) {
		return hvd__fail_nomem(conn);
	}
	return hvd__invoke(conn, method, params, 0, NULL);
}

static int parse_params(struct hvd_conn *conn, const char *text,
			struct json_object **ret_params)
{
	struct json_object *params;

	if (text == NULL) {
		*ret_params = NULL;
		return 0;
	}
	params = hvd__json_parse(text, strlen(text));
	if (!json_object_is_type(params, json_type_object) &&
	    !json_object_is_type(params, json_type_array)) {
		json_object_put(params);
		return hvd__fail(
			conn, -EINVAL, NULL,
			"the parameters are not a JSON object or array");
	}
	*ret_params = params;
	return 0;
}

int hvd_call(struct hvd_conn *conn, const char *method, const char *params_json,
	     char **ret_result)
{
	struct json_object *params, *result = NULL;
	char *text;
	int err = parse_params(conn, params_json, &params);

	if (err != 0) {
		return err;
	}
	err = hvd__invoke(conn, method, params, 0, &result);
	if (err != 0) {
		return err;
	}
	if (ret_result != NULL) {
		text = hvd__json_text(result);
		if (text == NULL) {
			err = hvd__fail_nomem(conn);
		} else {
			*ret_result = text;
		}
	}
	json_object_put(result);
	return err;
}

static struct hvd__call *new_async_call(hvd_reply_fn cb, void *arg)
{
	struct hvd__call *call = calloc(1, sizeof(*call));

	if (call == NULL) {
		return NULL;
	}
	call->delivery = calloc(1, sizeof(*call->delivery));
	if (call->delivery == NULL) {
		free(call);
		return NULL;
	}
	call->cb = cb;
	call->arg = arg;
	return call;
}

int hvd_call_async(struct hvd_conn *conn, const char *method,
		   const char *params_json, hvd_reply_fn cb, void *arg,
		   uint64_t *ret_id)
{
	struct json_object *params;
	struct hvd__call *call;
	uint64_t id = 0;
	int err = parse_params(conn, params_json, &params);

	if (err != 0) {
		return err;
	}
	call = new_async_call(cb, arg);
	if (call == NULL) {
		json_object_put(params);
		return hvd__fail_nomem(conn);
	}
	pthread_mutex_lock(&conn->lock);
	err = send_call_locked(conn, call, method, params);
	if (err == 0) {
		/* The next id was handed out under this lock; the call itself
		 * may be answered, thus another thread's, already. */
		id = conn->next_id - 1;
	}
	pthread_mutex_unlock(&conn->lock);
	json_object_put(params);
	if (err != 0) {
		hvd__call_free(call);
		return hvd__fail(conn, err, NULL, "%s", send_error_text(err));
	}
	if (ret_id != NULL) {
		*ret_id = id;
	}
	return 0;
}

static struct hvd__call *cancel_in_flight(struct hvd_conn *conn, uint64_t id)
{
	struct hvd__call *call;

	for (call = conn->calls; call != NULL; call = call->next) {
		if (call->id == id && call->cb != NULL) {
			remove_call(conn, call);
			return call;
		}
	}
	return NULL;
}

static struct hvd__call *cancel_delivery(struct hvd_conn *conn, uint64_t id)
{
	struct hvd__delivery **at, *delivery;
	struct hvd__call *call;

	for (at = &conn->deliveries; (delivery = *at) != NULL;
	     at = &delivery->next) {
		call = delivery->call;
		if (call == NULL || call->id != id) {
			continue;
		}
		*at = delivery->next;
		if (delivery->next == NULL) {
			conn->deliveries_tail = at;
		}
		free(delivery);
		return call;
	}
	return NULL;
}

/* A notification: nobody waits for an answer any more. */
int hvd_cancel(struct hvd_conn *conn, uint64_t id)
{
	struct json_object *params;
	struct hvd__call *call;

	params = cancel_params(id);
	pthread_mutex_lock(&conn->lock);
	call = cancel_in_flight(conn, id);
	if (call == NULL) {
		call = cancel_delivery(conn, id);
	} else if (params != NULL &&
		   queue_message_locked(conn, 0, "rpc.cancel", params) == 0) {
		hvd__conn_pump_locked(conn);
	}
	pthread_mutex_unlock(&conn->lock);
	json_object_put(params);
	if (call == NULL) {
		return hvd__fail(conn, -ENOENT, NULL,
				 "no such call is waiting");
	}
	hvd__call_free(call);
	return 0;
}

/* Takes the call: tells its owner, in the owner's thread. */
static void call_back(struct hvd_conn *conn, struct hvd__call *call)
{
	char *text = NULL;

	if (call->status == 0) {
		text = hvd__json_text(call->result);
		if (text == NULL) {
			call->status = hvd__error_set(&call->error, -ENOMEM,
						      NULL, "out of memory");
		}
	}
	pthread_mutex_lock(&conn->lock);
	hvd__error_publish_locked(conn, &call->error);
	pthread_mutex_unlock(&conn->lock);
	call->cb(conn, call->status, text, call->arg);
	free(text);
	hvd__call_free(call);
}

static struct hvd__delivery *take_delivery(struct hvd_conn *conn)
{
	struct hvd__delivery *delivery;

	pthread_mutex_lock(&conn->lock);
	delivery = conn->deliveries;
	if (delivery == NULL) {
		hvd__eventfd_clear(conn->deliver_fd);
	} else {
		conn->deliveries = delivery->next;
		if (delivery->next == NULL) {
			conn->deliveries_tail = &conn->deliveries;
		}
		if (delivery->call == NULL) {
			conn->event_count--;
		}
	}
	pthread_mutex_unlock(&conn->lock);
	return delivery;
}

int hvd_process(struct hvd_conn *conn)
{
	struct hvd__delivery *delivery;

	pthread_mutex_lock(&conn->lock);
	hvd__conn_pump_locked(conn);
	pthread_mutex_unlock(&conn->lock);
	for (int i = 0; i < DELIVERIES_MAX; i++) {
		delivery = take_delivery(conn);
		if (delivery == NULL) {
			break;
		}
		if (delivery->call != NULL) {
			call_back(conn, delivery->call);
		} else {
			hvd__event_dispatch(conn, delivery->event);
			json_object_put(delivery->event);
		}
		free(delivery);
	}
	if (!hvd_is_connected(conn)) {
		return hvd__fail(conn, -ECONNRESET, NULL,
				 "the connection to the daemon was lost");
	}
	return 0;
}
