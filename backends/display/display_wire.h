/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a graphics device and the process that shows its pictures say to each
 * other, over a SOCK_SEQPACKET socket: one struct display_message a message.
 *
 * Neither trusts the other.  A message of another length or of a type that the
 * peer does not send, or a value out of range, ends the conversation: the socket
 * is closed.  Neither ever waits for the other.
 *
 * On a new socket the device says HELLO, then SCANOUT for each head and POINTER.
 *
 * hvd-display speaks the same with its own children: to those it is the device.
 */
#ifndef ZV_BACKENDS_DISPLAY_DISPLAY_WIRE_H
#define ZV_BACKENDS_DISPLAY_DISPLAY_WIRE_H

#include <stdint.h>

#define DISPLAY_VERSION 1u
#define DISPLAY_HEADS_MAX 4u
#define DISPLAY_AXIS_MAX 32767u /* of MOTION: the head's last pixel */
#define DISPLAY_KEY_MAX 0x2ffu /* KEY_MAX of linux/input-event-codes.h */
#define DISPLAY_BUTTON_COUNT 5u
#define DISPLAY_CLICKS_MAX 127 /* of a WHEEL, each way */
/* Modes that a viewer may ask for. */
#define DISPLAY_MODE_WIDTH_MIN 640u
#define DISPLAY_MODE_HEIGHT_MIN 480u
#define DISPLAY_MODE_WIDTH_MAX 4096u
#define DISPLAY_MODE_HEIGHT_MAX 2160u
#define DISPLAY_CONNECTOR_MAX 31u /* characters of its name */

enum display_type {
	/* from the device */
	DISPLAY_HELLO = 1,
	DISPLAY_SCANOUT = 2,
	DISPLAY_DAMAGE = 3,
	DISPLAY_POINTER = 4,
	/* to the device */
	DISPLAY_KEY = 16,
	DISPLAY_MOTION = 17,
	DISPLAY_WHEEL = 18,
	DISPLAY_MODE = 19,
	/* not to a device: from who shows it to hvd-display */
	DISPLAY_MONITOR = 32,
};

struct display_hello {
	uint32_t version; /* DISPLAY_VERSION */
	uint32_t heads;
};

/* From now on the head shows that, and all of it has changed. */
struct display_scanout {
	uint32_t format; /* enum gpu_format; 0: nothing is shown */
	uint32_t width; /* in pixels of 32 bits */
	uint32_t height;
	uint32_t stride; /* bytes from row to row */
	uint64_t offset; /* of the first pixel, in the video memory */
};

/* That part of what the head shows has changed; it lies inside. */
struct display_damage {
	uint32_t x;
	uint32_t y;
	uint32_t width; /* not 0 */
	uint32_t height;
};

/* The same from hvd-display to who looks, where it may be one of several. */
struct display_part {
	struct display_damage damage;
	uint32_t more; /* not 0: another one is next */
};

/* It has moved to that head, and has another picture of 64x64 perhaps. */
struct display_pointer {
	uint32_t x; /* where it points at; may lie outside the picture shown */
	uint32_t y;
	uint32_t hot_x; /* which pixel of its picture points, 0 .. 63 */
	uint32_t hot_y;
	uint32_t has_picture; /* 0: it moved only, and keeps the one it has */
	uint32_t format; /* with has_picture; 0: there is no pointer */
	uint32_t stride;
	uint32_t reserved;
	uint64_t offset;
};

struct display_key {
	uint32_t code; /* of linux/input-event-codes.h, 1 .. DISPLAY_KEY_MAX */
	uint32_t down; /* 0 or 1 */
};

/* The pointer of who looks. */
struct display_motion {
	uint32_t x; /* 0 .. DISPLAY_AXIS_MAX of the head's width */
	uint32_t y;
	uint32_t buttons; /* bits: left, right, middle, side, extra */
};

struct display_wheel {
	int32_t dx; /* clicks, > 0: to the right */
	int32_t dy; /* > 0: up */
};

/* Who looks would like the head to have that size. */
struct display_mode {
	uint32_t width;
	uint32_t height;
};

/* On what the head is shown. */
struct display_monitor {
	uint32_t width; /* pixels; 0: on nothing */
	uint32_t height;
	uint32_t refresh; /* Hz */
	uint32_t error; /* an errno: why the connector shows nothing; else 0 */
	char connector[DISPLAY_CONNECTOR_MAX +
		       1]; /* ends with a NUL; or empty */
};

/* Little-endian.  What a type does not use is 0, and is not looked at. */
struct display_message {
	uint32_t type; /* enum display_type */
	uint32_t head;
	union {
		struct display_hello hello;
		struct display_scanout scanout;
		struct display_damage damage;
		struct display_part part;
		struct display_pointer pointer;
		struct display_key key;
		struct display_motion motion;
		struct display_wheel wheel;
		struct display_mode mode;
		struct display_monitor monitor;
		uint8_t size[56];
	};
};

_Static_assert(sizeof(struct display_message) == 64, "two processes");
_Static_assert(sizeof(struct display_scanout) == 24, "two processes");
_Static_assert(sizeof(struct display_pointer) == 40, "two processes");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "two processes");

#endif /* ZV_BACKENDS_DISPLAY_DISPLAY_WIRE_H */
