/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hvd --stop-zones: before it ends it shuts all zones down, in the order of
 * autostart backwards: those that do not start with the machine first, then the
 * highest order, those of one order together.  A guest that does not power off
 * in time is destroyed; then it is the next one's turn.
 */
#ifndef ZV_TOOLSTACK_DAEMON_ZONE_STOP_H
#define ZV_TOOLSTACK_DAEMON_ZONE_STOP_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct daemon;
struct zone;

#define ZONE_STOP_DEFAULT_S 60u
#define ZONE_STOP_MAX_S 86400u

struct zone_stop {
	uv_timer_t timer;
	bool on; /* no zone may start any more */
	int32_t order; /* whose turn it is */
	uint64_t deadline; /* of their turn; loop time, ms */
	uint64_t tell_at; /* the service manager */
	void (*done)(struct daemon *daemon);
};

void zone_stop_init(struct daemon *daemon);

/* done: when no zone is left, or only such as cannot be ended. */
void zone_stop_begin(struct daemon *daemon, void (*done)(struct daemon *));

/* The zone is in another state. */
void zone_stop_entered(struct zone *zone);

/* The daemon ends; may be called again. */
void zone_stop_close(struct daemon *daemon);

#endif /* ZV_TOOLSTACK_DAEMON_ZONE_STOP_H */
