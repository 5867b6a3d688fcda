/* SPDX-License-Identifier: BSD-2-Clause */
#include "zone_stop.h"

#include <stdio.h>

#include "daemon.h"
#include "log.h"
#include "service.h"
#include "zone_internal.h"

#define LOOK_MS 1000u /* for what no change of state tells */
#define TELL_MS 5000u
#define EXTEND_MS 30000u /* the service manager's patience, each time */
#define END_MS 30000u /* for what was destroyed to be gone */
#define ORDER_NONE INT32_MAX /* of those that do not start with the machine */

static int32_t order_of(const struct zone *z)
{
	return z->def && z->def->autostart ? z->def->autostart_order
					   : ORDER_NONE;
}

static bool is_up(const struct zone *z)
{
	return z->state != ZONE_DEFINED;
}

static unsigned int count_up(const struct daemon *daemon)
{
	unsigned int count = 0;

	for (const struct zone *z = daemon->zones; z; z = z->next) {
		count += is_up(z);
	}
	return count;
}

/* The highest one below `below` that has a zone; false: there is none. */
static bool next_order(const struct daemon *daemon, int64_t below,
		       int32_t *ret_order)
{
	bool found = false;

	for (const struct zone *z = daemon->zones; z; z = z->next) {
		int32_t order = order_of(z);

		if (is_up(z) && order < below &&
		    (!found || order > *ret_order)) {
			*ret_order = order;
			found = true;
		}
	}
	return found;
}

static void tell(struct daemon *daemon, uint64_t now)
{
	unsigned int count = count_up(daemon);
	char text[64];

	snprintf(text, sizeof(text), "shutting down %u zone%s", count,
		 count == 1 ? "" : "s");
	service_extend(EXTEND_MS, text);
	daemon->stop.tell_at = now + TELL_MS;
}

/* One that does not run cannot hear of it, and one without hvd-io neither. */
static bool can_hear(const struct zone *z)
{
	return z->running_def && !z->held && z->state != ZONE_CRASHED &&
	       z->state != ZONE_PRESERVED && z->io.state != IO_NONE &&
	       z->io.state != IO_STOPPING;
}

static void ask(struct zone *z, uint64_t left_ms)
{
	switch (z->state) {
	case ZONE_PAUSED:
		zone_resume(z, NULL);
		break;
	case ZONE_RUNNING:
	case ZONE_REBOOTING:
		if (z->intent != ZONE_INTENT_STAY_OFF) {
			log_info("%s: asked to shut down", z->name);
			zone_shutdown(z, (unsigned int)(left_ms / 1000 + 1),
				      false, NULL);
		}
		break;
	default:
		break; /* it is at it, or will be at something else soon */
	}
}

static void act(struct zone *z, uint64_t now)
{
	const struct zone_stop *stop = &z->daemon->stop;
	bool idle = z->step == ZONE_STEP_NONE || z->step == ZONE_STEP_WAIT_OFF;

	if (z->state == ZONE_DYING || z->destroy_wanted) {
		return;
	}
	if (now >= stop->deadline) {
		log_warning("%s: did not shut down in time, and is destroyed",
			    z->name);
		zone_destroy(z, NULL);
	} else if (idle && !can_hear(z)) {
		zone_destroy(z, NULL);
	} else if (idle) {
		ask(z, stop->deadline - now);
	}
}

/* Those whose turn it is; false: none of them is left to wait for. */
static bool act_on_all(struct daemon *daemon, uint64_t now)
{
	bool any = false;
	struct zone *next;

	for (struct zone *z = daemon->zones; z; z = next) {
		next = z->next;
		if (!is_up(z) || order_of(z) != daemon->stop.order) {
			continue;
		}
		if (now >= daemon->stop.deadline + END_MS) {
			log_error("%s: cannot be ended; it is left", z->name);
			continue;
		}
		act(z, now);
		any = true;
	}
	return any;
}

static void on_look(uv_timer_t *timer)
{
	struct daemon *daemon = timer->data;
	struct zone_stop *stop = &daemon->stop;
	uint64_t now = uv_now(&daemon->loop);

	if (now >= stop->tell_at) {
		tell(daemon, now);
	}
	while (!act_on_all(daemon, now)) {
		if (!next_order(daemon, stop->order, &stop->order)) {
			stop->done(daemon);
			return;
		}
		stop->deadline = now + daemon->options.stop_ms;
	}
	uv_timer_start(timer, on_look, LOOK_MS, 0);
}

void zone_stop_entered(struct zone *z)
{
	/* When whoever changes its state is through with it. */
	if (z->daemon->stop.on) {
		uv_timer_start(&z->daemon->stop.timer, on_look, 0, 0);
	}
}

void zone_stop_begin(struct daemon *daemon, void (*done)(struct daemon *))
{
	struct zone_stop *stop = &daemon->stop;

	stop->on = true;
	stop->done = done;
	stop->tell_at = 0;
	stop->order = ORDER_NONE;
	stop->deadline = uv_now(&daemon->loop) + daemon->options.stop_ms;
	zone_autostart_close(daemon);
	uv_timer_start(&stop->timer, on_look, 0, 0);
}

void zone_stop_init(struct daemon *daemon)
{
	uv_timer_init(&daemon->loop, &daemon->stop.timer);
	daemon->stop.timer.data = daemon;
}

void zone_stop_close(struct daemon *daemon)
{
	uv_handle_t *timer = (uv_handle_t *)&daemon->stop.timer;

	daemon->stop.on = false;
	if (!uv_is_closing(timer)) {
		uv_close(timer, NULL);
	}
}
