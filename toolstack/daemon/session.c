/* SPDX-License-Identifier: BSD-2-Clause */
#include "session.h"

#include <errno.h>
#include <json-c/json.h>
#include <pwd.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "daemon.h"
#include "frame.h"
#include "log.h"
#include "methods.h"
#include "rpc.h"
#include "trace.h"

#define READ_SIZE 65536u
#define REQUESTS_PER_TURN 64u /* then it is somebody else's turn */

struct session {
	struct session *next;
	struct session **link;
	struct session_owner *owner;
	struct daemon *daemon;
	uv_pipe_t pipe;
	uv_idle_t resume; /* takes up lines left over when calls finish */
	unsigned int open_handles;
	struct frame input;
	struct rpc_peer peer;
	struct ucred credentials; /* when it connected */
	struct quota_waiter waiter;
	struct event_listener listener;
	struct trace_client tracer;
	bool closing;
	bool handling; /* inside handle_lines() */
	bool last_words; /* close as soon as output is written */
	bool stopped; /* reading is off */
	size_t held; /* what owner->held has of it */
};

struct output {
	uv_write_t request;
	struct session *session;
	char text[];
};

/*
 * What is read goes here first, from whomever: nearly always it is whole lines,
 * which are done with before the next read.  A client that is silent then has no
 * memory for input at all.
 */
static char shared_input[READ_SIZE];

static void handle_lines(struct session *s);

struct daemon *session_daemon(struct session *session)
{
	return session->daemon;
}

struct event_listener *session_listener(struct session *session)
{
	return &session->listener;
}

struct trace_client *session_tracer(struct session *session)
{
	return &session->tracer;
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct session *s = handle->data;

	if (--s->open_handles == 0) {
		frame_fini(&s->input);
		free(s);
	}
}

void session_owner_init(struct session_owner *owner, uv_loop_t *loop,
			const struct quota_limits *limits)
{
	quota_table_init(&owner->quotas, limits);
	quota_queue_init(&owner->queue, loop);
}

/* -------------------------------------------------------------- the end */

static void session_close(struct session *s)
{
	if (s->closing) {
		return;
	}
	s->closing = true;
	*s->link = s->next;
	if (s->next) {
		s->next->link = s->link;
	}
	s->owner->count--;
	s->owner->held -= s->held;
	s->held = 0;
	quota_queue_leave(&s->owner->queue, &s->waiter);
	if (s->waiter.quota) {
		quota_leave(s->waiter.quota);
	}
	event_unlisten(&s->listener);
	trace_leave(s->daemon, &s->tracer);
	rpc_peer_leave(&s->peer);
	uv_close((uv_handle_t *)&s->pipe, on_handle_closed);
	uv_close((uv_handle_t *)&s->resume, on_handle_closed);
}

void session_owner_close(struct session_owner *owner)
{
	while (owner->sessions) {
		session_close(owner->sessions);
	}
	quota_queue_close(&owner->queue);
}

void session_owner_free(struct session_owner *owner)
{
	quota_table_fini(&owner->quotas);
}

/* --------------------------------------------- what clients may hold */

static struct session *holds_most(struct session_owner *owner)
{
	struct session *most = owner->sessions;

	for (struct session *s = most; s; s = s->next) {
		if (s->held > most->held) {
			most = s;
		}
	}
	return most;
}

/* May drop the client, or another one. */
static void account(struct session *s)
{
	struct session_owner *owner = s->owner;
	size_t held;

	if (s->closing) {
		return;
	}
	held = frame_memory(&s->input) +
	       uv_stream_get_write_queue_size((uv_stream_t *)&s->pipe);
	owner->held += held - s->held;
	s->held = held;
	while (owner->held > SESSION_HELD_MAX) {
		log_info("clients hold too much memory: one is dropped");
		session_close(holds_most(owner));
	}
}

/* ----------------------------------------------------------- output */

static void on_written(uv_write_t *request, int status)
{
	struct output *out = (struct output *)request;
	struct session *s = out->session;

	free(out);
	if (s->closing) {
		return;
	}
	if (status < 0 ||
	    (s->last_words &&
	     uv_stream_get_write_queue_size((uv_stream_t *)&s->pipe) == 0)) {
		session_close(s);
	}
	account(s);
}

static void on_resume(uv_idle_t *idle)
{
	uv_idle_stop(idle);
	handle_lines(idle->data);
}

/* What the socket did not take at once; an LF is still to follow. */
static void queue(struct session *s, const char *text, size_t len)
{
	struct output *out;
	uv_buf_t buffer;

	if (uv_stream_get_write_queue_size((uv_stream_t *)&s->pipe) + len >
	    SESSION_OUTPUT_MAX) {
		log_info("a client does not read its answers: dropped");
		session_close(s);
		return;
	}
	out = malloc(sizeof(*out) + len + 1);
	if (!out) {
		session_close(s);
		return;
	}
	out->session = s;
	memcpy(out->text, text, len);
	out->text[len] = '\n';
	buffer = uv_buf_init(out->text, (unsigned int)len + 1);
	if (uv_write(&out->request, (uv_stream_t *)&s->pipe, &buffer, 1,
		     on_written) < 0) {
		free(out);
		session_close(s);
	}
	account(s);
}

/*
 * Nearly always the socket takes it all at once, which costs one system call;
 * libuv's requests cost another one and an allocation.
 */
static void session_send(struct rpc_peer *peer, const char *text, size_t len)
{
	struct session *s = (struct session *)((char *)peer -
					       offsetof(struct session, peer));
	char lf[] = "\n";
	uv_buf_t buffers[] = {
		uv_buf_init((char *)(uintptr_t)text, (unsigned int)len),
		uv_buf_init(lf, 1),
	};
	size_t taken;
	int sent;

	if (s->closing) {
		return;
	}
	sent = uv_try_write((uv_stream_t *)&s->pipe, buffers, 2);
	taken = sent < 0 ? 0 : (size_t)sent;
	if (sent < 0 && sent != UV_EAGAIN) {
		session_close(s);
	} else if (taken <= len) {
		queue(s, text + taken, len - taken);
	} else if (s->last_words) {
		session_close(s);
	}
	if (!s->handling && !s->closing) {
		uv_idle_start(&s->resume, on_resume);
	}
}

static void deliver_event(struct event_listener *listener, const char *message)
{
	struct session *s =
		(struct session *)((char *)listener -
				   offsetof(struct session, listener));

	if (uv_stream_get_write_queue_size((uv_stream_t *)&s->pipe) <
	    SESSION_EVENTS_MAX) {
		session_send(&s->peer, message, strlen(message));
	}
}

/* ------------------------------------------------------------ input */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	struct session *s = handle->data;
	size_t room = 0;
	char *base;

	(void)suggested;
	if (frame_is_empty(&s->input)) {
		*buffer = uv_buf_init(shared_input, sizeof(shared_input));
		return;
	}
	base = frame_reserve(&s->input, READ_SIZE, &room);
	*buffer = uv_buf_init(base, (unsigned int)room);
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer)
{
	struct session *s = stream->data;

	if (got < 0) {
		session_close(s);
		return;
	}
	if (buffer->base == shared_input) {
		frame_borrow(&s->input, shared_input, (size_t)got);
	} else {
		frame_commit(&s->input, (size_t)got);
	}
	handle_lines(s);
}

static void set_reading(struct session *s, bool on)
{
	if (on == !s->stopped) {
		return;
	}
	s->stopped = !on;
	if (!on) {
		uv_read_stop((uv_stream_t *)&s->pipe);
	} else if (uv_read_start((uv_stream_t *)&s->pipe, on_alloc, on_read) <
		   0) {
		session_close(s);
	}
}

static void refuse_line(struct session *s)
{
	struct zerror error;

	zerror_set(&error, ZERROR_TOO_LARGE, NULL,
		   "split it up; a message is one line",
		   "a message has at most %u bytes", RPC_MESSAGE_MAX);
	s->last_words = true;
	set_reading(s, false);
	rpc_refuse(&s->peer, &error);
}

/*
 * The user's name is asked for when it is first needed: most clients change
 * nothing.
 */
static void session_who(struct rpc_peer *peer, char ret_who[RPC_WHO_MAX])
{
	const struct session *s =
		(struct session *)((char *)peer -
				   offsetof(struct session, peer));
	const struct ucred *c = &s->credentials;
	const struct passwd *user = getpwuid(c->uid);

	snprintf(ret_who, RPC_WHO_MAX, "pid %d, uid %u (%.64s)", (int)c->pid,
		 (unsigned int)c->uid, user ? user->pw_name : "no such user");
}

static void enqueue(struct session *s)
{
	struct session_owner *owner = s->owner;
	char who[RPC_WHO_MAX];

	if (!s->waiter.quota->told) {
		s->waiter.quota->told = true;
		session_who(&s->peer, who);
		log_info("%s: more than %llu requests a second: these wait",
			 who,
			 (unsigned long long)owner->quotas.limits.per_second);
	}
	quota_queue_wait(&owner->queue, &s->waiter);
}

/*
 * `handling` keeps answers that are given at once from starting the idle
 * handle, which is for those given later and for the lines of the next turn.
 */
static void handle_lines(struct session *s)
{
	struct quota_queue *queue = &s->owner->queue;
	bool late = quota_queue_late(queue, s->waiter.quota);
	unsigned int requests = 0;
	char *line;
	size_t len;
	int rc = 0;

	if (s->waiter.link) {
		return;
	}
	s->handling = true;
	while (!late && !s->closing && !s->last_words &&
	       requests < REQUESTS_PER_TURN &&
	       s->peer.inflight < RPC_INFLIGHT_MAX) {
		rc = frame_next(&s->input, &line, &len);
		if (rc <= 0) {
			break;
		}
		requests += rpc_receive(&s->peer, line, len);
	}
	s->handling = false;
	s->daemon->requests += requests;
	/* Who has left meanwhile has asked, too. */
	rate_charge(&s->waiter.quota->rate, requests, quota_queue_now(queue));
	if (frame_settle(&s->input) < 0) {
		session_close(s);
	}
	account(s);
	if (s->closing || s->last_words) {
		return;
	}
	if (rc < 0) {
		refuse_line(s);
		return;
	}
	if (late) {
		set_reading(s, false);
		enqueue(s);
		return;
	}
	if (requests >= REQUESTS_PER_TURN) {
		set_reading(s, false);
		uv_idle_start(&s->resume, on_resume);
		return;
	}
	set_reading(s, s->peer.inflight < RPC_INFLIGHT_MAX);
}

static void on_quota(struct quota_waiter *waiter)
{
	handle_lines((struct session *)((char *)waiter -
					offsetof(struct session, waiter)));
}

/* ------------------------------------------------------- connections */

static int take_credentials(struct session *s)
{
	socklen_t len = sizeof(s->credentials);
	uv_os_fd_t fd;
	int rc = uv_fileno((uv_handle_t *)&s->pipe, &fd);

	if (rc == 0 && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &s->credentials,
				  &len) < 0) {
		rc = uv_translate_sys_error(errno);
	}
	return rc;
}

static int take_quota(struct session *s)
{
	s->waiter.quota = quota_join(&s->owner->quotas, s->credentials.uid,
				     quota_queue_now(&s->owner->queue));
	return s->waiter.quota ? 0 : UV_ENOMEM;
}

static void turn_away(struct session *s, const char *why)
{
	struct zerror error;

	zerror_set(&error, ZERROR_BUSY, NULL,
		   "close connections that are not needed", "%s", why);
	s->last_words = true;
	rpc_refuse(&s->peer, &error);
}

int session_accept(struct daemon *daemon, struct session_owner *owner,
		   uv_stream_t *listener, bool readonly, bool full)
{
	struct session *s = calloc(1, sizeof(*s));
	int rc;

	if (!s) {
		return UV_ENOMEM;
	}
	s->owner = owner;
	s->daemon = daemon;
	s->peer.methods = methods_table;
	s->peer.readonly = readonly;
	s->peer.user = s;
	s->peer.send = session_send;
	s->peer.who = session_who;
	s->peer.audit = log_audit;
	s->listener.deliver = deliver_event;
	s->waiter.go_on = on_quota;
	s->stopped = true;
	s->open_handles = 2;
	frame_init(&s->input, RPC_MESSAGE_MAX);
	uv_pipe_init(&daemon->loop, &s->pipe, 0);
	uv_idle_init(&daemon->loop, &s->resume);
	s->pipe.data = s->resume.data = s;

	s->next = owner->sessions;
	s->link = &owner->sessions;
	if (s->next) {
		s->next->link = &s->next;
	}
	owner->sessions = s;
	owner->count++;

	rc = uv_accept(listener, (uv_stream_t *)&s->pipe);
	if (rc == 0) {
		rc = take_credentials(s);
	}
	if (rc == 0) {
		rc = take_quota(s);
	}
	if (rc < 0) {
		session_close(s);
		return rc;
	}
	if (full) {
		turn_away(s, "hvd has too many clients");
	} else if (quota_exceeded(&owner->quotas, s->waiter.quota)) {
		turn_away(s, "this user has too many connections to hvd");
	} else {
		set_reading(s, true);
	}
	return 0;
}
