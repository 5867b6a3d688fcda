// SPDX-License-Identifier: BSD-2-Clause
/* Moves bytes between the socket and the messages. */
#include "client_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define RECV_CHUNK (64u << 10)
/* Bounds one pump; what is left keeps the descriptor readable. */
#define RECV_ROUNDS 64

/* Has poll_fd, and with it the reader, wait for room to send if need be. */
static void arm_output(struct hvd_conn *conn)
{
	bool want = conn->out_start < conn->out_end;
	struct epoll_event event = { .events = EPOLLIN };

	if (want == conn->out_armed || conn->sock < 0) {
		return;
	}
	if (want) {
		event.events |= EPOLLOUT;
	}
	/* It cannot fail for a socket that is in the set. */
	epoll_ctl(conn->poll_fd, EPOLL_CTL_MOD, conn->sock, &event);
	conn->out_armed = want;
	hvd__eventfd_signal(conn->wake_fd);
}

static void flush_output(struct hvd_conn *conn)
{
	ssize_t n;

	while (conn->out_start < conn->out_end) {
		n = send(conn->sock, conn->out + conn->out_start,
			 conn->out_end - conn->out_start,
			 MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0) {
			/* A broken pipe shows as end of file on reading,
			 * after the answers that are still in it. */
			break;
		}
		conn->out_start += (size_t)n;
	}
	if (conn->out_start == conn->out_end) {
		free(conn->out);
		conn->out = NULL;
		conn->out_start = 0;
		conn->out_end = 0;
		conn->out_capacity = 0;
	}
	arm_output(conn);
}

static struct hvd__call *take_call(struct hvd_conn *conn, uint64_t id)
{
	struct hvd__call **at;
	struct hvd__call *call;

	for (at = &conn->calls; (call = *at) != NULL; at = &call->next) {
		if (call->id == id) {
			*at = call->next;
			call->next = NULL;
			return call;
		}
	}
	return NULL;
}

/* Appends to what waits for hvd_process(). */
static void deliver(struct hvd_conn *conn, struct hvd__delivery *delivery)
{
	delivery->next = NULL;
	*conn->deliveries_tail = delivery;
	conn->deliveries_tail = &delivery->next;
	hvd__eventfd_signal(conn->deliver_fd);
}

static void finish_call(struct hvd_conn *conn, struct hvd__call *call)
{
	struct hvd__delivery *delivery = call->delivery;

	call->done = true;
	if (delivery != NULL) {
		call->delivery = NULL;
		delivery->call = call;
		deliver(conn, delivery);
	}
}

void hvd__call_fail_all_locked(struct hvd_conn *conn, int err,
			       const char *message)
{
	struct hvd__call *call;

	while ((call = conn->calls) != NULL) {
		conn->calls = call->next;
		call->next = NULL;
		call->status =
			hvd__error_set(&call->error, err, NULL, "%s", message);
		finish_call(conn, call);
	}
}

/* Events wait in a bounded queue: the oldest one goes. */
static void drop_oldest_event(struct hvd_conn *conn)
{
	struct hvd__delivery **at = &conn->deliveries;
	struct hvd__delivery *delivery;

	while ((*at)->call != NULL) {
		at = &(*at)->next;
	}
	delivery = *at;
	*at = delivery->next;
	if (delivery->next == NULL) {
		conn->deliveries_tail = at;
	}
	json_object_put(delivery->event);
	free(delivery);
	conn->event_count--;
}

void hvd__conn_deliver_event_locked(struct hvd_conn *conn,
				    struct json_object *event)
{
	struct hvd__delivery *delivery = calloc(1, sizeof(*delivery));

	if (delivery == NULL) {
		json_object_put(event);
		return; /* a gap in the sequence, as when too many wait */
	}
	if (conn->event_count == HVD__EVENTS_MAX) {
		drop_oldest_event(conn);
	}
	conn->event_count++;
	delivery->event = event;
	deliver(conn, delivery);
}

static void set_result(struct hvd__call *call, struct hvd__message *message)
{
	if (message->kind == HVD__MESSAGE_RESULT) {
		call->result = message->body;
		message->body = NULL;
		return;
	}
	hvd__error_from_json(&call->error, message->body);
	call->status = hvd__error_errno(&call->error);
}

/* The daemon could not even read the id: nobody in flight gets an answer. */
static void fail_all_with(struct hvd_conn *conn, struct hvd__message *message)
{
	struct hvd__call *call;

	while ((call = conn->calls) != NULL) {
		conn->calls = call->next;
		call->next = NULL;
		set_result(call, message);
		finish_call(conn, call);
	}
}

static void handle_line(struct hvd_conn *conn, const char *line, size_t len)
{
	struct hvd__message message;
	struct hvd__call *call;

	hvd__message_decode(line, len, &message);
	switch (message.kind) {
	case HVD__MESSAGE_GARBAGE:
		break;
	case HVD__MESSAGE_EVENT:
		hvd__event_received_locked(conn, message.body);
		break;
	case HVD__MESSAGE_RESULT:
	case HVD__MESSAGE_ERROR:
		if (!message.has_id) {
			fail_all_with(conn, &message);
			break;
		}
		/* No such call: its time was up, or it was cancelled. */
		call = take_call(conn, message.id);
		if (call != NULL) {
			set_result(call, &message);
			finish_call(conn, call);
		}
		break;
	}
	json_object_put(message.body);
}

static void handle_lines(struct hvd_conn *conn)
{
	char *line;
	size_t len;

	for (;;) {
		switch (hvd__framer_next(&conn->in, &line, &len)) {
		case HVD__FRAME_NONE:
			return;
		case HVD__FRAME_LINE:
			handle_line(conn, line, len);
			break;
		case HVD__FRAME_TOO_LONG:
			/* Whose answer it was cannot be known. */
			hvd__call_fail_all_locked(
				conn, -EMSGSIZE,
				"the daemon's answer is larger than the library accepts");
			break;
		}
	}
}

static void receive_input(struct hvd_conn *conn)
{
	char *chunk = malloc(RECV_CHUNK);
	ssize_t n;
	int err = 0;

	if (chunk == NULL) {
		hvd__conn_drop_locked(conn, -ENOMEM);
		return;
	}
	for (int i = 0; i < RECV_ROUNDS && err == 0; i++) {
		n = recv(conn->sock, chunk, RECV_CHUNK, MSG_DONTWAIT);
		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0 && errno == EAGAIN) {
			break;
		}
		if (n <= 0) {
			err = -ECONNRESET;
			break;
		}
		err = hvd__framer_feed(&conn->in, chunk, (size_t)n);
		if (err == 0) {
			handle_lines(conn);
		}
	}
	free(chunk);
	if (err != 0) {
		hvd__conn_drop_locked(conn, err);
	}
}

void hvd__conn_pump_locked(struct hvd_conn *conn)
{
	if (conn->sock >= 0) {
		flush_output(conn);
	}
	/* A reader that polls must find itself what it waits for. */
	if (conn->sock >= 0 && !conn->reader) {
		receive_input(conn);
	}
	pthread_cond_broadcast(&conn->changed);
}
