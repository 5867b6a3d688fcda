// SPDX-License-Identifier: BSD-2-Clause
/* Cuts a byte stream into lines of bounded length. */
#include "client_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* An emptied buffer above this is given back. */
#define KEEP_MAX (1u << 20)
#define CAPACITY_MIN 4096u

void hvd__framer_init(struct hvd__framer *framer, size_t max)
{
	*framer = (struct hvd__framer){ .max = max };
}

void hvd__framer_reset(struct hvd__framer *framer)
{
	free(framer->data);
	hvd__framer_init(framer, framer->max);
}

static void compact(struct hvd__framer *framer)
{
	if (framer->start == 0) {
		return;
	}
	memmove(framer->data, framer->data + framer->start,
		framer->end - framer->start);
	framer->end -= framer->start;
	framer->scanned -= framer->start;
	framer->start = 0;
	if (framer->end == 0 && framer->capacity > KEEP_MAX) {
		hvd__framer_reset(framer);
	}
}

int hvd__framer_feed(struct hvd__framer *framer, const void *data, size_t len)
{
	const char *bytes = data;
	const char *line_feed;
	size_t capacity;
	char *grown;

	if (framer->skipping) {
		line_feed = memchr(bytes, '\n', len);
		if (line_feed == NULL) {
			return 0;
		}
		framer->skipping = false;
		len -= (size_t)(line_feed + 1 - bytes);
		bytes = line_feed + 1;
	}
	compact(framer);
	if (len > framer->capacity - framer->end) {
		capacity = framer->capacity + CAPACITY_MIN;
		while (capacity - framer->end < len) {
			capacity *= 2;
		}
		/* Doubling keeps the number of copies of a long line small. */
		if (capacity < framer->capacity * 2) {
			capacity = framer->capacity * 2;
		}
		grown = realloc(framer->data, capacity);
		if (grown == NULL) {
			return -ENOMEM;
		}
		framer->data = grown;
		framer->capacity = capacity;
	}
	if (len > 0) {
		memcpy(framer->data + framer->end, bytes, len);
		framer->end += len;
	}
	return 0;
}

/* A line without an end yet; once too long, its rest is skipped too. */
static enum hvd__frame unfinished(struct hvd__framer *framer)
{
	framer->scanned = framer->end;
	if (framer->end - framer->start <= framer->max) {
		return HVD__FRAME_NONE;
	}
	framer->start = framer->end;
	framer->skipping = true;
	return HVD__FRAME_TOO_LONG;
}

enum hvd__frame hvd__framer_next(struct hvd__framer *framer, char **ret_line,
				 size_t *ret_len)
{
	char *line, *line_feed = NULL;
	size_t len;

	if (framer->scanned < framer->end) {
		line_feed = memchr(framer->data + framer->scanned, '\n',
				   framer->end - framer->scanned);
	}
	if (line_feed == NULL) {
		return unfinished(framer);
	}
	line = framer->data + framer->start;
	len = (size_t)(line_feed - line);
	framer->start += len + 1;
	framer->scanned = framer->start;
	if (len > framer->max) {
		return HVD__FRAME_TOO_LONG;
	}
	*line_feed = '\0';
	*ret_line = line;
	*ret_len = len;
	return HVD__FRAME_LINE;
}
