// SPDX-License-Identifier: BSD-2-Clause
/*
 * Whole connections, through the public interface only, against a scripted
 * daemon: a thread that answers each method by a rule of its own.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "hvd.h"

#define WAIT_MS 10000

/* ---- the daemon ---- */

enum cancels {
	CANCELS_UNKNOWN, /* an older daemon */
	CANCELS,
	CANCELS_NOT,
	CANCELS_SILENT,
	CANCELS_TOO_LATE, /* it is done already */
};

struct server {
	char dir[64];
	char path[96];
	int listener;
	pthread_t thread;
	_Atomic unsigned int connections;
	_Atomic unsigned int held; /* id of a request "test.hold" keeps */
	_Atomic int cancels; /* what "rpc.cancel" does: enum cancels */
	_Atomic unsigned int cancelled; /* id it was asked for */
	pthread_mutex_t lock;
	char subscribe[64]; /* parameters of the last subscription */
};

static struct server server;
static struct hvd_conn *conn;

static void put(int fd, const char *text)
{
	size_t len = strlen(text);

	assert_int_equal(send(fd, text, len, MSG_NOSIGNAL), (ssize_t)len);
}

static void put_reply(int fd, unsigned int id, const char *rest)
{
	char text[512];

	snprintf(text, sizeof(text), "{\"jsonrpc\":\"2.0\",\"id\":%u,%s}\n", id,
		 rest);
	put(fd, text);
}

/* A line much above what the library takes. */
static void put_huge(int fd)
{
	static char chunk[1 << 20];

	memset(chunk, 'x', sizeof(chunk));
	for (int i = 0; i < 18; i++) {
		for (size_t at = 0; at < sizeof(chunk);) {
			ssize_t n = send(fd, chunk + at, sizeof(chunk) - at,
					 MSG_NOSIGNAL);

			if (n <= 0) {
				return;
			}
			at += (size_t)n;
		}
	}
	put(fd, "\n");
}

static void put_in_pieces(int fd, unsigned int id)
{
	char text[128];

	snprintf(text, sizeof(text), "{\"id\":%u,\"result\":\"pieces\"}\n", id);
	for (const char *p = text; *p != '\0'; p++) {
		send(fd, p, 1, MSG_NOSIGNAL);
		usleep(100);
	}
}

static void put_events(int fd, unsigned int count)
{
	char text[160];

	for (unsigned int i = 1; i <= count; i++) {
		snprintf(text, sizeof(text),
			 "{\"method\":\"event\",\"params\":{\"seq\":%u,"
			 "\"kind\":\"lifecycle\",\"zone\":\"z\","
			 "\"event\":\"started\"}}\n",
			 i);
		put(fd, text);
	}
}

/* id 0: a notification, which is not answered. */
static void answer_cancel(int fd, unsigned int id, const char *params)
{
	unsigned int which = 0;

	assert_int_equal(sscanf(params, "{\"id\":%u}", &which), 1);
	server.cancelled = which; /* first: the answer lets the test go on */
	if (server.cancels == CANCELS) {
		put_reply(fd, which,
			  "\"error\":{\"code\":14,\"message\":\"it was "
			  "cancelled\"}");
	} else if (server.cancels == CANCELS_TOO_LATE) {
		put_reply(fd, which, "\"result\":1");
	}
	if (id == 0 || server.cancels == CANCELS_SILENT) {
		return;
	}
	put_reply(fd, id,
		  server.cancels == CANCELS ? "\"result\":{}"
		  : server.cancels == CANCELS_NOT
			  ? "\"error\":{\"code\":13,\"message\":\"no way "
			    "back\"}"
		  : server.cancels == CANCELS_TOO_LATE
			  ? "\"error\":{\"code\":-32602,\"message\":\"x\"}"
			  : "\"error\":{\"code\":-32601,\"message\":\"no\"}");
}

/* False: the connection is to be closed. */
static bool answer(int fd, unsigned int id, const char *method,
		   const char *params)
{
	if (strcmp(method, "test.echo") == 0) {
		char rest[400];

		snprintf(rest, sizeof(rest), "\"result\":%s", params);
		put_reply(fd, id, rest);
	} else if (strcmp(method, "test.error") == 0) {
		put_reply(fd, id,
			  "\"error\":{\"code\":3,\"message\":\"not now\","
			  "\"data\":{\"path\":\"$.a\",\"hint\":\"wait\"}}");
	} else if (strcmp(method, "test.hold") == 0) {
		server.held = id;
	} else if (strcmp(method, "test.release") == 0) {
		put_reply(fd, id, "\"result\":2");
		put_reply(fd, server.held, "\"result\":1");
	} else if (strcmp(method, "rpc.cancel") == 0) {
		answer_cancel(fd, id, params);
	} else if (strcmp(method, "test.garbage") == 0) {
		put(fd, "garbage\n\n{\"id\":");
		put(fd, "}\n[1]\n{\"id\":4000000000,\"result\":0}\n");
		put_reply(fd, id, "\"result\":\"fine\"");
	} else if (strcmp(method, "test.noid") == 0) {
		put(fd, "{\"id\":null,\"error\":{\"code\":-32700,"
			"\"message\":\"cannot parse\"}}\n");
	} else if (strcmp(method, "test.huge") == 0) {
		put_huge(fd);
	} else if (strcmp(method, "test.pieces") == 0) {
		put_in_pieces(fd, id);
	} else if (strcmp(method, "test.close") == 0) {
		put(fd, "{\"id\":1,\"resu");
		return false;
	} else if (strcmp(method, "test.flood") == 0) {
		put_events(fd, 5000);
		put_reply(fd, id, "\"result\":null");
	} else if (strcmp(method, "event.subscribe") == 0) {
		pthread_mutex_lock(&server.lock);
		snprintf(server.subscribe, sizeof(server.subscribe), "%s",
			 params);
		pthread_mutex_unlock(&server.lock);
		put_reply(fd, id, "\"result\":{\"seq\":40}");
		put_events(fd, 2);
	} else if (strcmp(method, "zone.list") == 0) {
		put_reply(fd, id, "\"result\":[{\"name\":\"z\"}]");
	} else if (strcmp(method, "zone.get") == 0) {
		put_reply(fd, id,
			  "\"result\":{\"name\":\"z\",\"uuid\":\"u\","
			  "\"state\":\"crashed\",\"id\":4,\"info\":{\"fault\":"
			  "{\"vcpu\":1,\"pc\":18446744073709551615}},"
			  "\"definition\":{\"a\":1}}");
	} else if (strcmp(method, "hvd.version") == 0) {
		put_reply(fd, id,
			  "\"result\":{\"version\":\"1\",\"abi\":\"1.0\","
			  "\"features\":[\"a\",5,\"b\"],\"connected\":true}");
	} else {
		put_reply(fd, id,
			  "\"error\":{\"code\":-32601,\"message\":\"no\"}");
	}
	return true;
}

static void serve(int fd)
{
	FILE *in = fdopen(dup(fd), "r");
	char *line = NULL;
	size_t size = 0;
	bool go_on = true;

	while (go_on && getline(&line, &size, in) > 0) {
		struct json_object *request = json_tokener_parse(line);
		struct json_object *id, *method, *params;

		if (request == NULL) {
			break;
		}
		id = NULL;
		json_object_object_get_ex(request, "id", &id);
		json_object_object_get_ex(request, "method", &method);
		json_object_object_get_ex(request, "params", &params);
		go_on = answer(fd, (unsigned int)json_object_get_int(id),
			       json_object_get_string(method),
			       json_object_to_json_string_ext(
				       params, JSON_C_TO_STRING_PLAIN));
		json_object_put(request);
	}
	free(line);
	fclose(in);
}

static void *server_main(void *arg)
{
	int fd;

	(void)arg;
	while ((fd = accept(server.listener, NULL, NULL)) >= 0) {
		server.connections++;
		serve(fd);
		close(fd);
	}
	return NULL;
}

static void server_start(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	unlink(server.path);
	memcpy(addr.sun_path, server.path, strlen(server.path) + 1);
	server.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(
		bind(server.listener, (struct sockaddr *)&addr, sizeof(addr)),
		0);
	assert_int_equal(listen(server.listener, 4), 0);
	assert_int_equal(
		pthread_create(&server.thread, NULL, server_main, NULL), 0);
}

/* The client must have left, or server_main() would not return. */
static void server_stop(void)
{
	shutdown(server.listener, SHUT_RDWR);
	pthread_join(server.thread, NULL);
	close(server.listener);
}

static int setup(void **state)
{
	(void)state;
	server.connections = 0;
	server.held = 0;
	server.cancels = CANCELS_UNKNOWN;
	server.cancelled = 0;
	pthread_mutex_init(&server.lock, NULL);
	strcpy(server.dir, "/tmp/hvd-test-XXXXXX");
	assert_non_null(mkdtemp(server.dir));
	snprintf(server.path, sizeof(server.path), "%s/sock", server.dir);
	server_start();
	assert_int_equal(hvd_open(server.path, &conn), 0);
	hvd_set_timeout(conn, WAIT_MS);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	hvd_close(conn);
	conn = NULL;
	server_stop();
	unlink(server.path);
	rmdir(server.dir);
	return 0;
}

/* ---- blocking calls ---- */

static void expect_echo(const char *params)
{
	char *result;

	assert_int_equal(hvd_call(conn, "test.echo", params, &result), 0);
	assert_string_equal(result, params);
	free(result);
	assert_int_equal(hvd_last_error(conn)->code, 0);
}

static void test_call(void **state)
{
	(void)state;
	expect_echo("{}");
	expect_echo("{\"a\":[1,-2,18446744073709551615],\"b\":\"x\\ny/\"}");
	expect_echo("[]");
	assert_int_equal(hvd_call(conn, "test.echo", NULL, NULL), 0);
}

static void test_params_must_be_json(void **state)
{
	static const char *const bad[] = { "", "x", "5", "{} {}", "{\"a\":" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(hvd_call(conn, "test.echo", bad[i], NULL),
				 -EINVAL);
		assert_string_equal(hvd_last_error(conn)->name, "BAD_ARGUMENT");
	}
	expect_echo("{}");
}

static void test_daemon_error(void **state)
{
	char *result = (char *)0x1;
	const struct hvd_error *error;

	(void)state;
	assert_int_equal(hvd_call(conn, "test.error", NULL, &result), -EBADFD);
	assert_ptr_equal(result, (char *)0x1);
	error = hvd_last_error(conn);
	assert_int_equal(error->code, HVD_ERROR_INVALID_STATE);
	assert_string_equal(error->name, "INVALID_STATE");
	assert_string_equal(error->message, "not now");
	assert_string_equal(error->path, "$.a");
	assert_string_equal(error->hint, "wait");
	assert_int_equal(hvd_call(conn, "nosuch", NULL, NULL), -ENOSYS);
	assert_null(hvd_last_error(conn)->hint);
}

static void test_framing(void **state)
{
	char *result;

	(void)state;
	assert_int_equal(hvd_call(conn, "test.garbage", NULL, &result), 0);
	assert_string_equal(result, "\"fine\"");
	free(result);
	assert_int_equal(hvd_call(conn, "test.pieces", NULL, &result), 0);
	assert_string_equal(result, "\"pieces\"");
	free(result);
	assert_int_equal(hvd_call(conn, "test.huge", NULL, NULL), -EMSGSIZE);
	assert_int_equal(hvd_call(conn, "test.noid", NULL, NULL), -EPROTO);
	assert_string_equal(hvd_last_error(conn)->message, "cannot parse");
	expect_echo("{}");
}

static void test_timeout(void **state)
{
	(void)state;
	hvd_set_timeout(conn, 50);
	assert_int_equal(hvd_call(conn, "test.hold", NULL, NULL), -ETIMEDOUT);
	assert_string_equal(hvd_last_error(conn)->name, "TIMED_OUT");
	hvd_set_timeout(conn, WAIT_MS);
	/* The late answer belongs to nobody. */
	assert_int_equal(hvd_call(conn, "test.release", NULL, NULL), 0);
	expect_echo("{\"after\":1}");
}

static int stop_third_time(struct hvd_conn *c, void *arg)
{
	int *count = arg;

	assert_ptr_equal(c, conn);
	return ++*count == 3;
}

static void test_wait_callback(void **state)
{
	int count = 0;

	(void)state;
	hvd_set_wait_callback(conn, 10, stop_third_time, &count);
	assert_int_equal(hvd_call(conn, "test.hold", NULL, NULL), -ECANCELED);
	assert_int_equal(count, 3);
	hvd_set_wait_callback(conn, 0, NULL, NULL);
	assert_int_equal(hvd_call(conn, "test.release", NULL, NULL), 0);
	expect_echo("{}");
}

static int stop_at_once(struct hvd_conn *c, void *arg)
{
	(void)c;
	(void)arg;
	return 1;
}

/* The daemon is asked, and what it says is what the call returns. */
static void test_wait_callback_cancels(void **state)
{
	static const struct {
		enum cancels cancels;
		int status;
		int code;
		const char *hint;
	} cases[] = {
		{ CANCELS, -ECANCELED, HVD_ERROR_CANCELLED, NULL },
		{ CANCELS_NOT, -ECANCELED, -ECANCELED, "no way back" },
		{ CANCELS_UNKNOWN, -ECANCELED, -ECANCELED, NULL },
		{ CANCELS_SILENT, -ECANCELED, -ECANCELED, NULL },
		{ CANCELS_TOO_LATE, 0, 0, NULL },
	};

	(void)state;
	hvd_set_wait_callback(conn, 10, stop_at_once, NULL);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct hvd_error *error;

		server.cancels = cases[i].cancels;
		assert_int_equal(hvd_call(conn, "test.hold", NULL, NULL),
				 cases[i].status);
		error = hvd_last_error(conn);
		assert_int_equal(error->code, cases[i].code);
		assert_int_equal(server.cancelled, server.held);
		if (cases[i].hint != NULL) {
			assert_string_equal(error->hint, cases[i].hint);
		} else {
			assert_null(error->hint);
		}
	}
	hvd_set_wait_callback(conn, 0, NULL, NULL);
	expect_echo("{}");
}

/* ---- lost connections ---- */

static void test_end_of_file_and_reconnect(void **state)
{
	(void)state;
	assert_true(hvd_is_connected(conn));
	assert_int_equal(hvd_call(conn, "test.close", NULL, NULL), -ECONNRESET);
	assert_string_equal(hvd_last_error(conn)->name, "CONNECTION_LOST");
	assert_false(hvd_is_connected(conn));
	/* It stays so until told otherwise. */
	assert_int_equal(hvd_call(conn, "test.echo", NULL, NULL), -ECONNRESET);
	assert_int_equal(hvd_process(conn), -ECONNRESET);
	assert_int_equal(hvd_reconnect(conn), 0);
	assert_int_equal(hvd_last_error(conn)->code, 0);
	expect_echo("{}");
	assert_int_equal(server.connections, 2);
}

static void test_no_daemon(void **state)
{
	struct hvd_conn *other = (struct hvd_conn *)0x1;
	struct hvd_conn *none;

	(void)state;
	assert_int_equal(hvd_open("/nonexistent/sock", &other), -ENOENT);
	assert_ptr_equal(other, (struct hvd_conn *)0x1);
	none = hvd_new("/nonexistent/sock");
	assert_non_null(none);
	assert_int_equal(hvd_connect(none), -ENOENT);
	assert_string_equal(hvd_last_error(none)->name, "NO_DAEMON");
	assert_non_null(hvd_last_error(none)->hint);
	assert_int_equal(hvd_call(none, "x", NULL, NULL), -ECONNRESET);
	hvd_close(none);
	hvd_close(NULL);
}

static void test_path(void **state)
{
	struct hvd_conn *other;
	char *longer = malloc(300);

	(void)state;
	setenv(HVD_SOCKET_ENV, server.path, 1);
	other = hvd_new(NULL);
	assert_string_equal(hvd_path(other), server.path);
	hvd_close(other);
	setenv(HVD_SOCKET_ENV, "", 1);
	other = hvd_new(NULL);
	assert_string_equal(hvd_path(other), HVD_SOCKET_DEFAULT);
	hvd_close(other);
	unsetenv(HVD_SOCKET_ENV);
	memset(longer, 'x', 299);
	longer[299] = '\0';
	assert_int_equal(hvd_open(longer, &other), -ENAMETOOLONG);
	free(longer);
}

/* ---- asynchronous calls ---- */

struct reply {
	unsigned int count;
	int status;
	char text[64];
	char name[32];
};

static void on_reply(struct hvd_conn *c, int status, const char *result,
		     void *arg)
{
	struct reply *reply = arg;

	reply->count++;
	reply->status = status;
	snprintf(reply->text, sizeof(reply->text), "%s",
		 result != NULL ? result : "(none)");
	snprintf(reply->name, sizeof(reply->name), "%s",
		 hvd_last_error(c)->name);
}

/* Runs an event loop until *counter reaches count. */
static void pump_until(const unsigned int *counter, unsigned int count)
{
	struct pollfd pfd = { .fd = hvd_fd(conn), .events = POLLIN };

	while (*counter < count) {
		assert_int_equal(poll(&pfd, 1, WAIT_MS), 1);
		hvd_process(conn);
	}
}

static void test_async(void **state)
{
	struct reply first = { 0 }, second = { 0 };
	struct pollfd pfd = { .fd = hvd_fd(conn), .events = POLLIN };
	uint64_t id1, id2;

	(void)state;
	assert_int_equal(
		hvd_call_async(conn, "test.hold", NULL, on_reply, &first, &id1),
		0);
	assert_int_equal(hvd_call_async(conn, "test.error", NULL, on_reply,
					&second, &id2),
			 0);
	assert_true(id1 != id2);
	pump_until(&second.count, 1);
	assert_int_equal(second.status, -EBADFD);
	assert_string_equal(second.name, "INVALID_STATE");
	assert_string_equal(second.text, "(none)");
	assert_int_equal(first.count, 0);
	/* A blocking call meanwhile: answers cross, no callback inside. */
	assert_int_equal(hvd_call(conn, "test.release", NULL, NULL), 0);
	expect_echo("{}");
	assert_int_equal(first.count, 0);
	pump_until(&first.count, 1);
	assert_int_equal(first.status, 0);
	assert_string_equal(first.text, "1");
	assert_string_equal(first.name, "OK");
	/* Nothing left: the descriptor is quiet. */
	assert_int_equal(poll(&pfd, 1, 0), 0);
	assert_int_equal(hvd_cancel(conn, id1), -ENOENT);
}

static void test_async_fails_with_the_connection(void **state)
{
	struct reply reply = { 0 };

	(void)state;
	assert_int_equal(
		hvd_call_async(conn, "test.hold", NULL, on_reply, &reply, NULL),
		0);
	assert_int_equal(hvd_call_async(conn, "test.close", NULL, on_reply,
					&reply, NULL),
			 0);
	pump_until(&reply.count, 2);
	assert_int_equal(reply.status, -ECONNRESET);
	assert_int_equal(
		hvd_call_async(conn, "x", NULL, on_reply, &reply, NULL),
		-ECONNRESET);
	assert_int_equal(reply.count, 2);
}

static void test_cancel(void **state)
{
	struct reply held = { 0 }, echoed = { 0 };
	uint64_t id, echo_id;

	(void)state;
	hvd_call_async(conn, "test.hold", NULL, on_reply, &held, &id);
	server.cancels = CANCELS;
	assert_int_equal(hvd_cancel(conn, id), 0);
	assert_int_equal(hvd_cancel(conn, id), -ENOENT);
	expect_echo("{}"); /* behind the notification */
	assert_int_equal(server.cancelled, id);
	/* Answered, but not yet called back. */
	hvd_call_async(conn, "test.echo", NULL, on_reply, &echoed, &echo_id);
	assert_int_equal(hvd_call(conn, "test.release", NULL, NULL), 0);
	assert_int_equal(hvd_cancel(conn, echo_id), 0);
	expect_echo("{}");
	hvd_process(conn);
	assert_int_equal(held.count, 0);
	assert_int_equal(echoed.count, 0);
}

static void call_again(struct hvd_conn *c, int status, const char *result,
		       void *arg)
{
	unsigned int *count = arg;

	(void)result;
	assert_int_equal(status, 0);
	(*count)++;
	if (*count == 1) {
		assert_int_equal(hvd_call(c, "test.echo", NULL, NULL), 0);
		assert_int_equal(hvd_call_async(c, "test.echo", NULL,
						call_again, arg, NULL),
				 0);
	}
}

static void test_calls_inside_callbacks(void **state)
{
	unsigned int count = 0;

	(void)state;
	hvd_call_async(conn, "test.echo", NULL, call_again, &count, NULL);
	pump_until(&count, 2);
}

static void test_close_with_calls_in_flight(void **state)
{
	struct reply reply = { 0 };
	struct hvd_conn *other;

	(void)state;
	/* The server takes one client at a time. */
	hvd_close(conn);
	assert_int_equal(hvd_open(server.path, &other), 0);
	hvd_call_async(other, "test.hold", NULL, on_reply, &reply, NULL);
	hvd_call_async(other, "test.echo", NULL, on_reply, &reply, NULL);
	assert_int_equal(hvd_call(other, "test.echo", NULL, NULL), 0);
	hvd_close(other);
	assert_int_equal(reply.count, 0);
	assert_int_equal(hvd_open(server.path, &conn), 0);
}

/* More than a socket holds: the rest goes out when there is room. */
static void test_large_requests(void **state)
{
	size_t size = 3u << 20;
	char *params = malloc(size);
	struct reply reply = { 0 };

	(void)state;
	assert_non_null(params);
	memset(params, 'x', size);
	memcpy(params, "{\"a\":\"", 6);
	memcpy(params + size - 3, "\"}", 3);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(hvd_call_async(conn, "nosuch", params,
						on_reply, &reply, NULL),
				 0);
	}
	pump_until(&reply.count, 4);
	assert_int_equal(hvd_call(conn, "nosuch", params, NULL), -ENOSYS);
	free(params);
}

/* ---- events ---- */

struct events {
	unsigned int count;
	uint64_t first;
	uint64_t last;
};

static void on_event(struct hvd_conn *c, const struct hvd_event *event,
		     void *arg)
{
	struct events *events = arg;

	(void)c;
	assert_string_equal(event->kind, "lifecycle");
	assert_string_equal(event->zone, "z");
	assert_string_equal(event->event, "started");
	assert_null(event->reason);
	assert_non_null(event->json);
	if (events->count++ == 0) {
		events->first = event->seq;
	}
	events->last = event->seq;
}

static void expect_subscription(const char *params)
{
	pthread_mutex_lock(&server.lock);
	assert_string_equal(server.subscribe, params);
	pthread_mutex_unlock(&server.lock);
}

static void test_events(void **state)
{
	struct events events = { 0 };
	uint64_t seq;

	(void)state;
	assert_int_equal(
		hvd_subscribe(conn, HVD_EVENTS_NEW, on_event, &events, &seq),
		0);
	assert_int_equal(seq, 40);
	expect_subscription("{}");
	pump_until(&events.count, 2);
	assert_int_equal(events.last, 2);
	/* A new connection goes on from the last one received. */
	assert_int_equal(hvd_call(conn, "test.close", NULL, NULL), -ECONNRESET);
	assert_int_equal(hvd_reconnect(conn), 0);
	expect_subscription("{\"since\":2}");
	assert_int_equal(hvd_unsubscribe(conn), -ENOSYS);
	hvd_process(conn);
	assert_int_equal(hvd_reconnect(conn), 0);
	expect_echo("{}"); /* by now the server knows of the connection */
	assert_int_equal(server.connections, 3);
}

static void test_event_queue_is_bounded(void **state)
{
	struct events events = { 0 };

	(void)state;
	assert_int_equal(hvd_subscribe(conn, 0, on_event, &events, NULL), 0);
	expect_subscription("{\"since\":0}");
	assert_int_equal(hvd_call(conn, "test.flood", NULL, NULL), 0);
	pump_until(&events.count, 4096);
	hvd_process(conn);
	assert_int_equal(events.count, 4096);
	assert_int_equal(events.first, 5000 - 4096 + 1);
	assert_int_equal(events.last, 5000);
}

static void test_events_without_subscription_are_ignored(void **state)
{
	struct pollfd pfd = { .fd = hvd_fd(conn), .events = POLLIN };

	(void)state;
	assert_int_equal(hvd_call(conn, "test.flood", NULL, NULL), 0);
	assert_int_equal(hvd_process(conn), 0);
	assert_int_equal(poll(&pfd, 1, 0), 0);
}

/* ---- threads ---- */

#define THREADS 8
#define ROUNDS 200

static void *thread_main(void *arg)
{
	unsigned int number = *(unsigned int *)arg;
	char params[32];
	char *result;

	for (int i = 0; i < ROUNDS; i++) {
		snprintf(params, sizeof(params), "{\"n\":%u}",
			 number * 1000 + (unsigned int)i);
		if (i % 4 == 3) {
			if (hvd_call(conn, "test.error", NULL, NULL) !=
				    -EBADFD ||
			    strcmp(hvd_last_error(conn)->message, "not now") !=
				    0) {
				return arg;
			}
			continue;
		}
		if (hvd_call(conn, "test.echo", params, &result) != 0) {
			return arg;
		}
		if (strcmp(result, params) != 0 ||
		    hvd_last_error(conn)->code != 0) {
			return arg;
		}
		free(result);
	}
	return NULL;
}

static void test_threads(void **state)
{
	unsigned int numbers[THREADS];
	pthread_t threads[THREADS];
	void *failed;

	(void)state;
	for (unsigned int i = 0; i < THREADS; i++) {
		numbers[i] = i;
		assert_int_equal(pthread_create(&threads[i], NULL, thread_main,
						&numbers[i]),
				 0);
	}
	for (unsigned int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &failed);
		assert_null(failed);
	}
}

static void *close_main(void *arg)
{
	int *status = arg;

	*status = hvd_call(conn, "test.hold", NULL, NULL);
	return NULL;
}

/* A reconnect wakes a thread that waits, at once. */
static void test_reconnect_wakes_others(void **state)
{
	pthread_t thread;
	int status = 0;

	(void)state;
	hvd_set_timeout(conn, -1);
	assert_int_equal(pthread_create(&thread, NULL, close_main, &status), 0);
	while (server.held == 0) {
		usleep(1000);
	}
	assert_int_equal(hvd_reconnect(conn), 0);
	pthread_join(thread, NULL);
	assert_int_equal(status, -ECONNRESET);
	expect_echo("{}");
}

/* ---- typed functions ---- */

static void test_typed(void **state)
{
	struct hvd_version_info *info;
	struct hvd_zone_detail *zone;
	struct hvd_zone *zones = NULL;
	size_t count = 5;

	(void)state;
	assert_int_equal(hvd_version(conn, &info), 0);
	assert_string_equal(info->abi, "1.0");
	assert_true(info->hypervisor);
	assert_int_equal(info->feature_count, 2);
	assert_string_equal(info->features[1], "b");
	hvd_version_free(info);

	assert_int_equal(hvd_zone_get(conn, "z", &zone), 0);
	assert_int_equal(zone->zone.id, 4);
	assert_true(zone->fault->pc == UINT64_MAX);
	assert_int_equal(zone->io_pid, -1);
	assert_string_equal(zone->definition, "{\"a\":1}");
	hvd_zone_detail_free(zone);

	/* An entry without what every entry has. */
	assert_int_equal(hvd_zone_list(conn, &zones, &count), -EPROTO);
	assert_string_equal(hvd_last_error(conn)->name, "BAD_REPLY");
	assert_null(zones);
	assert_int_equal(count, 5);

	assert_int_equal(hvd_zone_start(conn, "z", 0x80), -EINVAL);
	assert_int_equal(hvd_zone_define(conn, "[]", NULL), -EINVAL);
	assert_int_equal(hvd_zone_pause(conn, "z"), -ENOSYS);
	hvd_zone_list_free(NULL, 0);
	hvd_zone_detail_free(NULL);
	hvd_version_free(NULL);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_call),
		CASE(test_params_must_be_json),
		CASE(test_daemon_error),
		CASE(test_framing),
		CASE(test_timeout),
		CASE(test_wait_callback),
		CASE(test_end_of_file_and_reconnect),
		CASE(test_no_daemon),
		CASE(test_path),
		CASE(test_async),
		CASE(test_async_fails_with_the_connection),
		CASE(test_cancel),
		CASE(test_wait_callback_cancels),
		CASE(test_calls_inside_callbacks),
		CASE(test_close_with_calls_in_flight),
		CASE(test_large_requests),
		CASE(test_events),
		CASE(test_event_queue_is_bounded),
		CASE(test_events_without_subscription_are_ignored),
		CASE(test_threads),
		CASE(test_reconnect_wakes_others),
		CASE(test_typed),
	};

	/* The library itself must not need this; the test checks that. */
	signal(SIGPIPE, SIG_DFL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
