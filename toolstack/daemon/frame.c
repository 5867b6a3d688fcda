/* SPDX-License-Identifier: BSD-2-Clause */
#include "frame.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void frame_init(struct frame *frame, size_t max)
{
	*frame = (struct frame){ .max = max };
}

void frame_fini(struct frame *frame)
{
	if (!frame->borrowed) {
		free(frame->data);
	}
	*frame = (struct frame){ .max = frame->max };
}

bool frame_is_empty(const struct frame *frame)
{
	return frame->start == frame->end;
}

void frame_borrow(struct frame *frame, char *data, size_t len)
{
	frame_fini(frame);
	frame->data = data;
	frame->end = len;
	frame->borrowed = true;
}

int frame_settle(struct frame *frame)
{
	size_t len = frame->end - frame->start;
	char *data;

	if (len == 0) {
		frame_fini(frame);
		return 0;
	}
	if (!frame->borrowed) {
		return 0;
	}
	data = malloc(len);
	if (!data) {
		frame_fini(frame);
		return -ENOMEM;
	}
	memcpy(data, frame->data + frame->start, len);
	frame->scanned -= frame->start;
	frame->start = 0;
	frame->end = len;
	frame->data = data;
	frame->room = len;
	frame->borrowed = false;
	return 0;
}

size_t frame_memory(const struct frame *frame)
{
	return frame->room;
}

static void compact(struct frame *frame)
{
	if (frame->start == 0) {
		return;
	}
	memmove(frame->data, frame->data + frame->start,
		frame->end - frame->start);
	frame->scanned -= frame->start;
	frame->end -= frame->start;
	frame->start = 0;
}

char *frame_reserve(struct frame *frame, size_t want, size_t *ret_room)
{
	size_t need;
	char *data;

	compact(frame);
	need = frame->end + (want ? want : 1);
	if (need > frame->room) {
		size_t room = frame->room ? frame->room : 4096;

		while (room < need) {
			room *= 2;
		}
		data = realloc(frame->data, room);
		if (!data) {
			return NULL;
		}
		frame->data = data;
		frame->room = room;
	}
	*ret_room = frame->room - frame->end;
	return frame->data + frame->end;
}

void frame_commit(struct frame *frame, size_t len)
{
	frame->end += len;
}

int frame_next(struct frame *frame, char **ret_line, size_t *ret_len)
{
	char *lf = NULL;
	size_t len;

	if (frame->scanned < frame->end) {
		lf = memchr(frame->data + frame->scanned, '\n',
			    frame->end - frame->scanned);
	}
	len = (lf ? (size_t)(lf - frame->data) : frame->end) - frame->start;
	if (len > frame->max) {
		return -EMSGSIZE;
	}
	if (!lf) {
		frame->scanned = frame->end;
		return 0;
	}
	*lf = '\0';
	*ret_line = frame->data + frame->start;
	*ret_len = len;
	frame->start += len + 1;
	frame->scanned = frame->start;
	return 1;
}
