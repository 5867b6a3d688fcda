/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-input (virtio 1.2, section 5.8): a keyboard, a tablet or a mouse.
 *
 * What happens waits in a queue of bounded length while the guest gives no
 * buffers: moves are merged, and when there is no room everything that waits is
 * dropped.  Then, and after a kill, the guest is told how the state differs from
 * what it knows: no key hangs.  What it knows of keys and buttons is in marks,
 * those that belong to no queue.
 */
#ifndef ZV_BACKENDS_INPUT_VIRTIO_INPUT_H
#define ZV_BACKENDS_INPUT_VIRTIO_INPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/virtio_device.h"

#define INPUT_AXIS_MAX 32767 /* of a tablet */
#define INPUT_KEY_LAST 248u /* a keyboard has 1 .. this of evdev's codes */
#define INPUT_BUTTONS 5u /* left, right, middle, side, extra */
#define INPUT_FRAMES 64u /* that wait at most */

enum input_kind {
	INPUT_KEYBOARD,
	INPUT_TABLET,
	INPUT_MOUSE,
};

/* Something that happened, which the guest gets as two or three events. */
struct input_frame {
	enum input_frame_kind {
		INPUT_SYNC, /* nothing; it ends what came before */
		INPUT_KEY, /* a: which, b: is it down; 2: still */
		INPUT_AT, /* x, y of a tablet */
		INPUT_BY, /* x, y of a mouse, pixels */
		INPUT_WHEEL, /* clicks to the right, clicks up */
	} kind;
	int32_t a;
	int32_t b;
};

/* A bit for each key that a keyboard has, then one for each button. */
#define INPUT_STATE_WORDS 5u

struct virtio_input {
	struct virtio_device dev;
	enum input_kind kind;
	const char *serial;
	bool running;
	struct event_defer more; /* work left for another turn of the loop */
	uint64_t down[INPUT_STATE_WORDS]; /* how it is */
	int32_t x; /* of a tablet */
	int32_t y;
	bool lost; /* the guest has to be told anew how it is */
	struct input_frame frame[INPUT_FRAMES];
	uint32_t first;
	uint32_t count;
	uint32_t step; /* events of the first that were given */
	uint64_t events; /* ever given */
	struct vq_chain chain;
};

/* serial, up to 128 characters, must outlive the device. */
void virtio_input_init(struct virtio_input *input, struct event_loop *loop,
		       enum input_kind kind, const char *serial);

/*
 * What it does not have, or is already so, is no news; but a key that goes down
 * again is one that is held.  The guest does not repeat keys by itself: it would if a
 * release is late, on a slow network or in a guest that has no CPU.
 */
void virtio_input_key(struct virtio_input *input, uint32_t code, bool down);
void virtio_input_button(struct virtio_input *input, uint32_t button,
			 bool down);
/* 0 .. INPUT_AXIS_MAX, of a tablet */
void virtio_input_at(struct virtio_input *input, int32_t x, int32_t y);
/* Of a mouse. */
void virtio_input_by(struct virtio_input *input, int32_t dx, int32_t dy);
void virtio_input_wheel(struct virtio_input *input, int32_t dx, int32_t dy);

#endif /* ZV_BACKENDS_INPUT_VIRTIO_INPUT_H */
