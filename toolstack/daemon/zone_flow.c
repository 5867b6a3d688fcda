/* SPDX-License-Identifier: BSD-2-Clause */
/* A zone's states, and the ways between those in which it lives. */
#include "zone.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "privcmd.h"
#include "rpc.h"
#include "text.h"
#include "unix_socket.h"
#include "zone_internal.h"

/* ------------------------------------------------------------ helpers */

void zone_set_reason(struct zone *z, const char *reason)
{
	snprintf(z->reason, sizeof(z->reason), "%s", reason);
	/* It may be cut off inside a character, and goes into JSON. */
	text_sanitize(z->reason, strlen(z->reason), false);
}

void zone_publish(struct zone *z, const char *event, const char *reason)
{
	event_publish(&z->daemon->events, z, event, reason);
}

static bool is_live(enum zone_state state)
{
	return state == ZONE_RUNNING || state == ZONE_PAUSED ||
	       state == ZONE_SHUTTING_DOWN || state == ZONE_REBOOTING;
}

void zone_enter(struct zone *z, enum zone_event event)
{
	int next = zone_fsm_next(z->state, event);

	if (next < 0) {
		log_error("%s: bug: %s cannot happen while %s", z->name,
			  zone_fsm_event_name(event), zone_fsm_name(z->state));
		return;
	}
	z->state = (enum zone_state)next;
	if (is_live(z->state)) {
		z->reason[0] = '\0'; /* what it did not do before is past */
	}
	zone_autostart_entered(z);
	zone_stop_entered(z);
}

/* What to do about a zone that is in the wrong state; NULL: nothing. */
static const char *advice(const struct zone *z)
{
	switch (z->state) {
	case ZONE_DEFINED:
	case ZONE_RUNNING:
		return NULL;
	case ZONE_PAUSED:
		return "resume it first";
	case ZONE_SHUTTING_DOWN:
	case ZONE_REBOOTING:
		return "wait, or do not: reset and destroy need no answer "
		       "from the guest";
	case ZONE_CRASHED:
	case ZONE_PRESERVED:
		return "destroy or start it: both clean up";
	default:
		return "wait until that is over";
	}
}

/* It is what the request would make it. */
static bool is_already(const struct zone *z, enum zone_event event)
{
	return (z->state == ZONE_RUNNING &&
		(event == ZONE_EVENT_START || event == ZONE_EVENT_RESUME)) ||
	       (z->state == ZONE_PAUSED && event == ZONE_EVENT_PAUSE);
}

bool zone_allowed(struct zone *z, enum zone_event event, struct rpc_call *call)
{
	bool idle = z->step == ZONE_STEP_NONE || z->step == ZONE_STEP_WAIT_OFF;
	struct zerror error;

	if (zone_fsm_next(z->state, event) < 0) {
		zerror_set(&error, ZERROR_INVALID_STATE, NULL,
			   is_already(z, event) ? NULL : advice(z),
			   "%s is %s%s", z->name,
			   z->state == ZONE_DEFINED ? "not running"
						    : zone_fsm_name(z->state),
			   is_already(z, event) ? " already" : "");
	} else if (!idle && event != ZONE_EVENT_DESTROY) {
		zerror_set(&error, ZERROR_BUSY, NULL, "try again in a moment",
			   "another operation on %s is under way", z->name);
	} else {
		return true;
	}
	if (call) {
		rpc_fail(call, &error);
	}
	return false;
}

bool zone_step_job(struct zone *z, enum zone_step step)
{
	if (zone_job_start(z, step) == 0) {
		return true;
	}
	log_error("%s: out of memory", z->name);
	return false;
}

struct zerror *zone_job_error(struct zone_job *job, const char *step)
{
	if (job->error.code == ZERROR_NONE && job->rc < 0) {
		zerror_set(&job->error, ZERROR_INTERNAL, NULL,
			   "the hypervisor's log may say more (hvsh log)",
			   "%s: %s: %s", job->zone->name, step,
			   strerror(-job->rc));
	}
	return job->error.code == ZERROR_NONE ? NULL : &job->error;
}

/* ---------------------------------------------------- its I/O process */

void zone_console_path(const struct zone *z, char ret_path[PATH_MAX])
{
	if (snprintf(ret_path, PATH_MAX, "%s/%s.sock", z->daemon->console_dir,
		     z->name) >= PATH_MAX) {
		ret_path[0] = '\0';
	}
}

int zone_io_begin(struct zone *z, bool adopted, struct zerror *ret_error)
{
	char path[PATH_MAX];
	int fd;

	zone_console_path(z, path);
	fd = unix_socket_listen(path, 0660);
	if (fd < 0) {
		return zerror_set(
			ret_error, ZERROR_IO_ERROR, NULL,
			fd == -ENAMETOOLONG
				? "choose a shorter --run-dir or zone "
				  "name"
				: NULL,
			"the console socket %s: %s", path, strerror(-fd));
	}
	if (z->console_fd >= 0) {
		close(z->console_fd);
	}
	z->console_fd = fd;
	if (zone_display_begin(z, adopted, ret_error) < 0) {
		return -1;
	}
	io_process_start(&z->io, (uint32_t)z->id, z->running_def, fd, adopted);
	return 0;
}

static struct zone *zone_of(struct io_process *io)
{
	return (struct zone *)((char *)io - offsetof(struct zone, io));
}

static int on_io_open_fd(struct io_process *io)
{
	struct zone *z = zone_of(io);

	return privcmd_zone_open(z->daemon->device, (uint32_t)z->id, z->uuid,
				 ZV_OPEN_IO);
}

static void started_held(struct zone *z)
{
	z->step = ZONE_STEP_NONE;
	z->intent = z->recorded = ZONE_INTENT_NONE;
	zone_enter(z, ZONE_EVENT_HELD);
	zone_publish(z, "started", NULL);
	zone_publish(z, "paused", "before its first instruction");
	zone_answer(z, WAIT_START, NULL);
}

static void on_io_ready(struct io_process *io, bool restarted)
{
	struct zone *z = zone_of(io);

	if (restarted) {
		zone_publish(z, "io-restarted", NULL);
	}
	zone_display_io_ready(z);
	if (z->step == ZONE_STEP_IO_RESET) {
		zone_reset_io_ready(z);
	} else if (z->step == ZONE_STEP_WAIT_OFF) {
		zone_power_io_ready(z);
	} else if (z->step != ZONE_STEP_IO_START) {
		return;
	} else if (z->held) {
		started_held(z);
	} else if (!zone_step_job(z, ZONE_STEP_RUN)) {
		zone_fail_memory(z);
	}
}

static void on_io_failed(struct io_process *io, const struct zerror *error)
{
	struct zone *z = zone_of(io);

	if (z->step == ZONE_STEP_IO_START || z->step == ZONE_STEP_IO_RESET) {
		zone_fail(z, error);
	}
}

static void on_io_reset_done(struct io_process *io)
{
	struct zone *z = zone_of(io);

	if (z->step == ZONE_STEP_IO_RESET) {
		zone_reset_io_done(z);
	}
}

static void on_io_stopped(struct io_process *io)
{
	struct zone *z = zone_of(io);

	if (z->step == ZONE_STEP_IO_STOP) {
		zone_next_destroy(z);
	}
}

const struct io_process_ops zone_io_ops = {
	.open_fd = on_io_open_fd,
	.ready = on_io_ready,
	.failed = on_io_failed,
	.reset_done = on_io_reset_done,
	.gone = zone_devices_gone,
	.device = zone_devices_changed,
	.resized = zone_devices_resized,
	.set = zone_set_done,
	.counters = zone_counters_told,
	.refused = zone_devices_refused,
	.user_of = zone_devices_user_of,
	.output = zone_display_output,
	.keys = zone_keys_done,
	.stopped = on_io_stopped,
};

/* -------------------------------------------------------------- start */

/* First the one that is over has to go; it may take the request to a successor. */
static void start_again(struct zone *z, bool held)
{
	z->intent = held ? ZONE_INTENT_START_HELD : ZONE_INTENT_START;
	uv_timer_stop(&z->timer);
	zone_enter(z, ZONE_EVENT_START);
	zone_begin_destroy(z);
}

/* Nobody may have asked: then the reason must be found elsewhere. */
static void refuse_start(struct zone *z, struct rpc_call *call,
			 const struct zerror *error)
{
	char text[sizeof(z->reason)];

	if (call) {
		rpc_fail(call, error);
		return;
	}
	snprintf(text, sizeof(text), "start failed: %.140s", error->message);
	zone_set_reason(z, text);
	log_warning("%s: %s", z->name, error->message);
}

/* A transient zone that is over has what it ran with. */
static const struct zone_def *start_def(const struct zone *z)
{
	if (z->once) {
		return z->once;
	}
	return z->def ? z->def : z->running_def;
}

void zone_start(struct zone *z, bool held, struct rpc_call *call)
{
	const struct zone_def *def;
	struct zerror error;

	/* first: a hypervisor found only now may have the zone running */
	if (daemon_connect(z->daemon, &error) < 0) {
		refuse_start(z, call, &error);
		return;
	}
	if (!zone_allowed(z, ZONE_EVENT_START, call)) {
		return;
	}
	if (z->daemon->stop.on) {
		zerror_set(&error, ZERROR_INVALID_STATE, NULL,
			   "start it when hvd runs again",
			   "%s cannot be started: hvd is stopping all zones",
			   z->name);
		refuse_start(z, call, &error);
		return;
	}
	if (z->moving) {
		zerror_set(&error, ZERROR_BUSY, NULL, "try again in a moment",
			   "%s is being renamed", z->name);
		refuse_start(z, call, &error);
		return;
	}
	def = start_def(z);
	if (!def) {
		zerror_set(&error, ZERROR_INVALID_STATE, NULL,
			   "define it first", "%s has no definition", z->name);
		refuse_start(z, call, &error);
		return;
	}
	if (zone_devices_check_macs(z, def, &error) < 0 ||
	    zone_devices_check_forwards(z, def, &error) < 0) {
		refuse_start(z, call, &error);
		return;
	}
	job_begin(z, JOB_START, call);
	zone_wait(z, WAIT_START, call);
	z->cancel_wanted = false;
	z->failure = (struct zerror){ 0 };
	if (z->state == ZONE_CRASHED || z->state == ZONE_PRESERVED) {
		start_again(z, held);
		return;
	}
	zone_enter(z, ZONE_EVENT_START);
	z->reason[0] = '\0';
	z->held = held;
	z->running_def = z->once ? z->once : zone_def_copy(z->def);
	z->once = NULL;
	if (!z->running_def || !zone_step_job(z, ZONE_STEP_BUILD)) {
		zone_fail_memory(z);
	}
}

void zone_run(struct zone *z, struct zone_def *def, bool held,
	      struct rpc_call *call)
{
	z->once = def;
	zone_start(z, held, call);
	zone_forget_once(z);
	zone_reap(z);
}

static void after_build(struct zone *z, struct zone_job *job)
{
	struct zerror error;

	z->control_fd = job->new_fd;
	z->recorded = z->intent;
	if (job->new_fd >= 0) {
		z->id = job->id;
		zone_watch(z);
	}
	if (z->cancel_wanted) {
		zone_cancelled(NULL, &job->error);
	}
	if (job->error.code) {
		zone_fail(z, &job->error);
		return;
	}
	z->step = ZONE_STEP_IO_START;
	if (zone_io_begin(z, false, &error) < 0) {
		zone_fail(z, &error);
	}
}

static void after_run(struct zone *z, struct zone_job *job)
{
	const struct zerror *error = zone_job_error(job, "starting its vCPUs");
	enum zone_state before = z->state;

	if (z->cancel_wanted) {
		zone_cancelled(NULL, &job->error);
		error = &job->error;
	}
	if (error) {
		zone_fail(z, error);
		return;
	}
	z->step = ZONE_STEP_NONE;
	z->held = false;
	z->intent = z->recorded = ZONE_INTENT_NONE;
	if (before == ZONE_PAUSED) {
		zone_enter(z, ZONE_EVENT_RESUME);
		zone_publish(z, "resumed", NULL);
		zone_answer(z, WAIT_RESUME, NULL);
		return;
	}
	zone_enter(z, ZONE_EVENT_STARTED);
	zone_publish(z, before == ZONE_STARTING ? "started" : "rebooted", NULL);
	zone_answer(z, WAIT_START | WAIT_RESET, NULL);
}

/* ------------------------------------------------------ pause, resume */

void zone_pause(struct zone *z, struct rpc_call *call)
{
	if (!zone_allowed(z, ZONE_EVENT_PAUSE, call)) {
		return;
	}
	zone_wait(z, WAIT_PAUSE, call);
	if (!zone_step_job(z, ZONE_STEP_PAUSE)) {
		zone_answer_state(z, WAIT_PAUSE, "hvd: out of memory");
	}
}

void zone_resume(struct zone *z, struct rpc_call *call)
{
	if (!zone_allowed(z, ZONE_EVENT_RESUME, call)) {
		return;
	}
	zone_wait(z, WAIT_RESUME, call);
	if (!zone_step_job(z, z->held ? ZONE_STEP_RUN : ZONE_STEP_RESUME)) {
		zone_answer_state(z, WAIT_RESUME, "hvd: out of memory");
	}
}

static void after_pause(struct zone *z, struct zone_job *job)
{
	struct zerror *error = zone_job_error(job, "pausing");

	z->step = ZONE_STEP_NONE;
	if (!error) {
		zone_enter(z, ZONE_EVENT_PAUSE);
		zone_publish(z, "paused", NULL);
	}
	zone_answer(z, WAIT_PAUSE, error);
}

static void after_resume(struct zone *z, struct zone_job *job)
{
	struct zerror *error = zone_job_error(job, "resuming");

	z->step = ZONE_STEP_NONE;
	if (!error) {
		zone_enter(z, ZONE_EVENT_RESUME);
		zone_publish(z, "resumed", NULL);
	}
	zone_answer(z, WAIT_RESUME, error);
}

/* ---------------------------------------------------- jobs come back */

static void overtaken(struct zone *z, struct zone_job *job)
{
	if (job->step == ZONE_STEP_BUILD) {
		z->control_fd = job->new_fd;
		z->id = job->new_fd >= 0 ? (int64_t)job->id : -1;
	}
	zone_enter(z, ZONE_EVENT_DESTROY);
	zone_begin_destroy(z);
}

void zone_job_done(struct zone *z, struct zone_job *job)
{
	if (job->step == ZONE_STEP_DUMP) {
		zone_after_dump(z, job); /* also if it, or hvd, is to go now */
	}
	if (job->step == ZONE_STEP_DESCRIBE) {
		zone_after_describe(z, job); /* the same */
	}
	if (z->daemon->stopping) {
		if (job->new_fd >= 0) {
			close(job->new_fd);
		}
		zone_close_all(z->daemon);
		return;
	}
	if (job->step == ZONE_STEP_SET) {
		zone_after_set(z, job); /* also if it is to go now */
	}
	if (z->destroy_wanted) {
		overtaken(z, job);
		return;
	}
	switch (job->step) {
	case ZONE_STEP_BUILD:
		after_build(z, job);
		break;
	case ZONE_STEP_RUN:
		after_run(z, job);
		break;
	case ZONE_STEP_PAUSE:
		after_pause(z, job);
		break;
	case ZONE_STEP_RESUME:
		after_resume(z, job);
		break;
	case ZONE_STEP_SET:
	case ZONE_STEP_DESCRIBE:
	case ZONE_STEP_DUMP:
		break;
	case ZONE_STEP_PRESS:
		zone_after_press(z, job);
		break;
	case ZONE_STEP_RESET:
		zone_after_reset(z, job);
		break;
	case ZONE_STEP_LOAD:
		zone_after_load(z, job);
		break;
	default:
		zone_after_destroy(z, job);
		return; /* z may be gone */
	}
	/* what happened while the job was under way */
	zone_check(z);
}
