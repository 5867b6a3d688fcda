/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The card that hvd gave us to show the zone's heads on, and the process that does
 * (display_screen.h).  When that one ends, hvd is told, and gives another card or the
 * same one again: a card's state is its descriptor's.
 *
 *   none -- give() --> shown -- the process ends, on_end --> none
 */
#ifndef ZV_BACKENDS_DISPLAY_DISPLAY_CARD_H
#define ZV_BACKENDS_DISPLAY_DISPLAY_CARD_H

#include "display/display_child.h"
#include "display/display_hub.h"

struct display_card {
	struct display_hub *hub;
	int uevents; /* of display_uevent_open(); -1: there are to be no cards */
	/* Nothing is shown on it, for that reason. */
	void (*on_end)(struct display_card *card, const char *why);
	void *owner;

	struct display_child child;
	int next; /* given while there is a child yet; -1: none */
};

/* Set what stands above the line in the struct before, and zero the rest. */
void display_card_init(struct display_card *card);
void display_card_fini(struct display_card *card);

/* fd becomes ours; -1: there was none.  It replaces the one before. */
void display_card_give(struct display_card *card, int fd);

#endif /* ZV_BACKENDS_DISPLAY_DISPLAY_CARD_H */
