/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between one device and those who look: keeps what each head shows, tells every
 * viewer of it and the device of what they do.  All but the pixels goes through
 * here, and is looked at here.  Whoever does not read gets what it missed as one
 * message, so nobody waits and nothing grows.
 */
#ifndef ZV_BACKENDS_DISPLAY_DISPLAY_HUB_H
#define ZV_BACKENDS_DISPLAY_DISPLAY_HUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "core/event.h"
#include "display/display_child.h"
#include "display/display_copy.h"
#include "display/display_tls.h"
#include "display/display_viewer.h"
#include "display/display_wire.h"

#define DISPLAY_VIEWERS_MAX 16u
/* ... and after them each head's monitor, which looks as they do. */
#define DISPLAY_LOOKS_MAX (DISPLAY_VIEWERS_MAX + DISPLAY_HEADS_MAX)
#define DISPLAY_KEY_BYTES ((DISPLAY_KEY_MAX + 8u) / 8u)

struct display_hub;

struct display_hub_viewer {
	struct display_hub *hub;
	struct display_child child;
	struct display_child proxy; /* between it and who looks, for TLS */
	uint32_t head;
	int fd; /* the link; -1: closed */
	struct event_watch watch;
	bool waiting; /* until the link has room, for what is due */
	bool scanout_due;
	bool pointer_due;
	bool pointer_picture_due; /* with it */
	struct display_damage damage; /* due; width 0: none */
	bool entered; /* it is let in */
	bool follows; /* it has to know where the pointer is */
	uint8_t keys[DISPLAY_KEY_BYTES]; /* bits: it holds them down */
	struct display_motion motion; /* its last */
	bool is_monitor; /* it has no process of its own, and draws the pointer */
	struct display_mode mode; /* a monitor's; width 0: none */
};

struct display_hub {
	struct event_loop *loop;
	const uint8_t *memory; /* and behind it what viewers read of copy */
	uint64_t memory_size;
	struct display_copy copy;
	uint32_t heads;
	const char *zone;
	const char *password; /* NULL: none is asked for */
	const struct display_tls *tls; /* NULL: nobody speaks it */
	/* The number of those who are let in has changed. */
	void (*on_viewers)(struct display_hub *hub, size_t count);
	/* What a head shows has another size, 0 if there is nothing. */
	void (*on_shows)(struct display_hub *hub, uint32_t head, uint32_t width,
			 uint32_t height);
	/* On what a head is shown. */
	void (*on_monitor)(struct display_hub *hub, uint32_t head,
			   const struct display_monitor *monitor);
	void *owner;

	int device; /* its socket; -1: none */
	struct event_watch watch;
	bool greeted;
	bool waiting; /* until the device reads, for what is due */
	struct display_scanout shown[DISPLAY_HEADS_MAX];
	struct display_scanout seen[DISPLAY_HEADS_MAX]; /* by viewers */
	struct event_timer news; /* on_shows, not too often */
	bool news_due; /* ... when it goes off; else it is not set */
	struct {
		uint32_t width;
		uint32_t height;
	} told[DISPLAY_HEADS_MAX]; /* by on_shows */
	struct display_pointer pointer;
	uint32_t pointer_head;
	uint8_t releases[DISPLAY_KEY_BYTES]; /* bits: keys to be released */
	bool motion_due[DISPLAY_HEADS_MAX];
	struct display_motion motion[DISPLAY_HEADS_MAX];
	bool mode_due[DISPLAY_HEADS_MAX];
	struct display_mode mode[DISPLAY_HEADS_MAX];

	struct display_hub_viewer viewers[DISPLAY_LOOKS_MAX];
	size_t count; /* of those who are let in */
	struct event_timer recount; /* on_viewers, not too often */
	unsigned int counts_told; /* since it was set; 0: it is not set */
	bool count_due; /* when it goes off */
	unsigned int refused; /* viewers, since the log said so */
	time_t refused_since; /* when it did, s */
};

/* Set what stands above the line in the struct before, and zero the rest. */
void display_hub_init(struct display_hub *hub);
void display_hub_fini(struct display_hub *hub);

/* fd becomes the hub's, in place of the device's socket before. */
void display_hub_set_device(struct display_hub *hub, int fd);

/*
 * A connection for that head; fd is the hub's, and closed if there is no room.
 * tls: that is spoken there, for which the hub must have what it takes.
 */
void display_hub_add(struct display_hub *hub, uint32_t head, int fd, bool tls);

/*
 * A link for each head, to who shows them on monitors; ret_links[heads] are the
 * caller's.  0, or negative errno and there are none.
 */
int display_hub_open_monitors(struct display_hub *hub, int *ret_links);
void display_hub_close_monitors(struct display_hub *hub);

#endif /* ZV_BACKENDS_DISPLAY_DISPLAY_HUB_H */
