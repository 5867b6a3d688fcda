/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a client sends to hvd, from bytes to calls.  The first byte cuts the
 * input into reads and chooses the order in which late calls finish, and
 * whether the client leaves before they do.  Oracle: every answer is one line of
 * JSON-RPC 2.0; there are no more of them than messages; no call is left over.
 */
#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "frame.h"
#include "rpc.h"

#define LINE_LENGTH_MAX 4096u
#define KEPT_MAX 256u

static struct rpc_call *kept[KEPT_MAX];
static unsigned int kept_count;
static unsigned int answers;

static void check(bool good)
{
	if (!good) {
		abort();
	}
}

static void on_echo(struct rpc_call *call, struct json_object *params)
{
	rpc_result(call, json_object_get(params));
}

static void on_later(struct rpc_call *call, struct json_object *params)
{
	(void)params;
	if (kept_count == KEPT_MAX) {
		rpc_result(call, NULL);
	} else {
		kept[kept_count++] = call;
	}
}

static void on_fail(struct rpc_call *call, struct json_object *params)
{
	struct zerror error;

	zerror_set(&error, ZERROR_BUSY, rpc_get_string(params, "name"), NULL,
		   "%s", rpc_get_string(params, "name"));
	rpc_fail(call, &error);
}

static const struct rpc_method methods[] = {
	{ "e", true, on_echo, { { "a", RPC_STRING | RPC_INT, false } } },
	{ "l", true, on_later, { { 0 } } },
	{ "f", true, on_fail, { { "name", RPC_STRING, true } } },
	{ "w", false, on_echo, { { 0 } } },
	{ 0 },
};

static void check_answer(struct json_object *answer)
{
	struct json_object *version = NULL;
	bool result = json_object_object_get_ex(answer, "result", NULL);
	bool error = json_object_object_get_ex(answer, "error", NULL);

	check(json_object_is_type(answer, json_type_object));
	check(json_object_object_get_ex(answer, "jsonrpc", &version));
	check(strcmp(json_object_get_string(version), "2.0") == 0);
	check(json_object_object_get_ex(answer, "id", NULL));
	check(result != error);
	check(json_object_object_length(answer) == 3);
}

static void on_send(struct rpc_peer *peer, const char *text, size_t len)
{
	struct json_tokener *tok = json_tokener_new_ex(64);
	struct json_object *json;

	(void)peer;
	answers++;
	check(memchr(text, '\n', len) == NULL && text[len] == '\0');
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT |
					    JSON_TOKENER_VALIDATE_UTF8);
	json = json_tokener_parse_ex(tok, text, (int)len + 1);
	check(json_tokener_get_error(tok) == json_tokener_success);
	json_tokener_free(tok);
	if (json_object_is_type(json, json_type_array)) {
		size_t count = json_object_array_length(json);

		check(count >= 1 && count <= RPC_BATCH_MAX);
		for (size_t i = 0; i < count; i++) {
			check_answer(json_object_array_get_idx(json, i));
		}
	} else {
		check_answer(json);
	}
	json_object_put(json);
}

static unsigned int told;

static void on_audit(const char *what, const char *outcome)
{
	check(what[0] && outcome[0]);
	told++;
}

static void on_who(struct rpc_peer *peer, char ret_who[RPC_WHO_MAX])
{
	(void)peer;
	memset(ret_who, 'w', RPC_WHO_MAX - 1);
	ret_who[RPC_WHO_MAX - 1] = '\0';
}

/* As a connection does: into bytes, which are lent, or behind what there is. */
static void take_in(struct frame *frame, const uint8_t *data, size_t len,
		    char *bytes)
{
	size_t room = 0;
	char *to;

	if (frame_is_empty(frame)) {
		memcpy(bytes, data, len);
		frame_borrow(frame, bytes, len);
		return;
	}
	to = frame_reserve(frame, len, &room);
	check(to != NULL && room >= len);
	memcpy(to, data, len);
	frame_commit(frame, len);
}

/* Returns the number of lines taken. */
static unsigned int feed(struct rpc_peer *peer, struct frame *frame,
			 const uint8_t *data, size_t size, size_t step)
{
	unsigned int lines = 0;
	unsigned int requests;
	char *bytes = malloc(step);
	int rc = 0;

	check(bytes != NULL);

	while (size > 0 && rc >= 0) {
		size_t len = step < size ? step : size;
		char *line;
		size_t line_len;

		take_in(frame, data, len, bytes);
		data += len;
		size -= len;
		while ((rc = frame_next(frame, &line, &line_len)) == 1) {
			check(line_len <= LINE_LENGTH_MAX);
			lines++;
			told = 0;
			requests = rpc_receive(peer, line, line_len);
			check(requests >= 1 && requests <= RPC_BATCH_MAX);
			check(told <= requests);
		}
		check(frame_settle(frame) == 0);
		memset(bytes, 0, len); /* nothing there is needed any more */
	}
	free(bytes);
	return lines;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rpc_peer peer = {
		.methods = methods,
		.send = on_send,
		.audit = on_audit,
		.who = on_who,
	};
	struct frame frame;
	unsigned int lines;
	uint8_t choice;

	if (size == 0) {
		return 0;
	}
	choice = data[0];
	kept_count = answers = 0;
	peer.readonly = choice & 1;
	frame_init(&frame, LINE_LENGTH_MAX);
	lines = feed(&peer, &frame, data + 1, size - 1, 1 + (choice >> 3) * 8);
	frame_fini(&frame);
	check(peer.inflight == kept_count);
	if (choice & 2) {
		rpc_peer_leave(&peer);
		check(peer.inflight == 0);
	}
	for (unsigned int i = 0; i < kept_count; i++) {
		rpc_result(kept[choice & 4 ? kept_count - 1 - i : i], NULL);
	}
	check(peer.inflight == 0 && peer.calls == NULL);
	check(answers <= lines);
	return 0;
}
