/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One viewer's session, in a process of its own (display_child.h): libvncserver,
 * which waits for its client, and what it is to show.  It is told as a display is
 * told by a device, with messages of display_wire.h that were looked at, and
 * answers with those of a display; with HELLO, once the viewer is let in; and with
 * POINTER, of which nothing is looked at, if it wants to know where that is.
 */
#ifndef ZV_BACKENDS_DISPLAY_DISPLAY_VIEWER_H
#define ZV_BACKENDS_DISPLAY_DISPLAY_VIEWER_H

#include <stdint.h>

#include "display/display_wire.h"

struct display_viewer {
	const uint8_t *memory; /* read-only */
	uint64_t memory_size;
	const char *title;
	const char *password; /* NULL: none is asked for */
	struct display_scanout shown;
	struct display_pointer pointer;
};

/* Before the sandbox: what the library opens files for. */
void display_viewer_prepare(void);

/* argument: struct display_viewer.  Until the viewer or the other end leaves. */
int display_viewer_run(void *argument);

#endif /* ZV_BACKENDS_DISPLAY_DISPLAY_VIEWER_H */
