/* SPDX-License-Identifier: BSD-2-Clause */
/* What the daemon is told by hvd-display. */
#ifndef ZV_BACKENDS_DISPLAY_DISPLAY_REPORT_H
#define ZV_BACKENDS_DISPLAY_DISPLAY_REPORT_H

#include <stddef.h>
#include <stdint.h>

#include "display/display_wire.h"
#include "io/control.h"

void display_report_viewers(struct control *control, size_t count);
/* Width and height 0: nothing. */
void display_report_shows(struct control *control, uint32_t head,
			  uint32_t width, uint32_t height);
/* why: NULL, or why there is no screenshot. */
void display_report_shot(struct control *control, uint32_t id, const char *why);
/* On what a head is shown. */
void display_report_monitor(struct control *control, uint32_t head,
			    const struct display_monitor *monitor);
/* Nothing is shown on the card that was given. */
void display_report_no_card(struct control *control, const char *why);

#endif /* ZV_BACKENDS_DISPLAY_DISPLAY_REPORT_H */
