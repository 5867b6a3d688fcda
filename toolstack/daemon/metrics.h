/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All that hvd knows as numbers, as OpenMetrics text.  A scrape takes what hvd and
 * the hypervisor know at once, asks each device's I/O process, and is told to all
 * who want one meanwhile: when all have answered, or after METRICS_MS without what
 * has not come by then.
 */
#ifndef ZV_TOOLSTACK_DAEMON_METRICS_H
#define ZV_TOOLSTACK_DAEMON_METRICS_H

#include <stddef.h>
#include <uv.h>

#define METRICS_MS 2000u

struct daemon;
struct metrics_scrape;

/* Shared by those who were told: each gives it back. */
struct metrics_text {
	char *text;
	size_t len;
	unsigned int refs;
};

/* One who waits; its owner's. */
struct metrics_wish {
	struct metrics_wish *next;
	/* Once, perhaps inside metrics_get().  NULL: out of memory. */
	void (*told)(struct metrics_wish *wish, struct metrics_text *text);
};

struct metrics {
	struct daemon *daemon;
	uv_timer_t timer;
	struct metrics_scrape *scrape; /* NULL: none is under way */
	struct metrics_wish *wishes;
};

void metrics_init(struct metrics *m, struct daemon *daemon);
/* Who waits is forgotten. */
void metrics_close(struct metrics *m);

void metrics_get(struct metrics *m, struct metrics_wish *wish);
/* It waits no longer, if it did. */
void metrics_cancel(struct metrics *m, struct metrics_wish *wish);
void metrics_text_put(struct metrics_text *text);

#endif /* ZV_TOOLSTACK_DAEMON_METRICS_H */
