/* SPDX-License-Identifier: BSD-2-Clause */
/* What a zone does of itself, as the hypervisor tells it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "privcmd.h"
#include "store.h"
#include "zone_internal.h"

#define DUMP_LOOK_MS 200u /* whether what crashed has been dumped */

struct zone_watch {
	uv_poll_t poll;
	struct zone *zone;
};

static void on_watch_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void on_zone_event(uv_poll_t *poll, int status, int events)
{
	struct zone_watch *watch = poll->data;
	struct zone *z = watch->zone;

	(void)events;
	if (status < 0 || privcmd_zone_drain(z->control_fd) < 0) {
		if (z->state != ZONE_DYING) {
			log_warning("%s: no more events from the hypervisor",
				    z->name);
		}
		uv_poll_stop(poll);
	}
	zone_check(z);
}

void zone_watch(struct zone *z)
{
	struct zone_watch *w = calloc(1, sizeof(*w));

	if (!w) {
		return;
	}
	w->zone = z;
	w->poll.data = w;
	if (uv_poll_init(&z->daemon->loop, &w->poll, z->control_fd) < 0) {
		log_error("%s: the hypervisor's events cannot be watched",
			  z->name);
		free(w);
		return;
	}
	uv_poll_start(&w->poll, UV_READABLE, on_zone_event);
	z->watch = w;
}

void zone_unwatch(struct zone *z)
{
	if (z->watch) {
		uv_close((uv_handle_t *)&z->watch->poll, on_watch_closed);
		z->watch = NULL;
	}
}

static const char *reason_text(uint32_t reason)
{
	switch (reason) {
	case ZV_REASON_GUEST_OFF:
		return "powered off";
	case ZV_REASON_STOPPED:
		return "stopped";
	case ZV_REASON_GUEST_RESET:
		return "reset by the guest";
	case ZV_REASON_FORCED_RESET:
		return "reset";
	case ZV_REASON_ALL_OFF:
		return "its last vCPU went off";
	case ZV_REASON_BAD_ENTRY:
		return "no memory at a vCPU's entry point";
	case ZV_REASON_BAD_TRAP:
		return "an exception that cannot be handled";
	case ZV_REASON_ABORT_LOOP:
		return "an abort inside its abort handler";
	case ZV_REASON_INTERNAL:
		return "the hypervisor ran out of a resource";
	default:
		return "no reason given";
	}
}

static enum zone_policy off_policy(const struct zone *z,
				   const struct zv_zone_info *info)
{
	bool by_guest = info->reason == ZV_REASON_GUEST_OFF ||
			info->reason == ZV_REASON_ALL_OFF;

	if (z->intent == ZONE_INTENT_REBOOT) {
		return ZONE_POLICY_RESTART;
	}
	return by_guest && z->intent == ZONE_INTENT_NONE && z->running_def
		       ? z->running_def->on_poweroff
		       : ZONE_POLICY_DESTROY;
}

static enum zone_policy reset_policy(const struct zone *z,
				     const struct zv_zone_info *info)
{
	if (!z->running_def) {
		return ZONE_POLICY_DESTROY;
	}
	/* One that a daemon began and did not finish: no policy has a say. */
	return info->reason == ZV_REASON_FORCED_RESET
		       ? ZONE_POLICY_RESTART
		       : z->running_def->on_reboot;
}

/* It does not run any more: its memory and devices stay as they are. */
static void preserve(struct zone *z)
{
	z->step = ZONE_STEP_NONE;
	z->intent = ZONE_INTENT_NONE;
	z->press_due = false;
	uv_timer_stop(&z->grace);
	zone_enter(z, ZONE_EVENT_PRESERVE);
	zone_publish(z, "preserved", z->reason);
	zone_answer_state(z, WAIT_ALL, "it is over, and preserved");
}

static void went_off(struct zone *z, const struct zv_zone_info *info)
{
	bool asked = z->intent == ZONE_INTENT_REBOOT;
	enum zone_policy policy = off_policy(z, info);

	uv_timer_stop(&z->grace);
	if (info->reason == ZV_REASON_GUEST_OFF ||
	    info->reason == ZV_REASON_ALL_OFF) {
		zone_publish(z, "shutdown", reason_text(info->reason));
	}
	if (policy == ZONE_POLICY_RESTART) {
		zone_enter(z, ZONE_EVENT_RESET);
		zone_begin_reset(z, !asked);
		return;
	}
	zone_set_reason(z, reason_text(info->reason));
	if (policy == ZONE_POLICY_PRESERVE) {
		preserve(z);
	} else {
		zone_enter(z, ZONE_EVENT_OFF);
		zone_begin_destroy(z);
	}
}

static void wants_reset(struct zone *z, const struct zv_zone_info *info)
{
	enum zone_policy policy = reset_policy(z, info);

	if (policy == ZONE_POLICY_RESTART) {
		zone_enter(z, ZONE_EVENT_RESET);
		zone_begin_reset(z, info->reason != ZV_REASON_FORCED_RESET);
		return;
	}
	zone_set_reason(z, reason_text(info->reason));
	if (policy == ZONE_POLICY_PRESERVE) {
		preserve(z);
	} else {
		zone_enter(z, ZONE_EVENT_DESTROY);
		zone_begin_destroy(z);
	}
}

static void on_crash_delay_over(uv_timer_t *timer)
{
	struct zone *z = timer->data;

	if (z->step == ZONE_STEP_DUMP) {
		uv_timer_start(timer, on_crash_delay_over, DUMP_LOOK_MS, 0);
	} else if (z->state == ZONE_CRASHED) {
		zone_start(z, false, NULL);
	}
}

/* When it is to begin anew: 0 is at once. */
static uint64_t crash_delay(struct zone *z)
{
	char why[sizeof(z->reason)];
	uint64_t delay = backoff_next(&z->restarts, uv_now(&z->daemon->loop));

	if (delay) {
		snprintf(why, sizeof(why), "%.100s; starts again in %u ms",
			 z->reason, (unsigned int)delay);
		zone_set_reason(z, why);
		log_info("%s: crashes too often; waiting %u ms", z->name,
			 (unsigned int)delay);
	}
	return delay;
}

static void crashed(struct zone *z, const struct zv_zone_info *info)
{
	enum zone_policy policy = z->running_def ? z->running_def->on_crash
						 : ZONE_POLICY_PRESERVE;
	bool again = policy == ZONE_POLICY_RESTART;
	uint64_t delay;

	uv_timer_stop(&z->grace);
	z->step = ZONE_STEP_NONE;
	z->intent = ZONE_INTENT_NONE;
	zone_set_reason(z, reason_text(info->reason));
	delay = again ? crash_delay(z) : 0;
	zone_enter(z, ZONE_EVENT_CRASH);
	zone_publish(z, "crashed", z->reason);
	zone_answer_state(z, WAIT_ALL, "it crashed");
	if (policy == ZONE_POLICY_DESTROY) {
		zone_enter(z, ZONE_EVENT_DESTROY);
		zone_begin_destroy(z);
	} else if (again) {
		uv_timer_start(&z->timer, on_crash_delay_over, delay, 0);
	}
}

/* Somebody else with the right to do so paused or resumed it. */
static void follow(struct zone *z, uint32_t state)
{
	if (state == ZV_ZONE_PAUSED && z->state == ZONE_RUNNING) {
		zone_enter(z, ZONE_EVENT_PAUSE);
		zone_publish(z, "paused", NULL);
	} else if (state == ZV_ZONE_RUNNING && z->state == ZONE_PAUSED) {
		z->held = false;
		zone_enter(z, ZONE_EVENT_RESUME);
		zone_publish(z, "resumed", NULL);
	}
}

static bool takes_news(const struct zone *z)
{
	return z->control_fd >= 0 && !z->job && !z->closing &&
	       (z->step == ZONE_STEP_NONE || z->step == ZONE_STEP_WAIT_OFF) &&
	       z->state != ZONE_DEFINED && z->state != ZONE_STARTING &&
	       z->state != ZONE_DYING;
}

void zone_check(struct zone *z)
{
	struct zv_zone_info info = { 0 };
	int rc;

	if (!takes_news(z)) {
		return;
	}
	rc = privcmd_zone_info(z->control_fd, &info);
	if (rc == -ESRCH || (rc == 0 && info.state == ZV_ZONE_DYING)) {
		zone_set_reason(z, "destroyed by somebody else");
		zone_enter(z, ZONE_EVENT_DESTROY);
		zone_begin_destroy(z);
		return;
	}
	if (rc < 0 || z->state == ZONE_CRASHED || z->state == ZONE_PRESERVED) {
		return;
	}
	switch (info.state) {
	case ZV_ZONE_OFF:
		went_off(z, &info);
		break;
	case ZV_ZONE_RESETTING:
		wants_reset(z, &info);
		break;
	case ZV_ZONE_CRASHED:
		crashed(z, &info);
		break;
	default:
		follow(z, info.state);
		break;
	}
}

/* What the last daemon had in hand: nothing to go on with, or to be replaced. */
static bool must_go(const struct zone *z, const struct zv_zone_info *info)
{
	return info->state == ZV_ZONE_DYING ||
	       (info->state == ZV_ZONE_CREATED && !z->held) ||
	       zone_is_to_start(z->intent);
}

/* What the last daemon had in hand is done: it must not be done again later. */
static void save_record(struct zone *z)
{
	struct zone_record record = {
		.def = z->running_def,
		.generation = z->generation,
		.intent = z->recorded,
		.restarts = z->restarts.count,
	};
	char *text = zone_record_text(&record);
	struct zerror error;

	if (!text ||
	    store_save(z->daemon->running_dir, z->name, text, &error) < 0) {
		log_warning("%s: its record could not be saved", z->name);
	}
	free(text);
}

/*
 * The last daemon started it anew, and ended before it could say so.  Later it
 * would be taken for one that is yet to be started.
 */
static void forget_start(struct zone *z)
{
	z->intent = z->recorded = ZONE_INTENT_NONE;
	save_record(z);
}

/*
 * If it was paused only for a moment, in which the last daemon ended, it goes on.
 * Is it paused?
 */
static bool stays_paused(struct zone *z, bool paused, bool resume)
{
	int rc;

	if (!resume) {
		return paused;
	}
	rc = paused ? privcmd_zone_resume(z->control_fd) : 0;
	if (rc < 0) {
		log_warning("%s: it stays paused: %s", z->name, strerror(-rc));
	}
	save_record(z);
	return rc < 0;
}

/* A zone that is over and stays so needs nobody who serves its devices. */
static bool needs_io(const struct zone *z, const struct zv_zone_info *info)
{
	switch (info->state) {
	case ZV_ZONE_CRASHED:
		return false;
	case ZV_ZONE_OFF:
		return off_policy(z, info) == ZONE_POLICY_RESTART;
	case ZV_ZONE_RESETTING:
		return reset_policy(z, info) == ZONE_POLICY_RESTART;
	default:
		return z->running_def != NULL;
	}
}

void zone_take(struct zone *z, int control_fd, const struct zv_zone_info *info,
	       struct zone_record *record)
{
	struct zerror error;
	bool paused;

	z->control_fd = control_fd;
	z->id = info->id;
	memcpy(z->uuid, info->uuid, sizeof(z->uuid));
	if (record) {
		z->running_def = record->def;
		record->def = NULL;
		zone_about_follow(z);
		zone_pin_follow(z, info);
		z->held = record->held && info->state == ZV_ZONE_CREATED;
		z->intent = z->recorded = record->intent;
		backoff_restore(&z->restarts, record->restarts,
				uv_now(&z->daemon->loop));
	}
	if (zone_is_to_start(z->intent) &&
	    (info->state == ZV_ZONE_RUNNING || info->state == ZV_ZONE_PAUSED)) {
		forget_start(z);
	}
	paused = stays_paused(z, info->state == ZV_ZONE_PAUSED,
			      record && record->resume);
	zone_watch(z);
	zone_enter(z, z->held || paused ? ZONE_EVENT_ADOPT_PAUSED
					: ZONE_EVENT_ADOPT_RUNNING);
	if (must_go(z, info)) {
		zone_set_reason(z, "left half made or half destroyed");
		zone_enter(z, ZONE_EVENT_DESTROY);
		zone_begin_destroy(z);
		return;
	}
	if (needs_io(z, info) && zone_io_begin(z, true, &error) < 0) {
		log_error("%s: %s", z->name, error.message);
	}
	zone_check(z);
}
