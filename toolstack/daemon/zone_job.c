/* SPDX-License-Identifier: BSD-2-Clause */
#include "zone_internal.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "net_tap.h"
#include "privcmd.h"
#include "store.h"
#include "zone_build.h"
#include "zone_dump.h"

#define TAP_PATIENCE_MS 2000u /* for an I/O process that is ending */

static int save(struct zone_job *job, const char *record)
{
	if (!record) {
		return 0;
	}
	return store_save(job->dir, job->zone->name, record, &job->error);
}

/* Where it is better to go on than to fail. */
static void try_save(struct zone_job *job)
{
	if (save(job, job->record) < 0) {
		log_warning("%s", job->error.message);
		job->error = (struct zerror){ 0 };
	}
}

static void build(struct zone_job *job)
{
	struct zone_build b = {
		.device = job->device,
		.def = job->def,
		.cancel = &job->cancel,
		.progress = &job->progress,
	};

	if (save(job, job->record) == 0 &&
	    zone_build_create(&b, &job->new_fd, &job->id, &job->error) == 0) {
		save(job, job->record_after);
	}
}

static void load(struct zone_job *job)
{
	struct zone_build b = {
		.device = job->device,
		.def = job->def,
		.cancel = &job->cancel,
		.progress = &job->progress,
	};

	zone_build_load(&b, job->control_fd, &job->error);
}

/*
 * An I/O process that an earlier daemon left behind may still hold guest
 * memory; a new I/O fd makes its own stale, and it ends.
 */
static void expel_io_process(const struct zone_job *job)
{
	int fd = privcmd_zone_open(job->device, job->id, job->zone->uuid,
				   ZV_OPEN_IO);

	if (fd >= 0) {
		close(fd);
	}
}

/* One that an earlier daemon left behind may not have let go of them yet. */
static void tidy(const struct zone_job *job)
{
	int rc;

	if (!job->tidy) {
		return;
	}
	rc = net_tap_wait_gone(
		job->id,
		io_resource_net_number(job->def, job->def->device_count),
		TAP_PATIENCE_MS);
	if (rc < 0) {
		log_warning("%s: its TAP devices stay: %s", job->zone->name,
			    strerror(-rc));
	}
	rc = net_tap_tidy();
	if (rc < 0) {
		log_warning("%s: " NET_TAP_OWN_BRIDGE " cannot be removed: %s",
			    job->zone->name, strerror(-rc));
	}
}

static int destroy(struct zone_job *job)
{
	struct zerror error;
	int rc = 0;

	try_save(job);
	if (job->control_fd >= 0) {
		expel_io_process(job);
		rc = privcmd_zone_destroy(job->control_fd);
	}
	if (rc < 0 && rc != -ESRCH) {
		return rc;
	}
	unlink(job->console);
	unlink(job->video);
	display_listen_remove(job->viewer_dir, job->zone->name);
	if (!job->record &&
	    store_remove(job->dir, job->zone->name, &error) < 0) {
		log_warning("%s", error.message);
	}
	tidy(job);
	return 0;
}

/* What it runs with, which its I/O process may do already, is recorded first. */
static void set(struct zone_job *job)
{
	int rc = job->tap >= 0 ? net_tap_set_mtu(job->id, (uint32_t)job->tap,
						 job->mtu)
			       : 0;

	if (rc < 0) {
		log_warning("%s: the MTU of its TAP stays until it is made "
			    "again: %s",
			    job->zone->name, strerror(-rc));
	}
	if (save(job, job->record) == 0 && job->definition) {
		store_save(job->zones_dir, job->zone->name, job->definition,
			   &job->error);
	}
}

static void run(struct zone_job *job)
{
	if (!job->record_late) {
		try_save(job);
	}
	job->rc = privcmd_zone_start(job->control_fd);
	if (job->record_late && job->rc == 0) {
		try_save(job);
	}
}

/* That it is paused for a moment is recorded as long as it may be. */
static void dump(struct zone_job *job)
{
	if (!job->dump->begun) {
		if (save(job, job->record) < 0) {
			job->dump->over = true;
			return;
		}
		job->resume_recorded |= job->record != NULL;
	}
	zone_dump_slice(job->dump, job->control_fd, &job->cancel,
			&job->progress, &job->error);
	if (!job->dump->over || !job->record_after) {
		return;
	}
	if (store_save(job->dir, job->zone->name, job->record_after,
		       &(struct zerror){ 0 }) < 0) {
		log_warning("%s: its record could not be saved",
			    job->zone->name);
	} else {
		job->resume_recorded = false;
	}
}

/* On another thread: the name and uuid of the zone do not change meanwhile. */
static void on_work(uv_work_t *work)
{
	struct zone_job *job = work->data;

	switch (job->step) {
	case ZONE_STEP_BUILD:
		build(job);
		break;
	case ZONE_STEP_LOAD:
		load(job);
		break;
	case ZONE_STEP_RUN:
		run(job);
		break;
	case ZONE_STEP_PAUSE:
		try_save(job);
		job->rc = privcmd_zone_pause(job->control_fd);
		break;
	case ZONE_STEP_RESUME:
		job->rc = privcmd_zone_resume(job->control_fd);
		break;
	case ZONE_STEP_SET:
	case ZONE_STEP_DESCRIBE:
		set(job);
		break;
	case ZONE_STEP_PRESS:
		save(job, job->record);
		break;
	case ZONE_STEP_DUMP:
		dump(job);
		break;
	case ZONE_STEP_RESET:
		/*
		 * Also when the guest has asked for it itself: the call waits
		 * until none of its vCPUs is left inside.
		 */
		job->rc = privcmd_zone_reset(job->control_fd);
		break;
	default:
		job->rc = destroy(job);
		break;
	}
}

static void job_free(struct zone_job *job)
{
	zone_def_destroy(job->def);
	free(job->record);
	free(job->record_after);
	free(job->definition);
	free(job);
}

static void on_done(uv_work_t *work, int status)
{
	struct zone_job *job = work->data;

	(void)status; /* nothing cancels queued work */
	if (job->step == ZONE_STEP_DUMP && zone_dump_goes_on(job->zone) &&
	    uv_queue_work(work->loop, work, on_work, on_done) == 0) {
		return;
	}
	job_look(job->zone);
	job->zone->job = NULL;
	zone_job_done(job->zone, job);
	job_free(job);
}

/* What a change is to be done to besides the I/O process. */
static int plan_set(struct zone_job *job)
{
	const struct zone *z = job->zone;
	struct zone_record defined = {
		.def = z->set.def,
		.generation = z->generation + 1,
	};
	const struct zone_device *device =
		&z->running_def->devices[z->set.device];

	snprintf(job->zones_dir, sizeof(job->zones_dir), "%s",
		 z->daemon->zones_dir);
	if (!device->user &&
	    json_object_object_get_ex(z->set.changes, "mtu", NULL)) {
		job->tap = (int)io_resource_net_number(z->running_def,
						       z->set.device);
		job->mtu = device->mtu;
	}
	if (z->set.def) {
		job->definition = zone_record_text(&defined);
	}
	return z->set.def && !job->definition ? -1 : 0;
}

/* What becomes of the definition besides the record. */
static int plan_describe(struct zone_job *job)
{
	const struct zone *z = job->zone;
	struct zone_record defined = {
		.def = z->describe.def,
		.generation = z->generation + 1,
	};

	if (!z->describe.def) {
		return 0;
	}
	snprintf(job->zones_dir, sizeof(job->zones_dir), "%s",
		 z->daemon->zones_dir);
	job->definition = zone_record_text(&defined);
	return job->definition ? 0 : -1;
}

static bool has_own_bridge(const struct zone *z)
{
	return z->running_def && zone_devices_on_own_bridge(z->running_def);
}

/*
 * What a successor must know if this daemon ends now.  A zone that is CREATED
 * and not `held` was cut short and is destroyed, so `held` is not said before
 * it is built; later nobody looks at it.
 */
static int make_records(struct zone_job *job)
{
	const struct zone *z = job->zone;
	struct zone_record record = {
		.def = z->running_def ? z->running_def : z->def,
		.generation = z->generation,
		.restarts =
			backoff_count(&z->restarts, uv_now(&z->daemon->loop)),
	};

	switch (job->step) {
	case ZONE_STEP_BUILD:
		record.intent = z->intent;
		break;
	case ZONE_STEP_SET:
		record.intent = z->recorded;
		record.held = z->held;
		record.generation += z->set.def ? 1 : 0;
		break;
	case ZONE_STEP_DESCRIBE:
		record.def = z->describe.running;
		record.intent = z->recorded;
		record.held = z->held;
		record.generation += z->describe.def ? 1 : 0;
		break;
	case ZONE_STEP_PRESS:
		record.intent = z->asked;
		break;
	case ZONE_STEP_RUN:
		if (z->recorded == ZONE_INTENT_NONE && record.restarts == 0) {
			return 0;
		}
		/* One that is to be built anew is so until it runs. */
		job->record_late = zone_is_to_start(z->recorded);
		break;
	case ZONE_STEP_DUMP:
		/* How one runs that has no record, a successor cannot know. */
		if (!z->dump->runs || !z->running_def) {
			return 0;
		}
		record.intent = z->recorded;
		break;
	case ZONE_STEP_PAUSE:
		/* A dump could not take back that it is to go on. */
		if (!z->resume_recorded || !z->running_def) {
			return 0;
		}
		record.intent = z->recorded;
		break;
	case ZONE_STEP_DESTROY:
		record.intent = z->intent;
		if (z->intent == ZONE_INTENT_NONE) {
			return 0;
		}
		break;
	default:
		return 0;
	}
	if (!record.def) {
		return 0; /* undefined meanwhile: nothing to go on with */
	}
	if (job->step == ZONE_STEP_DUMP) {
		job->record_after = zone_record_text(&record);
		record.resume = true;
	}
	job->record = zone_record_text(&record);
	if (!job->record ||
	    (job->step == ZONE_STEP_DUMP && !job->record_after)) {
		return -1;
	}
	if (job->step == ZONE_STEP_BUILD && z->held) {
		record.held = true;
		record.intent = ZONE_INTENT_NONE;
		job->record_after = zone_record_text(&record);
		return job->record_after ? 0 : -1;
	}
	return 0;
}

int zone_job_start(struct zone *z, enum zone_step step)
{
	struct zone_job *job = calloc(1, sizeof(*job));

	if (!job) {
		return -1;
	}
	job->work.data = job;
	job->zone = z;
	job->step = step;
	job->job_id = z->jobs[JOB_SLOT_LIFE].id;
	job->device = z->daemon->device;
	job->control_fd = z->control_fd;
	job->id = (uint32_t)z->id;
	job->new_fd = -1;
	job->dump = z->dump;
	job->resume_recorded = z->resume_recorded;
	job->tap = -1;
	job->tidy = step == ZONE_STEP_DESTROY && has_own_bridge(z) &&
		    z->intent == ZONE_INTENT_NONE &&
		    !zone_devices_need_bridge(z->daemon, z);
	snprintf(job->dir, sizeof(job->dir), "%s", z->daemon->running_dir);
	zone_console_path(z, job->console);
	io_resource_video_path(z->daemon->video_dir, z->name, job->video);
	job->viewer_dir = z->daemon->viewer_dir;
	if (z->running_def) {
		job->def = zone_def_copy(z->running_def);
	}
	if ((z->running_def && !job->def) || make_records(job) < 0 ||
	    (step == ZONE_STEP_SET && plan_set(job) < 0) ||
	    (step == ZONE_STEP_DESCRIBE && plan_describe(job) < 0) ||
	    uv_queue_work(&z->daemon->loop, &job->work, on_work, on_done) < 0) {
		job_free(job);
		return -1;
	}
	z->step = step;
	z->job = job;
	return 0;
}

void zone_cancel_job(struct zone *z)
{
	if (z->job) {
		__atomic_store_n(&z->job->cancel, true, __ATOMIC_RELAXED);
	}
}
