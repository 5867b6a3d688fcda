// SPDX-License-Identifier: BSD-2-Clause
/*
 * Opening a zone's console: hvd says which socket, the zone's I/O process
 * behind it is greeted with one line of JSON and answers with one, and what
 * follows is the console's raw bytes.
 */
#include "client_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The answer to the greeting holds a few words. */
#define ANSWER_MAX 4096

static struct json_object *from_value(const struct hvd_console_options *options)
{
	switch (options->from) {
	case HVD_CONSOLE_FROM_END:
		return json_object_new_string("end");
	case HVD_CONSOLE_FROM_OFFSET:
		return json_object_new_uint64(options->offset);
	case HVD_CONSOLE_FROM_START:
		break;
	}
	return json_object_new_string("start");
}

static bool add_flag(struct json_object *params, const char *key, bool value)
{
	return hvd__params_add(params, key, json_object_new_boolean(value));
}

static struct json_object *
attach_params(const char *zone, const struct hvd_console_options *options)
{
	struct json_object *params = hvd__params_named("name", zone);

	if ((options->device != NULL &&
	     !hvd__params_add(params, "device",
			      json_object_new_string(options->device))) ||
	    !hvd__params_add(params, "from", from_value(options)) ||
	    !add_flag(params, "force",
		      (options->flags & HVD_CONSOLE_FORCE) != 0) ||
	    !add_flag(params, "readonly",
		      (options->flags & HVD_CONSOLE_READONLY) != 0)) {
		json_object_put(params);
		return NULL;
	}
	return params;
}

/* The cookie, if hvd gave one, proves to the I/O process who is asking. */
static struct json_object *greeting(const struct hvd_console_options *options,
				    const char *device, const char *cookie)
{
	struct json_object *line = json_object_new_object();

	if ((device != NULL &&
	     !hvd__params_add(line, "device",
			      json_object_new_string(device))) ||
	    (cookie != NULL &&
	     !hvd__params_add(line, "cookie",
			      json_object_new_string(cookie))) ||
	    !hvd__params_add(line, "from", from_value(options)) ||
	    !add_flag(line, "write",
		      (options->flags & HVD_CONSOLE_READONLY) == 0) ||
	    !add_flag(line, "force",
		      (options->flags & HVD_CONSOLE_FORCE) != 0)) {
		json_object_put(line);
		return NULL;
	}
	return line;
}

static int send_greeting(int fd, struct json_object *line, int64_t deadline)
{
	char *text = hvd__json_text(line);
	int err;

	if (text == NULL) {
		return -ENOMEM;
	}
	err = hvd__sock_send(fd, text, strlen(text), deadline);
	if (err == 0) {
		err = hvd__sock_send(fd, "\n", 1, deadline);
	}
	free(text);
	return err;
}

static int read_answer(struct hvd_conn *conn, const char *text,
		       struct hvd_console *console)
{
	struct json_object *answer = hvd__json_parse(text, strlen(text));
	const char *error;
	char *device;
	int err = 0;

	if (!json_object_is_type(answer, json_type_object)) {
		err = hvd__fail_reply(conn, "the console greeting",
				      "is not a JSON object");
	} else if (!hvd__json_bool(answer, "ok", false)) {
		error = hvd__json_string(answer, "error");
		err = hvd__fail(conn, -EIO, NULL,
				"the console refused the connection: %s",
				error != NULL ? error : "no reason given");
	} else if (!hvd__json_copy(answer, "device", &device)) {
		err = hvd__fail_nomem(conn);
	} else {
		if (device != NULL) {
			free(console->device);
			console->device = device;
		}
		console->offset = hvd__json_u64(answer, "offset", 0);
		console->writer = hvd__json_bool(answer, "writer", false);
	}
	json_object_put(answer);
	return err;
}

static int greet(struct hvd_conn *conn, struct json_object *attached,
		 const struct hvd_console_options *options,
		 struct hvd_console *console, int64_t deadline)
{
	const char *device = hvd__json_string(attached, "device");
	struct json_object *line;
	char answer[ANSWER_MAX];
	int err;

	line = greeting(options, device != NULL ? device : options->device,
			hvd__json_string(attached, "cookie"));
	if (line == NULL) {
		return hvd__fail_nomem(conn);
	}
	err = send_greeting(console->fd, line, deadline);
	json_object_put(line);
	if (err == 0) {
		err = hvd__sock_recv_line(console->fd, answer, sizeof(answer),
					  deadline);
	}
	if (err != 0) {
		return hvd__fail(conn, err, NULL,
				 "the console did not answer: %s",
				 strerror(-err));
	}
	return read_answer(conn, answer, console);
}

/* Which of head and tail is larger is the stream's end, whatever their use. */
static void read_range(struct json_object *attached,
		       struct hvd_console *console)
{
	uint64_t head = hvd__json_u64(attached, "head", 0);
	uint64_t tail = hvd__json_u64(attached, "tail", 0);

	console->newest = head > tail ? head : tail;
	console->oldest = head > tail ? tail : head;
}

static int console_connect(struct hvd_conn *conn, struct json_object *attached,
			   const struct hvd_console_options *options,
			   struct hvd_console *console)
{
	const char *path = hvd__json_string(attached, "socket");
	int timeout_ms;
	int64_t deadline;

	if (path == NULL) {
		return hvd__fail_reply(conn, "console.attach",
				       "lacks 'socket'");
	}
	pthread_mutex_lock(&conn->lock);
	timeout_ms = conn->timeout_ms;
	pthread_mutex_unlock(&conn->lock);
	deadline = hvd__deadline(timeout_ms);
	console->fd = hvd__sock_connect(path, timeout_ms);
	if (console->fd < 0) {
		return hvd__fail(conn, console->fd, NULL,
				 "cannot connect to the console at %s: %s",
				 path, strerror(-console->fd));
	}
	read_range(attached, console);
	if (!hvd__json_copy(attached, "device", &console->device)) {
		return hvd__fail_nomem(conn);
	}
	return greet(conn, attached, options, console, deadline);
}

int hvd_console_open(struct hvd_conn *conn, const char *zone,
		     const struct hvd_console_options *options,
		     struct hvd_console **ret_console)
{
	static const struct hvd_console_options defaults = { 0 };
	struct hvd_console *console;
	struct json_object *params, *attached;
	int err;

	if (options == NULL) {
		options = &defaults;
	}
	params = attach_params(zone, options);
	if (params == NULL) {
		return hvd__fail_nomem(conn);
	}
	err = hvd__invoke(conn, "console.attach", params, 0, &attached);
	if (err != 0) {
		return err;
	}
	console = calloc(1, sizeof(*console));
	if (console == NULL) {
		json_object_put(attached);
		return hvd__fail_nomem(conn);
	}
	console->fd = -1;
	err = console_connect(conn, attached, options, console);
	json_object_put(attached);
	if (err != 0) {
		hvd_console_close(console);
		return err;
	}
	*ret_console = console;
	return 0;
}

void hvd_console_close(struct hvd_console *console)
{
	if (console == NULL) {
		return;
	}
	if (console->fd >= 0) {
		close(console->fd);
	}
	free(console->device);
	free(console);
}
