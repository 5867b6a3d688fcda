/* SPDX-License-Identifier: BSD-2-Clause */
#include "input/input_seat.h"

#include <stddef.h>

static struct virtio_input *pointer_of(const struct input_seat *seat)
{
	return seat->tablet != NULL ? seat->tablet : seat->mouse;
}

static struct virtio_input **place_of(struct input_seat *seat,
				      const struct virtio_input *input)
{
	return input->kind == INPUT_KEYBOARD ? &seat->keyboard
	       : input->kind == INPUT_TABLET ? &seat->tablet
					     : &seat->mouse;
}

void input_seat_add(struct input_seat *seat, struct virtio_input *input)
{
	struct virtio_input **place = place_of(seat, input);

	if (*place == NULL) {
		*place = input;
	}
}

void input_seat_remove(struct input_seat *seat, struct virtio_input *input)
{
	struct virtio_input **place = place_of(seat, input);

	if (*place == input) {
		*place = NULL;
	}
}

void input_seat_key(struct input_seat *seat, uint32_t code, bool down)
{
	if (seat->keyboard != NULL) {
		virtio_input_key(seat->keyboard, code, down);
	}
}

void input_seat_button(struct input_seat *seat, uint32_t button, bool down)
{
	if (pointer_of(seat) != NULL) {
		virtio_input_button(pointer_of(seat), button, down);
	}
}

void input_seat_wheel(struct input_seat *seat, int32_t dx, int32_t dy)
{
	if (pointer_of(seat) != NULL) {
		virtio_input_wheel(pointer_of(seat), dx, dy);
	}
}

static int32_t pixel(int32_t at, int32_t side)
{
	return (int32_t)((int64_t)at * (side - 1) / INPUT_AXIS_MAX);
}

void input_seat_motion(struct input_seat *seat, const struct input_place *place)
{
	int32_t x = pixel(place->x, place->width);
	int32_t y = pixel(place->y, place->height);

	if (seat->tablet != NULL) {
		virtio_input_at(seat->tablet, place->x, place->y);
	} else if (seat->mouse != NULL) {
		virtio_input_by(seat->mouse, x - seat->x, y - seat->y);
	}
	seat->x = x;
	seat->y = y;
}
