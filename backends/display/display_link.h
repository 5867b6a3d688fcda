/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The graphics device's end of the display socket (display_wire.h): an output
 * that tells another process what is where, and hears what who looks there
 * types, points at and wants.
 *
 * It never waits: while the socket is full it remembers what each head shows,
 * one rectangle of it that has changed, and the pointer; that is also what a new
 * socket begins with.  What comes in is checked; a peer that breaks the rules
 * loses its socket.  Keys and buttons that are down when a socket ends are let
 * go.
 */
#ifndef ZV_BACKENDS_DISPLAY_DISPLAY_LINK_H
#define ZV_BACKENDS_DISPLAY_DISPLAY_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/event.h"
#include "display/display_wire.h"
#include "gpu/gpu_output.h"

/* What is heard; all values are in the ranges of display_wire.h. */
struct display_link_ops {
	/* Each key goes down and up in turns. */
	void (*key)(void *owner, uint32_t code, bool down);
	/* Where on the head, 0 .. DISPLAY_AXIS_MAX. */
	void (*motion)(void *owner, uint32_t head, uint32_t x, uint32_t y);
	/* button: 0 .. DISPLAY_BUTTON_COUNT - 1, in turns too. */
	void (*button)(void *owner, uint32_t button, bool down);
	void (*wheel)(void *owner, int32_t dx, int32_t dy);
	void (*mode)(void *owner, uint32_t head, uint32_t width,
		     uint32_t height);
	/* The peer broke the rules and has lost its socket. */
	void (*wrong)(void *owner, const char *why);
};

struct display_link_head {
	struct gpu_picture picture;
	struct video_rect damage; /* since it was told; width 0: none */
	bool due; /* the picture has to be told */
};

struct display_link {
	struct event_loop *loop;
	const struct display_link_ops *ops;
	void *owner; /* of the ops */
	int fd; /* -1: nobody looks */
	struct event_watch watch;
	struct event_defer more;
	bool hello_due;
	bool full; /* the socket: wait until it can be written */
	uint32_t heads;
	struct display_link_head head[DISPLAY_HEADS_MAX];
	struct gpu_pointer pointer;
	struct gpu_picture pointer_picture;
	bool pointer_due; /* where it is */
	bool pointer_picture_due; /* ... and what it looks like */
	uint8_t keys[(DISPLAY_KEY_MAX + 8) / 8]; /* a bit for each that is down
						  */
	uint32_t buttons; /* those that are down */
};

/* The output of a device, with a display_link as its owner. */
extern const struct gpu_output_ops display_link_output;

/* heads: 1 .. DISPLAY_HEADS_MAX */
void display_link_init(struct display_link *link, struct event_loop *loop,
		       uint32_t heads, const struct display_link_ops *ops,
		       void *owner);
void display_link_fini(struct display_link *link);

/*
 * Another socket in place of the one there may be; the link closes it, and does
 * so at once if it fails with a negative errno.
 */
int display_link_connect(struct display_link *link, int fd);

#endif /* ZV_BACKENDS_DISPLAY_DISPLAY_LINK_H */
