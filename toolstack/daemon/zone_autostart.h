/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Zones marked autostart start once per boot of the machine, one after another:
 * the next one begins when the one before runs and its delay is over, or when
 * it has failed.
 *
 * <run-dir>/autostarted lists who had a turn since then, so that a zone that was
 * shut down stays down when only the daemon is started again, and one that is
 * killed half-way leaves the rest to the next.  The directory is emptied when
 * the machine boots.
 */
#ifndef ZV_TOOLSTACK_DAEMON_ZONE_AUTOSTART_H
#define ZV_TOOLSTACK_DAEMON_ZONE_AUTOSTART_H

#include <stdbool.h>
#include <uv.h>

struct daemon;
struct zone;

struct zone_autostart {
	uv_timer_t timer; /* of the next turn */
	const struct zone *waits_for; /* only to compare; NULL: nobody */
};

void zone_autostart_init(struct daemon *daemon);

/* The zones that exist have been found: begins, or goes on. */
void zone_autostart_begin(struct daemon *daemon);

/* The zone is in another state. */
void zone_autostart_entered(struct zone *zone);

/* What `from` was has become `to`; the same: it has not, after all. */
void zone_autostart_moved(struct zone *from, struct zone *to);

/* The daemon ends; may be called again. */
void zone_autostart_close(struct daemon *daemon);

#endif /* ZV_TOOLSTACK_DAEMON_ZONE_AUTOSTART_H */
