/* SPDX-License-Identifier: BSD-2-Clause */
/* Which monitor shows which head, and how: choices, on what a card says of itself. */
#ifndef ZV_BACKENDS_DISPLAY_DISPLAY_MONITOR_H
#define ZV_BACKENDS_DISPLAY_DISPLAY_MONITOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xf86drmMode.h>

#include "display/display_wire.h"

#define DISPLAY_CONNECTORS_MAX 32u
#define DISPLAY_CRTCS_MAX 32u /* bits of a mask */

/* A connector with a monitor. */
struct display_connector {
	uint32_t id;
	uint32_t crtcs; /* bits: those that can drive it */
	uint32_t crtc; /* chosen: an index into the card's */
	char name[DISPLAY_CONNECTOR_MAX + 1]; /* "HDMI-A-1" */
	drmModeModeInfo mode; /* chosen */
};

/*
 * What the monitor prefers, else what has the most pixels and then the highest
 * rate; no interlaced one if there is another.  NULL: it has none.
 */
const drmModeModeInfo *display_monitor_mode(const drmModeModeInfo *modes,
					    size_t count);

/*
 * Gives as many of the first connectors as possible a CRTC, each its own, heads at
 * most.  Returns how many: those after them show nothing.
 */
size_t display_monitor_assign(struct display_connector *connectors,
			      size_t count, size_t heads);

/* Whether a guest can be told that a head has that mode: then *ret is it. */
bool display_monitor_offer(const drmModeModeInfo *mode,
			   struct display_mode *ret);

/* As the kernel names it in /sys/class/drm, after the card. */
void display_monitor_name(uint32_t type, uint32_t number,
			  char ret[DISPLAY_CONNECTOR_MAX + 1]);

#endif /* ZV_BACKENDS_DISPLAY_DISPLAY_MONITOR_H */
