// SPDX-License-Identifier: BSD-2-Clause
/*
 * What a daemon sends, cut into pieces of any size. The first byte chooses the
 * sizes. Oracle: the frames are those that a plain search for line feeds finds
 * in the whole input, however it was cut.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "client_internal.h"

#define LINE_MAX_LENGTH 48

static void check(bool good)
{
	if (!good) {
		abort();
	}
}

/* Where the reference reader stands. */
struct reference {
	const char *at;
	const char *end;
	bool skipping;
};

static void check_frame(struct reference *ref, enum hvd__frame frame,
			const char *line, size_t len)
{
	size_t left = (size_t)(ref->end - ref->at);
	const char *line_feed = memchr(ref->at, '\n', left);
	size_t expected =
		line_feed != NULL ? (size_t)(line_feed - ref->at) : left;

	if (frame == HVD__FRAME_LINE) {
		check(line_feed != NULL && len == expected);
		check(len <= LINE_MAX_LENGTH);
		check(memcmp(line, ref->at, len) == 0 && line[len] == '\0');
	} else {
		check(expected > LINE_MAX_LENGTH);
	}
	ref->at = line_feed != NULL ? line_feed + 1 : ref->end;
}

static void decode(const char *line, size_t len)
{
	struct hvd__error error = { 0 };
	struct hvd__message message;

	hvd__message_decode(line, len, &message);
	check(message.kind != HVD__MESSAGE_RESULT || message.has_id);
	if (message.kind == HVD__MESSAGE_ERROR) {
		hvd__error_from_json(&error, message.body);
		check(error.code != 0 && hvd__error_errno(&error) < 0);
		check(error.name != NULL && error.message != NULL);
		hvd__error_fini(&error);
	}
	json_object_put(message.body);
}

static void drain(struct hvd__framer *framer, struct reference *ref)
{
	enum hvd__frame frame;
	char *line = NULL;
	size_t len = 0;

	while ((frame = hvd__framer_next(framer, &line, &len)) !=
	       HVD__FRAME_NONE) {
		check_frame(ref, frame, line, len);
		if (frame == HVD__FRAME_LINE) {
			decode(line, len);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hvd__framer framer;
	struct reference ref;
	uint32_t random;
	size_t piece;

	if (size == 0) {
		return 0;
	}
	random = *data++ * 2654435761u;
	size--;
	ref = (struct reference){ .at = (const char *)data,
				  .end = (const char *)data + size };
	hvd__framer_init(&framer, LINE_MAX_LENGTH);
	while (size > 0) {
		random = random * 1664525u + 1013904223u;
		piece = 1 + (random >> 24) % 64;
		piece = piece < size ? piece : size;
		check(hvd__framer_feed(&framer, data, piece) == 0);
		drain(&framer, &ref);
		data += piece;
		size -= piece;
	}
	/* What is left is the beginning of a line that may still fit. */
	check((size_t)(ref.end - ref.at) <= LINE_MAX_LENGTH);
	hvd__framer_reset(&framer);
	return 0;
}
