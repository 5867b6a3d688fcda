/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The keyboard and the pointers of a zone, in front of which somebody sits: what
 * he does goes to the first keyboard, and to the first tablet or, without one,
 * the first mouse.
 */
#ifndef ZV_BACKENDS_INPUT_INPUT_SEAT_H
#define ZV_BACKENDS_INPUT_INPUT_SEAT_H

#include "input/virtio_input.h"

struct input_seat { /* zeroed at first */
	struct virtio_input *keyboard; /* NULL: none */
	struct virtio_input *tablet;
	struct virtio_input *mouse;
	int32_t x; /* where the pointer was, in pixels */
	int32_t y;
};

/* Where on all that is shown, 0 .. INPUT_AXIS_MAX of that many pixels. */
struct input_place {
	int32_t x;
	int32_t y;
	int32_t width;
	int32_t height;
};

void input_seat_add(struct input_seat *seat, struct virtio_input *input);
void input_seat_remove(struct input_seat *seat, struct virtio_input *input);

void input_seat_key(struct input_seat *seat, uint32_t code, bool down);
void input_seat_button(struct input_seat *seat, uint32_t button, bool down);
void input_seat_wheel(struct input_seat *seat, int32_t dx, int32_t dy);
/* A mouse moves by as many pixels as the place is away from the last. */
void input_seat_motion(struct input_seat *seat,
		       const struct input_place *place);

#endif /* ZV_BACKENDS_INPUT_INPUT_SEAT_H */
