/* SPDX-License-Identifier: BSD-2-Clause */
#include "display/display_link.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/container_of.h"
#include "gpu/gpu_2d.h"

/* One turn of the loop: what a peer can make us do before others get theirs. */
#define TURN_MESSAGES 64u

/* ------------------------------------------------------------------ the end */

/* Nobody is left who could let them go. */
static void release_all(struct display_link *link)
{
	for (uint32_t code = 0; code <= DISPLAY_KEY_MAX; code++) {
		if ((link->keys[code / 8] & 1u << code % 8) != 0) {
			link->ops->key(link->owner, code, false);
		}
	}
	memset(link->keys, 0, sizeof(link->keys));
	for (uint32_t i = 0; i < DISPLAY_BUTTON_COUNT; i++) {
		if ((link->buttons & 1u << i) != 0) {
			link->ops->button(link->owner, i, false);
		}
	}
	link->buttons = 0;
}

static void disconnect(struct display_link *link)
{
	if (link->fd < 0) {
		return;
	}
	event_undefer(link->loop, &link->more);
	event_unwatch(link->loop, &link->watch);
	close(link->fd);
	link->fd = -1;
	release_all(link);
}

/* ----------------------------------------------------------------- speaking */

static void wait_for_room(struct display_link *link, bool full)
{
	if (link->full != full) {
		link->full = full;
		if (event_watch(link->loop, &link->watch, link->fd,
				full ? EVENT_READ | EVENT_WRITE : EVENT_READ) !=
		    0) {
			disconnect(link);
		}
	}
}

/* False: not now, or never again. */
static bool say(struct display_link *link,
		const struct display_message *message)
{
	ssize_t n = send(link->fd, message, sizeof(*message),
			 MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n == (ssize_t)sizeof(*message)) {
		return true;
	}
	if (n < 0 && (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM)) {
		wait_for_room(link, true);
	} else {
		disconnect(link);
	}
	return false;
}

static bool say_hello(struct display_link *link)
{
	const struct display_message message = {
		.type = DISPLAY_HELLO,
		.hello = { DISPLAY_VERSION, link->heads },
	};

	if (link->hello_due && !say(link, &message)) {
		return false;
	}
	link->hello_due = false;
	return true;
}

static bool say_picture(struct display_link *link, uint32_t head)
{
	struct display_link_head *h = &link->head[head];
	const struct display_message message = {
		.type = DISPLAY_SCANOUT,
		.head = head,
		.scanout = {
			.format = h->picture.format,
			.width = h->picture.width,
			.height = h->picture.height,
			.stride = h->picture.stride,
			.offset = h->picture.offset,
		},
	};

	if (h->due && !say(link, &message)) {
		return false;
	}
	h->due = false;
	return true;
}

static bool say_damage(struct display_link *link, uint32_t head)
{
	struct display_link_head *h = &link->head[head];
	const struct display_message message = {
		.type = DISPLAY_DAMAGE,
		.head = head,
		.damage = { h->damage.x, h->damage.y, h->damage.width,
			    h->damage.height },
	};

	if (h->damage.width != 0 && !say(link, &message)) {
		return false;
	}
	h->damage.width = 0;
	return true;
}

/* The driver says what it likes; a pixel of the picture is meant. */
static uint32_t hot(uint32_t at)
{
	return at < GPU_CURSOR_SIDE ? at : GPU_CURSOR_SIDE - 1;
}

static bool say_pointer(struct display_link *link)
{
	const struct gpu_picture *picture = &link->pointer_picture;
	struct display_message message = {
		.type = DISPLAY_POINTER,
		.head = link->pointer.scanout,
		.pointer = {
			.x = link->pointer.x,
			.y = link->pointer.y,
			.hot_x = hot(link->pointer.hot_x),
			.hot_y = hot(link->pointer.hot_y),
			.has_picture = link->pointer_picture_due,
		},
	};

	if (link->pointer_picture_due) {
		message.pointer.format = picture->format;
		message.pointer.stride = picture->stride;
		message.pointer.offset = picture->offset;
	}
	if ((link->pointer_due || link->pointer_picture_due) &&
	    !say(link, &message)) {
		return false;
	}
	link->pointer_due = link->pointer_picture_due = false;
	return true;
}

static void say_all(struct display_link *link)
{
	if (link->fd < 0 || !say_hello(link)) {
		return;
	}
	for (uint32_t i = 0; i < link->heads; i++) {
		if (!say_picture(link, i) || !say_damage(link, i)) {
			return;
		}
	}
	if (say_pointer(link)) {
		wait_for_room(link, false);
	}
}

static void on_more(struct event_defer *defer)
{
	say_all(container_of(defer, struct display_link, more));
}

/* What a turn of the loop changes is told at its end, once. */
static void say_later(struct display_link *link)
{
	if (link->fd >= 0 && !link->full) {
		event_defer(link->loop, &link->more);
	}
}

/* --------------------------------------------------------------- the output */

static void on_scanout(void *owner, uint32_t scanout,
		       const struct gpu_picture *picture)
{
	struct display_link *link = owner;

	link->head[scanout].picture = *picture;
	link->head[scanout].due = true;
	link->head[scanout].damage.width = 0;
	say_later(link);
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static uint32_t larger(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static struct video_rect both(const struct video_rect *a,
			      const struct video_rect *b)
{
	uint32_t x = smaller(a->x, b->x);
	uint32_t y = smaller(a->y, b->y);

	return (struct video_rect){
		.x = x,
		.y = y,
		.width = larger(a->x + a->width, b->x + b->width) - x,
		.height = larger(a->y + a->height, b->y + b->height) - y,
	};
}

static void on_damage(void *owner, uint32_t scanout,
		      const struct video_rect *rect)
{
	struct display_link *link = owner;
	struct display_link_head *head = &link->head[scanout];

	/* A picture that is yet to be told has changed as a whole. */
	if (!head->due) {
		head->damage = head->damage.width != 0
				       ? both(&head->damage, rect)
				       : *rect;
		say_later(link);
	}
}

static void on_pointer(void *owner, const struct gpu_pointer *pointer,
		       const struct gpu_picture *picture)
{
	struct display_link *link = owner;

	link->pointer = *pointer;
	link->pointer_due = true;
	if (picture != NULL) {
		link->pointer_picture = *picture;
		link->pointer_picture_due = true;
	}
	say_later(link);
}

const struct gpu_output_ops display_link_output = {
	.scanout = on_scanout,
	.damage = on_damage,
	.pointer = on_pointer,
};

/* ------------------------------------------------------------------ hearing */

static bool hear_key(struct display_link *link,
		     const struct display_message *message)
{
	const struct display_key *key = &message->key;
	uint8_t bit;

	if (key->code == 0 || key->code > DISPLAY_KEY_MAX || key->down > 1) {
		return false;
	}
	bit = (uint8_t)(1u << key->code % 8);
	if (key->down != 0) {
		link->keys[key->code / 8] |= bit;
		link->ops->key(link->owner, key->code, true);
	} else if ((link->keys[key->code / 8] & bit) != 0) {
		link->keys[key->code / 8] &= (uint8_t)~bit;
		link->ops->key(link->owner, key->code, false);
	}
	return true;
}

static bool hear_motion(struct display_link *link,
			const struct display_message *message)
{
	const struct display_motion *motion = &message->motion;
	uint32_t changed;

	if (message->head >= link->heads || motion->x > DISPLAY_AXIS_MAX ||
	    motion->y > DISPLAY_AXIS_MAX ||
	    motion->buttons >= 1u << DISPLAY_BUTTON_COUNT) {
		return false;
	}
	link->ops->motion(link->owner, message->head, motion->x, motion->y);
	changed = motion->buttons ^ link->buttons;
	link->buttons = motion->buttons;
	for (uint32_t i = 0; i < DISPLAY_BUTTON_COUNT; i++) {
		if ((changed & 1u << i) != 0) {
			link->ops->button(link->owner, i,
					  (motion->buttons & 1u << i) != 0);
		}
	}
	return true;
}

static bool are_clicks(int32_t count)
{
	return count >= -DISPLAY_CLICKS_MAX && count <= DISPLAY_CLICKS_MAX;
}

static bool hear_wheel(struct display_link *link,
		       const struct display_message *message)
{
	const struct display_wheel *wheel = &message->wheel;

	if (!are_clicks(wheel->dx) || !are_clicks(wheel->dy)) {
		return false;
	}
	link->ops->wheel(link->owner, wheel->dx, wheel->dy);
	return true;
}

static bool hear_mode(struct display_link *link,
		      const struct display_message *message)
{
	const struct display_mode *mode = &message->mode;

	if (message->head >= link->heads ||
	    mode->width < DISPLAY_MODE_WIDTH_MIN ||
	    mode->width > DISPLAY_MODE_WIDTH_MAX ||
	    mode->height < DISPLAY_MODE_HEIGHT_MIN ||
	    mode->height > DISPLAY_MODE_HEIGHT_MAX) {
		return false;
	}
	link->ops->mode(link->owner, message->head, mode->width, mode->height);
	return true;
}

/* False: it breaks the rules. */
static bool hear(struct display_link *link,
		 const struct display_message *message)
{
	switch (message->type) {
	case DISPLAY_KEY:
		return hear_key(link, message);
	case DISPLAY_MOTION:
		return hear_motion(link, message);
	case DISPLAY_WHEEL:
		return hear_wheel(link, message);
	case DISPLAY_MODE:
		return hear_mode(link, message);
	default:
		return false;
	}
}

static void wrong(struct display_link *link, const char *why)
{
	disconnect(link);
	link->ops->wrong(link->owner, why);
}

/* False: there is nothing more to be had for now. */
static bool hear_one(struct display_link *link)
{
	struct {
		struct display_message message;
		uint8_t more; /* filled: it is too long */
	} got;
	ssize_t n = recv(link->fd, &got, sizeof(got), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		return false;
	}
	if (n <= 0) {
		disconnect(link);
		return false;
	}
	if (n != sizeof(got.message)) {
		wrong(link, "a message of another length");
		return false;
	}
	if (!hear(link, &got.message)) {
		wrong(link, "a message that makes no sense");
		return false;
	}
	return true;
}

static void on_socket(struct event_watch *watch, unsigned int events)
{
	struct display_link *link =
		container_of(watch, struct display_link, watch);

	for (uint32_t i = 0; i < TURN_MESSAGES && hear_one(link); i++) {}
	if (link->fd >= 0 && (events & EVENT_WRITE) != 0) {
		say_all(link);
	}
}

/* --------------------------------------------------------------------- life */

void display_link_init(struct display_link *link, struct event_loop *loop,
		       uint32_t heads, const struct display_link_ops *ops,
		       void *owner)
{
	memset(link, 0, sizeof(*link));
	link->loop = loop;
	link->heads = heads;
	link->ops = ops;
	link->owner = owner;
	link->fd = -1;
	link->watch.cb = on_socket;
	link->more.cb = on_more;
}

void display_link_fini(struct display_link *link)
{
	disconnect(link);
}

int display_link_connect(struct display_link *link, int fd)
{
	int rc;

	disconnect(link);
	rc = event_watch(link->loop, &link->watch, fd, EVENT_READ);
	if (rc != 0) {
		close(fd);
		return rc;
	}
	link->fd = fd;
	link->full = false;
	link->hello_due = true;
	for (uint32_t i = 0; i < link->heads; i++) {
		link->head[i].due = true;
		link->head[i].damage.width = 0;
	}
	link->pointer_picture_due = true;
	say_later(link);
	return 0;
}
