/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Splits a byte stream into lines (LF), each at most a given length.  Memory
 * is bounded by that length plus one read; between lines there is none.
 */
#ifndef ZV_TOOLSTACK_DAEMON_FRAME_H
#define ZV_TOOLSTACK_DAEMON_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct frame {
	size_t max; /* bytes in a line, LF excluded */
	char *data;
	size_t room;
	bool borrowed; /* data is somebody else's, until frame_settle() */
	size_t start; /* of the first line not taken yet */
	size_t scanned; /* no LF between start and here */
	size_t end;
};

void frame_init(struct frame *frame, size_t max);
void frame_fini(struct frame *frame);

/*
 * Where to put up to *ret_room (at least 1) further bytes; frame_commit() says
 * how many there were.  Nothing is borrowed.  NULL: out of memory.
 */
char *frame_reserve(struct frame *frame, size_t want, size_t *ret_room);
void frame_commit(struct frame *frame, size_t len);

/*
 * In place of these two, when frame_is_empty(): the bytes that came are len of
 * data, which is the caller's and is left alone after the next frame_settle().
 */
bool frame_is_empty(const struct frame *frame);
void frame_borrow(struct frame *frame, char *data, size_t len);

/* Keeps what is left of borrowed bytes; frees memory if nothing is left.  0 or
 * -ENOMEM. */
int frame_settle(struct frame *frame);

/* How much memory it has. */
size_t frame_memory(const struct frame *frame);

/*
 * The next line, its LF replaced by NUL, valid until the next reserve; its
 * length in *ret_len.  Returns 1, 0 when there is none yet, or -EMSGSIZE when
 * the line under way is too long: the stream is then of no further use.
 */
int frame_next(struct frame *frame, char **ret_line, size_t *ret_len);

#endif /* ZV_TOOLSTACK_DAEMON_FRAME_H */
