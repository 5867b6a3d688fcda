/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the client library share.
 *
 * One mutex protects all of struct hvd_conn.  It is held for memory operations
 * and non-blocking socket calls only.  The thread that waits for input (the
 * reader) drops it around poll(); the others wait on `changed`.  There is at
 * most one reader; hvd_process() leaves the socket to it.
 *
 * States of a call:
 *   in flight (conn->calls)  --reply, lost connection-->  done
 *   done, blocking: its thread, which owns it, takes the result
 *   done, asynchronous: in conn->deliveries until hvd_process() calls back
 */
#ifndef ZV_TOOLSTACK_LIB_CLIENT_INTERNAL_H
#define ZV_TOOLSTACK_LIB_CLIENT_INTERNAL_H

#include <json-c/json.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "hvd.h"

#define HVD__PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* ---- error.c ---- */

/* An error with its own copies of all text. */
struct hvd__error {
	int code;
	char *name;
	char *message;
	char *path;
	char *hint;
};

/* The last error of one thread. */
struct hvd__error_slot {
	struct hvd__error_slot *next;
	pthread_t thread;
	struct hvd__error error;
	struct hvd_error view;
};

void hvd__error_fini(struct hvd__error *error);
/* An error of this side; err is a negative errno value and is returned. */
int hvd__error_set(struct hvd__error *error, int err, const char *hint,
		   const char *fmt, ...) HVD__PRINTF(4, 5);
/* The member "error" of a reply. */
void hvd__error_from_json(struct hvd__error *error, struct json_object *json);
/* The errno value for an error's code. */
int hvd__error_errno(const struct hvd__error *error);

/* Makes `error` (emptied) the calling thread's last one.  Lock held. */
void hvd__error_publish_locked(struct hvd_conn *conn, struct hvd__error *error);
/* Sets the calling thread's last error and returns err.  Lock not held. */
int hvd__fail(struct hvd_conn *conn, int err, const char *hint, const char *fmt,
	      ...) HVD__PRINTF(4, 5);
void hvd__error_slots_free(struct hvd_conn *conn);

/* ---- frame.c: lines out of a byte stream ---- */

enum hvd__frame {
	HVD__FRAME_NONE, /* no whole line yet */
	HVD__FRAME_LINE,
	HVD__FRAME_TOO_LONG, /* a line above the limit was begun and is skipped */
};

struct hvd__framer {
	char *data;
	size_t start; /* first byte not yet handed out */
	size_t scanned; /* no line feed between start and here */
	size_t end;
	size_t capacity;
	size_t max; /* of one line */
	bool skipping; /* inside a line that is too long */
};

void hvd__framer_init(struct hvd__framer *framer, size_t max);
void hvd__framer_reset(struct hvd__framer *framer);
int hvd__framer_feed(struct hvd__framer *framer, const void *data, size_t len);
/* The line is NUL-terminated in place and valid until the next feed. */
enum hvd__frame hvd__framer_next(struct hvd__framer *framer, char **ret_line,
				 size_t *ret_len);

/* ---- wire.c: messages ---- */

enum hvd__message_kind {
	HVD__MESSAGE_GARBAGE, /* nothing we know; to be ignored */
	HVD__MESSAGE_RESULT,
	HVD__MESSAGE_ERROR,
	HVD__MESSAGE_EVENT,
};

struct hvd__message {
	enum hvd__message_kind kind;
	bool has_id;
	uint64_t id;
	struct json_object *body; /* result, error or params; may be NULL */
};

/* The caller puts message->body. */
void hvd__message_decode(const char *line, size_t len,
			 struct hvd__message *ret_message);
/*
 * One line with its line feed; free() it.  params is borrowed.  id 0: it is a
 * notification.
 */
int hvd__message_encode(uint64_t id, const char *method,
			struct json_object *params, char **ret_line,
			size_t *ret_len);
/* NULL if it is not exactly one JSON value. */
struct json_object *hvd__json_parse(const char *text, size_t len);

/* Reading members: the default if absent or of another type. */
const char *hvd__json_string(struct json_object *obj, const char *key);
uint64_t hvd__json_u64(struct json_object *obj, const char *key, uint64_t def);
int64_t hvd__json_i64(struct json_object *obj, const char *key, int64_t def);
bool hvd__json_bool(struct json_object *obj, const char *key, bool def);
struct json_object *hvd__json_get(struct json_object *obj, const char *key);
/* Text of a value on one line; free() it.  NULL: no memory. */
char *hvd__json_text(struct json_object *obj);
/* Copies a string member; false if memory ran out.  Absent gives NULL. */
bool hvd__json_copy(struct json_object *obj, const char *key, char **ret_text);

/* ---- sock.c ---- */

int64_t hvd__now_ms(void);
/* deadline of a time limit; INT64_MAX for none. */
int64_t hvd__deadline(int timeout_ms);
/* What is left until then, for poll(): 0 .. INT_MAX, or -1. */
int hvd__remaining(int64_t deadline);
/* A connected, non-blocking stream socket, or a negative errno value. */
int hvd__sock_connect(const char *path, int timeout_ms);
int hvd__sock_send(int fd, const char *data, size_t len, int64_t deadline);
/* Reads one line and not a byte more; the line feed becomes NUL. */
int hvd__sock_recv_line(int fd, char *line, size_t size, int64_t deadline);

/* ---- conn.c, call.c, event.c ---- */

struct hvd__call {
	struct hvd__call *next;
	uint64_t id;
	bool done;
	int status;
	struct json_object *result;
	struct hvd__error error;
	hvd_reply_fn cb; /* NULL: a blocking call */
	void *arg;
	struct hvd__delivery *delivery; /* made early, so that none can lack */
};

/* Something for hvd_process() to call back: a finished call or an event. */
struct hvd__delivery {
	struct hvd__delivery *next;
	struct hvd__call *call;
	struct json_object *event;
};

#define HVD__EVENTS_MAX 4096
#define RUN_SIZE 64 /* what a daemon calls its run, NUL included */

struct hvd_conn {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	char *path;
	int sock; /* -1: not connected */
	int poll_fd; /* epoll: sock and deliver_fd */
	int deliver_fd; /* eventfd: deliveries, or a lost connection */
	int wake_fd; /* eventfd: wakes the reader */
	bool reader;
	int timeout_ms;
	int wait_interval_ms;
	hvd_wait_fn wait_cb;
	void *wait_arg;

	uint64_t next_id;
	struct hvd__call *calls;
	struct hvd__framer in;
	char *out; /* not yet sent */
	size_t out_start;
	size_t out_end;
	size_t out_capacity;
	bool out_armed; /* poll_fd also waits for output */

	struct hvd__delivery *deliveries;
	struct hvd__delivery **deliveries_tail;
	size_t event_count;

	hvd_event_fn event_cb;
	void *event_arg;
	bool event_seen;
	char event_run[RUN_SIZE]; /* whose numbers they are; empty: unknown */
	uint64_t event_seq;

	struct hvd__error_slot *errors;
};

void hvd__eventfd_signal(int fd);
void hvd__eventfd_clear(int fd);

/* Closes the socket and fails all calls in flight with err.  Lock held. */
void hvd__conn_drop_locked(struct hvd_conn *conn, int err);
/*
 * Sends what can be sent without waiting and, unless another thread is the
 * reader, receives.  Lock held.
 */
void hvd__conn_pump_locked(struct hvd_conn *conn);
/* Takes the event. */
void hvd__conn_deliver_event_locked(struct hvd_conn *conn,
				    struct json_object *event);
void hvd__call_fail_all_locked(struct hvd_conn *conn, int err,
			       const char *message);
void hvd__call_free(struct hvd__call *call);

/* A blocking call.  Takes params; extra_ms is added to the time limit. */
int hvd__invoke(struct hvd_conn *conn, const char *method,
		struct json_object *params, int extra_ms,
		struct json_object **ret_result);
/* The same with {"name": name}, result ignored. */
int hvd__invoke_named(struct hvd_conn *conn, const char *method,
		      const char *name);

/* An object with a string member, or NULL; then NULL is passed on. */
/* ---- device.c ---- */

/* Leaves *ret_devices alone if list is no list. */
int hvd__devices_read(struct hvd_conn *conn, struct json_object *list,
		      struct hvd_device **ret_devices, size_t *ret_count);
void hvd__devices_free(struct hvd_device *devices, size_t count);

/* ---- call.c, wire.c ---- */

struct json_object *hvd__params_named(const char *key, const char *value);
bool hvd__params_add(struct json_object *params, const char *key,
		     struct json_object *value);
int hvd__fail_nomem(struct hvd_conn *conn);
int hvd__fail_reply(struct hvd_conn *conn, const char *method,
		    const char *what);

void hvd__event_received_locked(struct hvd_conn *conn,
				struct json_object *params);
/* After a new connection; 0 if there was no subscription. */
int hvd__events_renew(struct hvd_conn *conn);
void hvd__event_dispatch(struct hvd_conn *conn, struct json_object *params);

#endif /* ZV_TOOLSTACK_LIB_CLIENT_INTERNAL_H */
