/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A zone's heads on the monitors of a graphics card, in a process of its own
 * (display_child.h).  It is told as a display is told by a device, over a link for
 * each head, with messages that were looked at, and says on what each is shown and
 * which mode that has.
 *
 * Head N is on the N-th connector that has a monitor.  Nothing wakes it but news: of
 * the heads, of the card, of the connectors.
 */
#ifndef ZV_BACKENDS_DISPLAY_DISPLAY_SCREEN_H
#define ZV_BACKENDS_DISPLAY_DISPLAY_SCREEN_H

#include <stdint.h>

#include "display/display_child.h"
#include "display/display_wire.h"

/* Of its descriptors: the card, what the kernel says of devices, then the links. */
#define DISPLAY_SCREEN_FD_CARD DISPLAY_CHILD_FD
#define DISPLAY_SCREEN_FD_UEVENTS (DISPLAY_CHILD_FD + 1)
#define DISPLAY_SCREEN_FD_LINK (DISPLAY_CHILD_FD + 2)

struct display_screen {
	const uint8_t *memory; /* read-only */
	uint32_t heads;
};

/*
 * argument: struct display_screen.  0 when its links end, else an errno that says
 * why it cannot go on.
 */
int display_screen_run(void *argument);

#endif /* ZV_BACKENDS_DISPLAY_DISPLAY_SCREEN_H */
