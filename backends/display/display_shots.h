/* SPDX-License-Identifier: BSD-2-Clause */
/* Screenshots, one after the other, each written by a process of its own. */
#ifndef ZV_BACKENDS_DISPLAY_DISPLAY_SHOTS_H
#define ZV_BACKENDS_DISPLAY_DISPLAY_SHOTS_H

#include <stddef.h>
#include <stdint.h>

#include "core/event.h"
#include "display/display_child.h"
#include "display/display_hub.h"

#define DISPLAY_SHOTS_MAX 8u

struct display_shots {
	const struct display_hub *hub;
	/* why: NULL, or why there is none. */
	void (*on_shot)(struct display_shots *shots, uint32_t id,
			const char *why);
	void *owner;

	struct display_child child;
	struct event_defer next;
	size_t count;
	struct {
		uint32_t id;
		uint32_t head;
		int fd;
	} queue[DISPLAY_SHOTS_MAX]; /* the first is being written */
};

/* Set what stands above the line in the struct before, and zero the rest. */
void display_shots_init(struct display_shots *shots);
void display_shots_fini(struct display_shots *shots);

/* fd becomes ours; -1: there was none.  on_shot says how it went, also at once. */
void display_shots_add(struct display_shots *shots, uint32_t id, uint32_t head,
		       int fd);

#endif /* ZV_BACKENDS_DISPLAY_DISPLAY_SHOTS_H */
