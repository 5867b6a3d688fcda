// SPDX-License-Identifier: BSD-2-Clause
#include "stream.h"

#include <hvd.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "call.h"
#include "client.h"
#include "json.h"
#include "link.h"
#include "protocol.h"
#include "vir_error.h"
#include "xdr.h"

#define ANSWER_MAX 4096u /* a line of a few words */
#define ANSWER_MS 10000 /* for the I/O process to greet; it may be starting */
#define READ_SIZE 65536u
/* Between packets of a file; timers of 0 ms run before anything is polled. */
#define TURN_MS 1
/* Connections that end before they give a byte, until the stream ends, too. */
#define ATTEMPTS_MAX 8u

enum state {
	GREETING, /* connected, or about to be; no answer yet */
	OPEN,
	BETWEEN, /* the I/O process has gone; hvd is asked what about it */
	ENDED, /* the client has been told, and is to finish it */
};

struct console_pipe {
	uv_pipe_t pipe; /* its data: the stream, or NULL: no longer wanted */
	uv_connect_t connect;
};

struct stream {
	struct stream *next;
	struct client *client;
	struct call *call; /* that opens it; NULL: answered */
	struct packet_header header;
	enum state state;
	char uuid[UUID_TEXT_SIZE];
	char device[64];
	int64_t zone_id;
	bool force;
	bool finishing; /* answered when the console has taken all */
	bool closing;
	bool asking; /* hvd's answer will come */
	unsigned int attempts;
	uint64_t offset; /* of the next byte of output */
	size_t waiting; /* bytes of input */
	struct console_pipe *console; /* NULL: none */
	int file; /* instead; -1: none */
	uv_timer_t timer;
	bool timer_closed;
	char answer[ANSWER_MAX];
	size_t answer_len;
};

struct input {
	uv_write_t request;
	struct stream *stream; /* NULL: has gone */
	size_t len;
	uint8_t data[];
};

static void ask_again(struct stream *s);

/* -------------------------------------------------------------- the end */

static void stream_free(struct stream *s)
{
	if (s->closing && s->timer_closed && !s->asking) {
		free(s);
	}
}

static void on_pipe_closed(uv_handle_t *handle)
{
	free(handle);
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct stream *s = handle->data;

	s->timer_closed = true;
	stream_free(s);
}

static void pipe_close(struct stream *s)
{
	if (s->console) {
		s->console->pipe.data = NULL;
		uv_close((uv_handle_t *)&s->console->pipe, on_pipe_closed);
		s->console = NULL;
	}
	s->waiting = 0;
}

static void file_close(struct stream *s)
{
	if (s->file >= 0) {
		close(s->file);
		s->file = -1;
	}
}

static void unlist(struct stream *s)
{
	struct stream **at = client_streams(s->client);

	while (*at && *at != s) {
		at = &(*at)->next;
	}
	if (*at) {
		*at = s->next;
	}
}

static void stream_close(struct stream *s)
{
	if (s->closing) {
		return;
	}
	s->closing = true;
	if (!s->asking) {
		unlist(s);
	}
	pipe_close(s);
	file_close(s);
	uv_close((uv_handle_t *)&s->timer, on_timer_closed);
}

/* The call that was to open it is over without. */
static void abandon(void *state)
{
	struct stream *s = state;

	s->call = NULL;
	stream_close(s);
}

void stream_close_all(struct client *client)
{
	struct stream *s;

	while ((s = *client_streams(client)) != NULL) {
		s->asking = false; /* its link to hvd goes, too */
		if (s->closing) {
			unlist(s);
			stream_free(s);
		} else {
			stream_close(s);
		}
	}
}

/* ------------------------------------------------------- to the client */

static void send_packet(struct stream *s, enum packet_status status,
			const void *data, size_t len)
{
	struct packet_header header = s->header;
	struct xdr_writer w;

	header.type = PACKET_STREAM;
	header.status = status;
	packet_begin(&w, &header);
	xdr_put_raw(&w, data, len);
	client_send(s->client, &w);
}

/* What goes wrong ends it for both sides. */
static void fail(struct stream *s, const char *message)
{
	struct packet_header header = s->header;
	struct client *client = s->client;
	struct vir_error_text error;
	struct xdr_writer w;

	header.type = PACKET_STREAM;
	header.status = STATUS_ERROR;
	packet_begin(&w, &header);
	vir_error_set(&error, VIR_ERR_OPERATION_FAILED, "%s", message);
	vir_error_put(&w, &error);
	stream_close(s);
	client_send(client, &w);
}

static void finish(struct stream *s)
{
	struct packet_header header = s->header;
	struct client *client = s->client;
	struct xdr_writer w;

	header.type = PACKET_STREAM;
	header.status = STATUS_OK;
	packet_begin(&w, &header);
	stream_close(s);
	client_send(client, &w);
}

/* No more output: an empty packet says so, and the client finishes it. */
static void end(struct stream *s)
{
	if (s->call) {
		call_error(s->call, VIR_ERR_OPERATION_FAILED,
			   "the console has ended: the domain has, too");
		return;
	}
	s->state = ENDED;
	pipe_close(s);
	if (s->finishing) {
		finish(s);
	} else {
		send_packet(s, STATUS_CONTINUE, NULL, 0);
	}
}

/* --------------------------------------------------------------- files */

static void on_turn(uv_timer_t *timer);

/*
 * As much as the client may be behind, and a packet a turn: one that reads as fast
 * as this writes does not keep others waiting.
 */
static void send_file(struct stream *s)
{
	char data[READ_SIZE];
	ssize_t len;

	if (s->file < 0 || client_output(s->client) >= STREAM_OUTPUT_PAUSE) {
		return;
	}
	len = read(s->file, data, sizeof(data));
	if (len > 0) {
		send_packet(s, STATUS_CONTINUE, data, (size_t)len);
		if (!s->closing) {
			uv_timer_start(&s->timer, on_turn, TURN_MS, 0);
		}
		return;
	}
	file_close(s);
	if (len < 0) {
		fail(s, "the file cannot be read");
	} else {
		end(s);
	}
}

static void on_turn(uv_timer_t *timer)
{
	send_file(timer->data);
}

/* ------------------------------------------------------------ greeting */

static void on_written(uv_write_t *request, int status)
{
	struct input *input = (struct input *)request;
	/* The pipe is of one stream for all its life, or of none any more. */
	struct stream *s = request->handle->data;

	(void)status; /* what is wrong with it is seen by reading */
	if (s) {
		s->waiting -= input->len;
		if (s->finishing && s->waiting == 0) {
			finish(s);
		}
	}
	free(input);
}

static bool write_input(struct stream *s, const void *data, size_t len)
{
	struct input *input = malloc(sizeof(*input) + len);
	uv_buf_t buf;

	if (!input) {
		return false;
	}
	memcpy(input->data, data, len);
	input->len = len;
	buf = uv_buf_init((char *)input->data, (unsigned int)len);
	if (uv_write(&input->request, (uv_stream_t *)&s->console->pipe, &buf, 1,
		     on_written) < 0) {
		free(input);
		return true; /* as above */
	}
	s->waiting += len;
	return true;
}

static void greet(struct stream *s)
{
	struct json_object *line = json_object_new_object();
	const char *text;
	char *whole = NULL;

	json_put(line, "device", json_object_new_string(s->device));
	/*
	 * All that is kept, as hvsh does: `virsh start --console` loses nothing
	 * of what the guest has said meanwhile.
	 */
	json_put(line, "from",
		 s->call ? json_object_new_string("start")
			 : json_object_new_uint64(s->offset));
	json_put(line, "write", json_object_new_boolean(true));
	json_put(line, "force", json_object_new_boolean(s->force));
	text = line ? json_object_to_json_string_ext(line,
						     JSON_C_TO_STRING_PLAIN)
		    : NULL;
	if (text && asprintf(&whole, "%s\n", text) > 0) {
		write_input(s, whole, strlen(whole));
		free(whole);
	}
	json_object_put(line);
}

static void began(struct stream *s)
{
	struct call *call = s->call;

	s->state = OPEN;
	uv_timer_stop(&s->timer);
	if (call) {
		s->call = NULL;
		call->state = NULL;
		call_reply(call);
	}
}

/* The line is what answer holds. */
static void answered(struct stream *s)
{
	struct json_object *answer = json_tokener_parse(s->answer);
	bool ok = json_flag(answer, "ok");
	bool writer = json_flag(answer, "writer");
	char error[128];

	s->offset = (uint64_t)json_number(answer, "offset", 0);
	snprintf(error, sizeof(error), "%s", json_text(answer, "error"));
	json_object_put(answer);
	if (ok && (writer || !s->call)) {
		began(s);
	} else if (!s->call) {
		end(s);
	} else if (ok) {
		call_error(s->call, VIR_ERR_OPERATION_FAILED,
			   "Active console session exists for this domain");
	} else {
		call_error(s->call, VIR_ERR_OPERATION_FAILED,
			   "the console cannot be opened: %s", error);
	}
}

/* Takes the answer's line; returns how many of the bytes it took. */
static size_t take_answer(struct stream *s, const char *data, size_t len)
{
	const char *lf = memchr(data, '\n', len);
	size_t used = lf ? (size_t)(lf - data) : len;

	if (s->answer_len + used >= sizeof(s->answer)) {
		end(s);
		return len;
	}
	memcpy(s->answer + s->answer_len, data, used);
	s->answer_len += used;
	if (!lf) {
		return len;
	}
	s->answer[s->answer_len] = '\0';
	answered(s);
	return used + 1;
}

/* ------------------------------------------------------ from the console */

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
	static char shared[READ_SIZE];

	(void)handle;
	(void)size;
	*buf = uv_buf_init(shared, sizeof(shared));
}

static void take_output(struct stream *s, const char *data, size_t len)
{
	size_t used;

	if (s->state == GREETING) {
		uv_pipe_t *pipe = &s->console->pipe;

		used = take_answer(s, data, len);
		/* It may have ended, which closes the pipe and no more here. */
		if (!pipe->data) {
			return;
		}
		data += used;
		len -= used;
	}
	if (len == 0 || s->state != OPEN) {
		return;
	}
	s->attempts = 0;
	s->offset += len;
	send_packet(s, STATUS_CONTINUE, data, len);
}

static void on_read(uv_stream_t *pipe, ssize_t len, const uv_buf_t *buf)
{
	struct stream *s = pipe->data;

	if (!s) {
		return;
	}
	if (len < 0) {
		pipe_close(s);
		ask_again(s);
		return;
	}
	take_output(s, buf->base, (size_t)len);
	if (pipe->data && client_output(s->client) >= STREAM_OUTPUT_PAUSE) {
		uv_read_stop(pipe);
	}
}

void stream_resume_all(struct client *client)
{
	if (client_output(client) >= STREAM_OUTPUT_PAUSE) {
		return;
	}
	for (struct stream *s = *client_streams(client); s; s = s->next) {
		if (s->file >= 0) {
			send_file(s);
		} else if (s->state == OPEN && s->console) {
			uv_read_start((uv_stream_t *)&s->console->pipe,
				      on_alloc, on_read);
		}
	}
}

/* ----------------------------------------------------------- connecting */

static void on_connected(uv_connect_t *connect, int status)
{
	struct stream *s = connect->handle->data;

	if (!s) {
		return;
	}
	if (status < 0) {
		pipe_close(s);
		ask_again(s);
		return;
	}
	uv_read_start(connect->handle, on_alloc, on_read);
	greet(s);
}

static void connect_to(struct stream *s, const char *path)
{
	s->console = malloc(sizeof(*s->console));
	if (!s->console) {
		end(s);
		return;
	}
	s->state = GREETING;
	s->answer_len = 0;
	uv_pipe_init(client_loop(s->client), &s->console->pipe, 0);
	s->console->pipe.data = s;
	uv_pipe_connect(&s->console->connect, &s->console->pipe, path,
			on_connected);
}

/* ---------------------------------- the I/O process has been replaced, or not */

static void ask(struct stream *s, const char *method, link_reply_fn fn)
{
	struct json_object *params = json_object_new_object();

	json_put(params, "name", json_object_new_string(s->uuid));
	if (strcmp(method, "console.attach") == 0) {
		json_put(params, "device", json_object_new_string(s->device));
	}
	s->asking = true;
	if (link_call(client_link(s->client), method, params, fn, s) < 0) {
		s->asking = false;
		end(s);
	}
}

/* False if nothing is to be done about hvd's answer any more. */
static bool still_wanted(struct stream *s)
{
	s->asking = false;
	if (s->closing) {
		unlist(s);
		stream_free(s);
		return false;
	}
	return true;
}

static void on_attached(struct json_object *result,
			const struct hvd_error *error, void *arg)
{
	struct stream *s = arg;

	if (!still_wanted(s)) {
		return;
	}
	if (error) {
		end(s);
	} else {
		connect_to(s, json_text(result, "socket"));
	}
}

/* Another run of the domain is another console. */
static void on_zone(struct json_object *result, const struct hvd_error *error,
		    void *arg)
{
	struct stream *s = arg;

	if (!still_wanted(s)) {
		return;
	}
	if (error || json_number(result, "id", -1) != s->zone_id ||
	    json_is(result, "state", HVD_STATE_DYING)) {
		end(s);
	} else {
		ask(s, "console.attach", on_attached);
	}
}

static void ask_again(struct stream *s)
{
	if (s->call || ++s->attempts > ATTEMPTS_MAX) {
		end(s);
		return;
	}
	s->state = BETWEEN;
	ask(s, "zone.get", on_zone);
}

/* -------------------------------------------------------------- opening */

static void on_late(uv_timer_t *timer)
{
	struct stream *s = timer->data;

	call_error(s->call, VIR_ERR_OPERATION_TIMEOUT,
		   "the console does not answer: try again");
}

static void attached(struct call *call, struct json_object *result)
{
	struct stream *s = call->state;

	snprintf(s->device, sizeof(s->device), "%s",
		 json_text(result, "device"));
	uv_timer_start(&s->timer, on_late, ANSWER_MS, 0);
	connect_to(s, json_text(result, "socket"));
}

static unsigned int count_streams(struct client *client)
{
	unsigned int count = 0;

	for (struct stream *s = *client_streams(client); s; s = s->next) {
		count++;
	}
	return count;
}

/* NULL: the call is answered. */
static struct stream *stream_new(struct call *call)
{
	struct stream **list = client_streams(call->client);
	struct stream *s;

	if (count_streams(call->client) >= STREAMS_MAX) {
		call_error(call, VIR_ERR_OPERATION_FAILED,
			   "more than %u streams: close some", STREAMS_MAX);
		return NULL;
	}
	s = calloc(1, sizeof(*s));
	if (!s) {
		call_no_memory(call);
		return NULL;
	}
	s->client = call->client;
	s->header = call->header;
	s->file = -1;
	uv_timer_init(client_loop(call->client), &s->timer);
	s->timer.data = s;
	s->next = *list;
	*list = s;
	return s;
}

void stream_open_console(struct call *call, struct json_object *zone,
			 const char *device, bool force)
{
	struct json_object *params;
	struct stream *s = stream_new(call);

	if (!s) {
		return;
	}
	s->call = call;
	s->force = force;
	s->zone_id = json_number(zone, "id", -1);
	snprintf(s->uuid, sizeof(s->uuid), "%s", json_text(zone, "uuid"));
	call->state = s;
	call->free_state = abandon;
	params = json_object_new_object();
	json_put(params, "name", json_object_new_string(s->uuid));
	if (device) {
		json_put(params, "device", json_object_new_string(device));
	}
	call_hvd(call, "console.attach", params, attached);
}

void stream_open_file(struct call *call, int fd)
{
	struct stream *s = stream_new(call);

	if (!s) {
		close(fd);
		return;
	}
	s->file = fd;
	s->state = OPEN;
	call_reply(call);
	send_file(s);
}

/* ------------------------------------------------------ from the client */

static struct stream *find(struct client *client,
			   const struct packet_header *header)
{
	struct stream *s = *client_streams(client);

	/* One that is being opened is not the client's yet. */
	while (s &&
	       (s->call || s->closing || s->header.program != header->program ||
		s->header.procedure != header->procedure ||
		s->header.serial != header->serial)) {
		s = s->next;
	}
	return s;
}

/* An empty packet says that the client waits for output. */
static void take_input(struct stream *s, const uint8_t *data, size_t len)
{
	if (len == 0 || s->state != OPEN || s->finishing) {
		return; /* as typed while nobody listens */
	}
	if (!s->console) {
		fail(s, "this stream can only be read");
	} else if (len > STREAM_DATA_MAX) {
		fail(s, "a packet of a stream is too long");
	} else if (s->waiting > STREAM_INPUT_MAX) {
		fail(s, "the guest does not take its console's input");
	} else if (!write_input(s, data, len)) {
		fail(s, "out of memory");
	}
}

void stream_packet(struct client *client, const struct packet_header *header,
		   const uint8_t *data, size_t len)
{
	struct stream *s = find(client, header);

	/* Of one that has ended here there may be packets on their way. */
	if (!s) {
		return;
	}
	if (header->status == STATUS_CONTINUE) {
		take_input(s, data, len);
	} else if (header->status == STATUS_OK && s->waiting > 0) {
		s->finishing = true;
	} else {
		finish(s);
	}
}
