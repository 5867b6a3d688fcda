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
	free(frame->data);
	*frame = (struct frame){ .max = frame->max };
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
