/* SPDX-License-Identifier: BSD-2-Clause */
#include "display/display_monitor.h"

#include <stdio.h>

/* ------------------------------------------------------------------- modes */

static bool is_possible(const drmModeModeInfo *mode)
{
	return mode->hdisplay != 0 && mode->vdisplay != 0;
}

static bool is_interlaced(const drmModeModeInfo *mode)
{
	return (mode->flags & DRM_MODE_FLAG_INTERLACE) != 0;
}

static bool is_preferred(const drmModeModeInfo *mode)
{
	return (mode->type & DRM_MODE_TYPE_PREFERRED) != 0;
}

static uint32_t pixels(const drmModeModeInfo *mode)
{
	return (uint32_t)mode->hdisplay * mode->vdisplay;
}

static bool is_better(const drmModeModeInfo *mode, const drmModeModeInfo *than)
{
	if (is_interlaced(mode) != is_interlaced(than)) {
		return is_interlaced(than);
	}
	if (is_preferred(mode) != is_preferred(than)) {
		return is_preferred(mode);
	}
	if (pixels(mode) != pixels(than)) {
		return pixels(mode) > pixels(than);
	}
	return mode->vrefresh > than->vrefresh;
}

const drmModeModeInfo *display_monitor_mode(const drmModeModeInfo *modes,
					    size_t count)
{
	const drmModeModeInfo *best = NULL;

	for (size_t i = 0; i < count; i++) {
		if (is_possible(&modes[i]) &&
		    (best == NULL || is_better(&modes[i], best))) {
			best = &modes[i];
		}
	}
	return best;
}

bool display_monitor_offer(const drmModeModeInfo *mode,
			   struct display_mode *ret)
{
	if (mode->hdisplay < DISPLAY_MODE_WIDTH_MIN ||
	    mode->hdisplay > DISPLAY_MODE_WIDTH_MAX ||
	    mode->vdisplay < DISPLAY_MODE_HEIGHT_MIN ||
	    mode->vdisplay > DISPLAY_MODE_HEIGHT_MAX) {
		return false;
	}
	*ret = (struct display_mode){ mode->hdisplay, mode->vdisplay };
	return true;
}

/* ------------------------------------------------------------------- CRTCs */

/* Whose it is; given: nobody's. */
static size_t owner_of(const struct display_connector *connectors, size_t given,
		       uint32_t crtc)
{
	size_t owner = 0;

	while (owner < given && connectors[owner].crtc != crtc) {
		owner++;
	}
	return owner;
}

/*
 * Gives the connector a free one, or one whose owner can have another: a way of
 * such exchanges is found if there is one.  tried: bits of this search.
 */
static bool find(struct display_connector *connectors, size_t connector,
		 size_t given, uint32_t *tried)
{
	struct display_connector *c = &connectors[connector];

	for (uint32_t crtc = 0; crtc < DISPLAY_CRTCS_MAX; crtc++) {
		if ((c->crtcs & 1u << crtc) != 0 &&
		    owner_of(connectors, given, crtc) == given) {
			c->crtc = crtc;
			return true;
		}
	}
	for (uint32_t crtc = 0; crtc < DISPLAY_CRTCS_MAX; crtc++) {
		if ((c->crtcs & 1u << crtc & ~*tried) == 0) {
			continue;
		}
		*tried |= 1u << crtc;
		if (find(connectors, owner_of(connectors, given, crtc), given,
			 tried)) {
			c->crtc = crtc;
			return true;
		}
	}
	return false;
}

/* One that finds none has no head: those after it move up. */
size_t display_monitor_assign(struct display_connector *connectors,
			      size_t count, size_t heads)
{
	size_t given = 0;

	for (size_t i = 0; i < count && given < heads; i++) {
		uint32_t tried = 0;

		connectors[given] = connectors[i];
		if (find(connectors, given, given, &tried)) {
			given++;
		}
	}
	return given;
}

/* ------------------------------------------------------------------- names */

void display_monitor_name(uint32_t type, uint32_t number,
			  char ret[DISPLAY_CONNECTOR_MAX + 1])
{
	const char *name = drmModeGetConnectorTypeName(type);

	snprintf(ret, DISPLAY_CONNECTOR_MAX + 1, "%s-%u",
		 name != NULL ? name : "Unknown", number);
}
