/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Giving up what was begun:
 *
 *   start             all of it is undone, as when it fails
 *   shutdown, reboot  nobody waits for the guest any more, as when the time is
 *                     over; not once it is off
 *
 *   dump              the file is removed, and the zone goes on
 *
 * A step on another thread ends as soon as it can; what follows it is in the
 * function that takes it back (cancel_wanted).
 */
#include "zone_dump.h"
#include "zone_internal.h"

void zone_cancelled(const char *hint, struct zerror *ret_error)
{
	zerror_set(ret_error, ZERROR_CANCELLED, NULL, hint, "it was cancelled");
}

const char *zone_why_not_cancel(const struct zone *z, enum job_kind kind)
{
	static const char over[] = "it is over in a moment";

	switch (kind) {
	case JOB_START:
		/* One that is over and is to run again has to go first. */
		return z->state != ZONE_DYING || zone_is_to_start(z->intent)
			       ? NULL
			       : "it is being undone already";
	case JOB_SHUTDOWN:
	case JOB_REBOOT:
		return z->step == ZONE_STEP_NONE || /* it just begins */
				       z->step == ZONE_STEP_PRESS ||
				       z->step == ZONE_STEP_WAIT_OFF
			       ? NULL
			       : "the guest is off already";
	case JOB_DUMP:
		return z->dump && z->dump->named ? over : NULL;
	case JOB_DESTROY:
		return "what is gone of it cannot come back";
	default:
		return over;
	}
}

static void cancel_start(struct zone *z)
{
	struct zerror error;

	zone_cancelled(NULL, &error);
	if (z->state == ZONE_DYING) {
		z->intent = ZONE_INTENT_NONE;
		zone_answer(z, WAIT_START, &error);
	} else if (z->job) {
		z->cancel_wanted = true;
		zone_cancel_job(z);
	} else {
		zone_fail(z, &error);
	}
}

static void cancel_wait(struct zone *z)
{
	struct zerror error;

	if (z->job) { /* the request is being recorded */
		z->cancel_wanted = true;
		return;
	}
	zone_cancelled("the guest was asked already, and may still do it",
		       &error);
	zone_power_give_up(z, "the wait for it was cancelled", &error);
}

int zone_cancel(struct zone *z, enum job_kind kind, struct zerror *ret_error)
{
	const char *why = zone_why_not_cancel(z, kind);

	if (why) {
		return zerror_set(
			ret_error, ZERROR_UNSUPPORTED, NULL, "it goes on",
			"%s: it cannot be cancelled: %s", z->name, why);
	}
	switch (kind) {
	case JOB_START:
		cancel_start(z);
		break;
	case JOB_DUMP:
		z->cancel_wanted = true;
		zone_cancel_job(z);
		break;
	default:
		cancel_wait(z);
		break;
	}
	return 0;
}

int zone_cancel_wait(struct zone *z, enum zone_wait what,
		     struct zerror *ret_error)
{
	switch (what) {
	case WAIT_START:
		return zone_cancel(z, JOB_START, ret_error);
	case WAIT_PRESS:
	case WAIT_SHUTDOWN:
		return zone_cancel(
			z, job_is(z, JOB_REBOOT) ? JOB_REBOOT : JOB_SHUTDOWN,
			ret_error);
	case WAIT_DESTROY:
		return zone_cancel(z, JOB_DESTROY, ret_error);
	default:
		return zone_cancel(z, JOB_RESET, ret_error);
	}
}
