/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a zone gets from state to state.  Requests and news from the hypervisor
 * or the I/O process begin something; jobs, the I/O process and timers carry it
 * on, each by one of the functions below that names what comes next.
 *
 *   start:   BUILD -> IO_START -> RUN
 *   reset:   [DELAY ->] RESET -> IO_RESET -> LOAD -> RUN
 *   destroy: IO_STOP -> DESTROY [<-> DESTROY_WAIT]
 */
#include "zone.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "privcmd.h"
#include "rpc.h"
#include "store.h"
#include "unix_socket.h"
#include "zone_internal.h"

#define GRACE_MS 60000u /* for a guest to react to its power key */
#define IO_RESET_MS 10000u
#define DESTROY_PATIENCE_MS 10000u
#define DESTROY_RETRY_MS 20u
#define DESTROY_RETRY_MAX_MS 1000u

enum waits_for {
	WAIT_START = 1u << 0,
	WAIT_SHUTDOWN = 1u << 1,
	WAIT_DESTROY = 1u << 2,
	WAIT_PAUSE = 1u << 3,
	WAIT_RESUME = 1u << 4,
	WAIT_RESET = 1u << 5,
};
#define WAIT_CHANGES (WAIT_PAUSE | WAIT_RESUME | WAIT_RESET)

struct zone_waiter {
	struct zone_waiter *next;
	struct rpc_call *call;
	enum waits_for what;
};

struct zone_watch {
	uv_poll_t poll;
	struct zone *zone;
};

static void begin_destroy(struct zone *z);
static void begin_reset(struct zone *z, bool by_guest);
static void next_destroy(struct zone *z);

/* ------------------------------------------------------------ helpers */

static void reply(struct rpc_call *call, const struct zerror *error)
{
	if (!call) {
		return;
	}
	if (error) {
		rpc_fail(call, error);
	} else {
		rpc_result(call, NULL);
	}
}

static void wait_for(struct zone *z, enum waits_for what, struct rpc_call *call)
{
	struct zone_waiter *waiter;
	struct zerror error;

	if (!call) {
		return;
	}
	waiter = malloc(sizeof(*waiter));
	if (!waiter) {
		zerror_set(&error, ZERROR_INTERNAL, NULL, NULL,
			   "out of memory; the request goes on");
		rpc_fail(call, &error);
		return;
	}
	*waiter = (struct zone_waiter){ z->waiters, call, what };
	z->waiters = waiter;
}

/* Answers who waits for any of `what`; error NULL: success. */
static void finish(struct zone *z, unsigned int what,
		   const struct zerror *error)
{
	struct zone_waiter **place = &z->waiters;

	while (*place) {
		struct zone_waiter *waiter = *place;

		if (!(waiter->what & what)) {
			place = &waiter->next;
			continue;
		}
		*place = waiter->next;
		reply(waiter->call, error);
		free(waiter);
	}
}

static void finish_state(struct zone *z, unsigned int what, const char *why)
{
	struct zerror error;

	zerror_set(&error, ZERROR_INVALID_STATE, NULL, NULL, "%s: %s", z->name,
		   why);
	finish(z, what, &error);
}

static void set_reason(struct zone *z, const char *reason)
{
	snprintf(z->reason, sizeof(z->reason), "%s", reason);
}

static void publish(struct zone *z, const char *event, const char *reason)
{
	event_publish(&z->daemon->events, z->name, event, reason);
}

static void enter(struct zone *z, enum zone_event event)
{
	int next = zone_fsm_next(z->state, event);

	if (next < 0) {
		log_error("%s: bug: %s cannot happen while %s", z->name,
			  zone_fsm_event_name(event), zone_fsm_name(z->state));
		return;
	}
	z->state = (enum zone_state)next;
}

/* What to do about a zone that is in the wrong state for a request. */
static const char *advice(const struct zone *z)
{
	switch (z->state) {
	case ZONE_DEFINED:
		return "start it first";
	case ZONE_SHUTTING_DOWN:
	case ZONE_REBOOTING:
		return "wait, or do not: reset and destroy need no answer "
		       "from the guest";
	case ZONE_CRASHED:
		return "destroy or start it: both clean up";
	default:
		return "try again when its state has changed";
	}
}

/* Is the request allowed now?  Says so to the caller if not. */
static bool allowed(struct zone *z, enum zone_event event,
		    struct rpc_call *call, const char *hint)
{
	bool idle = z->step == ZONE_STEP_NONE || z->step == ZONE_STEP_WAIT_OFF;
	struct zerror error;

	if (zone_fsm_next(z->state, event) < 0) {
		zerror_set(&error, ZERROR_INVALID_STATE, NULL,
			   hint ? hint : advice(z), "%s is %s%s", z->name,
			   z->state == ZONE_DEFINED ? "not running"
						    : zone_fsm_name(z->state),
			   z->state == ZONE_RUNNING && event == ZONE_EVENT_START
				   ? " already"
				   : "");
	} else if (!idle && event != ZONE_EVENT_DESTROY &&
		   !(event == ZONE_EVENT_START && z->state == ZONE_CRASHED)) {
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

static bool start_job(struct zone *z, enum zone_step step, char *record)
{
	if (zone_job_start(z, step, record) == 0) {
		return true;
	}
	log_error("%s: out of memory", z->name);
	return false;
}

static void errno_error(struct zone *z, const char *step, int err,
			struct zerror *ret_error)
{
	zerror_set(ret_error, ZERROR_INTERNAL, NULL,
		   "the hypervisor's log may say more (hvsh log)", "%s: %s: %s",
		   z->name, step, strerror(err));
}

/* A job says what went wrong in one of two ways; NULL: nothing. */
static struct zerror *job_error(struct zone_job *job, const char *step)
{
	if (job->error.code == ZERROR_NONE && job->rc < 0) {
		errno_error(job->zone, step, -job->rc, &job->error);
	}
	return job->error.code == ZERROR_NONE ? NULL : &job->error;
}

/* -------------------------------------------- hypervisor's end of it */

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
		log_warning("%s: no more events from the hypervisor", z->name);
		uv_poll_stop(poll);
	}
	zone_check(z);
}

static void watch(struct zone *z)
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

static void close_fds(struct zone *z)
{
	if (z->watch) {
		uv_close((uv_handle_t *)&z->watch->poll, on_watch_closed);
		z->watch = NULL;
	}
	if (z->control_fd >= 0) {
		close(z->control_fd);
		z->control_fd = -1;
	}
	if (z->console_fd >= 0) {
		close(z->console_fd);
		z->console_fd = -1;
	}
}

void zone_disconnect(struct zone *z)
{
	close_fds(z);
	finish_state(z, ~0u, "hvd is stopping");
}

void zone_console_path(const struct zone *z, char ret_path[PATH_MAX])
{
	if (snprintf(ret_path, PATH_MAX, "%s/%s.sock", z->daemon->console_dir,
		     z->name) >= PATH_MAX) {
		ret_path[0] = '\0';
	}
}

int zone_console_open(struct zone *z, struct zerror *ret_error)
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
	z->console_fd = fd;
	return 0;
}

/* ------------------------------------------------------------ destroy */

static void gone(struct zone *z)
{
	bool restart = z->restart_wanted;
	bool held = z->restart_held;

	close_fds(z);
	zone_def_destroy(z->running_def);
	z->running_def = NULL;
	z->id = -1;
	z->held = z->restart_wanted = z->restart_held = false;
	z->step = ZONE_STEP_NONE;
	enter(z, ZONE_EVENT_GONE);
	publish(z, "stopped", z->reason[0] ? z->reason : NULL);
	finish(z, WAIT_DESTROY | WAIT_SHUTDOWN, NULL);
	if (z->failure.code) {
		finish(z, WAIT_START, &z->failure);
		z->failure = (struct zerror){ 0 };
	}
	if (restart && !z->daemon->stopping) {
		zone_start(z, held, NULL);
	}
	zone_reap(z);
}

static void on_destroy_retry(uv_timer_t *timer)
{
	next_destroy(timer->data);
}

static void destroy_later(struct zone *z, int err)
{
	uint64_t delay = DESTROY_RETRY_MS;
	struct zerror error;

	if (z->destroy_tries++ == 0) {
		z->destroy_since = uv_now(&z->daemon->loop);
		log_info("%s: memory still in use (%s); trying again", z->name,
			 strerror(err));
	}
	delay <<= z->destroy_tries < 6 ? z->destroy_tries : 6;
	if (delay > DESTROY_RETRY_MAX_MS) {
		delay = DESTROY_RETRY_MAX_MS;
	}
	if (uv_now(&z->daemon->loop) - z->destroy_since > DESTROY_PATIENCE_MS) {
		zerror_set(&error, ZERROR_BUSY, NULL,
			   "it goes on in the background; see zone.get",
			   "%s: I/O in flight still uses its memory (%s)",
			   z->name, strerror(err));
		finish(z, WAIT_DESTROY | WAIT_SHUTDOWN, &error);
	}
	z->step = ZONE_STEP_DESTROY_WAIT;
	uv_timer_start(&z->timer, on_destroy_retry, delay, 0);
}

static void next_destroy(struct zone *z)
{
	if (!start_job(z, ZONE_STEP_DESTROY, NULL)) {
		destroy_later(z, ENOMEM);
	}
}

static void after_destroy(struct zone *z, const struct zone_job *job)
{
	if (job->rc == 0) {
		gone(z);
	} else {
		destroy_later(z, -job->rc);
	}
}

/* The state is DYING; no job is under way. */
static void begin_destroy(struct zone *z)
{
	z->destroy_wanted = false;
	z->when_off = ZONE_WHEN_OFF_POLICY;
	z->destroy_tries = 0;
	uv_timer_stop(&z->timer);
	uv_timer_stop(&z->grace);
	finish_state(z, WAIT_CHANGES, "it was destroyed");
	if (!z->failure.code && !z->restart_wanted) {
		finish_state(z, WAIT_START, "it was destroyed");
	}
	z->step = ZONE_STEP_IO_STOP;
	if (z->io.state == IO_NONE) {
		next_destroy(z);
	} else {
		io_process_stop(&z->io);
	}
}

static void on_io_stopped(struct io_process *io)
{
	struct zone *z =
		(struct zone *)((char *)io - offsetof(struct zone, io));

	if (z->step == ZONE_STEP_IO_STOP) {
		next_destroy(z);
	}
}

void zone_destroy(struct zone *z, struct rpc_call *call)
{
	if (!allowed(z, ZONE_EVENT_DESTROY, call, NULL)) {
		return;
	}
	wait_for(z, WAIT_DESTROY, call);
	if (z->restart_wanted) {
		z->restart_wanted = z->restart_held = false;
		finish_state(z, WAIT_START, "it was destroyed");
	}
	if (z->state == ZONE_DYING) {
		return;
	}
	set_reason(z, "destroyed");
	if (z->job) {
		z->destroy_wanted = true;
		zone_cancel_job(z);
		return;
	}
	enter(z, ZONE_EVENT_DESTROY);
	begin_destroy(z);
}

/* A step of starting or reloading failed: undo all of it. */
static void failed(struct zone *z, const struct zerror *error)
{
	char text[sizeof(z->reason)];

	z->failure = *error;
	snprintf(z->failure.message, sizeof(z->failure.message),
		 "%.64s did not start: %.300s", z->name, error->message);
	snprintf(text, sizeof(text), "start failed: %.140s", error->message);
	set_reason(z, text);
	log_warning("%s", z->failure.message);
	if (z->state == ZONE_PAUSED) { /* held, and could not be let go */
		finish(z, WAIT_RESUME, error);
		enter(z, ZONE_EVENT_DESTROY);
	} else {
		finish(z, WAIT_RESET, error);
		enter(z, ZONE_EVENT_FAILED);
	}
	begin_destroy(z);
}

static void failed_memory(struct zone *z)
{
	struct zerror error;

	zerror_set(&error, ZERROR_INTERNAL, NULL, NULL, "hvd: out of memory");
	failed(z, &error);
}

/* -------------------------------------------------------------- start */

void zone_start(struct zone *z, bool held, struct rpc_call *call)
{
	struct zerror error;
	char *record;

	/* first: a hypervisor found only now may have the zone running */
	if (daemon_connect(z->daemon, &error) < 0) {
		reply(call, &error);
		return;
	}
	if (!allowed(z, ZONE_EVENT_START, call, NULL)) {
		return;
	}
	if (!z->def) {
		zerror_set(&error, ZERROR_INVALID_STATE, NULL,
			   "define it first", "%s has no definition", z->name);
		reply(call, &error);
		return;
	}
	wait_for(z, WAIT_START, call);
	z->failure = (struct zerror){ 0 };
	if (z->state == ZONE_CRASHED) {
		z->restart_wanted = true;
		z->restart_held = held;
		enter(z, ZONE_EVENT_START);
		begin_destroy(z);
		return;
	}
	enter(z, ZONE_EVENT_START);
	z->reason[0] = '\0';
	z->when_off = ZONE_WHEN_OFF_POLICY;
	z->held = held;
	z->running_def = zone_def_copy(z->def);
	record = zone_adopt_record(z->def, z->generation, held);
	if (!z->running_def || !record) {
		free(record);
		failed_memory(z);
	} else if (!start_job(z, ZONE_STEP_BUILD, record)) {
		failed_memory(z);
	}
}

static void after_build(struct zone *z, struct zone_job *job)
{
	struct zerror error;

	z->control_fd = job->new_fd;
	if (job->new_fd >= 0) {
		z->id = job->id;
		watch(z);
	}
	if (job->error.code) {
		failed(z, &job->error);
		return;
	}
	if (zone_console_open(z, &error) < 0) {
		failed(z, &error);
		return;
	}
	z->step = ZONE_STEP_IO_START;
	io_process_start(&z->io, z->running_def, z->console_fd, false);
}

static void io_started(struct zone *z)
{
	if (!z->held) {
		if (!start_job(z, ZONE_STEP_RUN, NULL)) {
			failed_memory(z);
		}
		return;
	}
	z->step = ZONE_STEP_NONE;
	enter(z, ZONE_EVENT_HELD);
	publish(z, "started", NULL);
	publish(z, "paused", "before its first instruction");
	finish(z, WAIT_START, NULL);
}

static void after_run(struct zone *z, struct zone_job *job)
{
	const struct zerror *error = job_error(job, "starting its vCPUs");
	enum zone_state before = z->state;

	if (error) {
		failed(z, error);
		return;
	}
	z->step = ZONE_STEP_NONE;
	z->held = false;
	z->reason[0] = '\0';
	if (before == ZONE_PAUSED) {
		enter(z, ZONE_EVENT_RESUME);
		publish(z, "resumed", NULL);
		finish(z, WAIT_RESUME, NULL);
		return;
	}
	enter(z, ZONE_EVENT_STARTED);
	publish(z, before == ZONE_STARTING ? "started" : "rebooted", NULL);
	finish(z, WAIT_START | WAIT_RESET, NULL);
}

static void on_io_failed(struct io_process *io, const struct zerror *error)
{
	struct zone *z =
		(struct zone *)((char *)io - offsetof(struct zone, io));

	if (z->step == ZONE_STEP_IO_START) {
		failed(z, error);
	}
}

/* -------------------------------------------------------------- reset */

static void on_reset_silent(uv_timer_t *timer)
{
	struct zone *z = timer->data;

	/* The next process starts with everything reset. */
	io_process_replace(&z->io, "did not reset its devices in time");
}

static void tell_io_reset(struct zone *z)
{
	if (io_process_command(&z->io, "reset") == 0) {
		uv_timer_start(&z->timer, on_reset_silent, IO_RESET_MS, 0);
	}
}

static void on_reset_delay_over(uv_timer_t *timer)
{
	if (!start_job(timer->data, ZONE_STEP_RESET, NULL)) {
		failed_memory(timer->data);
	}
}

/* The state is REBOOTING; no job is under way. */
static void begin_reset(struct zone *z, bool by_guest)
{
	uint64_t delay = 0;

	z->when_off = ZONE_WHEN_OFF_POLICY;
	uv_timer_stop(&z->grace);
	finish_state(z, WAIT_SHUTDOWN, "it was reset instead");
	if (by_guest) {
		delay = backoff_next(&z->resets, uv_now(&z->daemon->loop));
	}
	if (delay) {
		log_info("%s: resets too often; waiting %llu ms", z->name,
			 (unsigned long long)delay);
	}
	z->step = ZONE_STEP_DELAY;
	uv_timer_start(&z->timer, on_reset_delay_over, delay, 0);
}

static void after_reset(struct zone *z, struct zone_job *job)
{
	const struct zerror *error = job_error(job, "resetting its vCPUs");

	if (error) {
		failed(z, error);
		return;
	}
	z->step = ZONE_STEP_IO_RESET;
	tell_io_reset(z); /* or when it is ready */
}

static void on_io_reset_done(struct io_process *io)
{
	struct zone *z =
		(struct zone *)((char *)io - offsetof(struct zone, io));

	if (z->step != ZONE_STEP_IO_RESET) {
		return;
	}
	uv_timer_stop(&z->timer);
	if (!start_job(z, ZONE_STEP_LOAD, NULL)) {
		failed_memory(z);
	}
}

static void after_load(struct zone *z, struct zone_job *job)
{
	if (job->error.code) {
		failed(z, &job->error);
	} else if (!start_job(z, ZONE_STEP_RUN, NULL)) {
		failed_memory(z);
	}
}

static void on_io_ready(struct io_process *io, bool restarted)
{
	struct zone *z =
		(struct zone *)((char *)io - offsetof(struct zone, io));

	if (restarted) {
		publish(z, "io-restarted", NULL);
	}
	if (z->step == ZONE_STEP_IO_START) {
		io_started(z);
	} else if (z->step == ZONE_STEP_IO_RESET) {
		tell_io_reset(z);
	}
}

static int on_io_open_fd(struct io_process *io)
{
	struct zone *z =
		(struct zone *)((char *)io - offsetof(struct zone, io));

	return privcmd_zone_open(z->daemon->device, (uint32_t)z->id, z->uuid,
				 ZV_OPEN_IO);
}

const struct io_process_ops zone_io_ops = {
	.open_fd = on_io_open_fd,
	.ready = on_io_ready,
	.failed = on_io_failed,
	.reset_done = on_io_reset_done,
	.stopped = on_io_stopped,
};

/* A zone whose definition is lost cannot be loaded again. */
static bool can_reload(struct zone *z, struct rpc_call *call)
{
	struct zerror error;

	if (z->running_def && !z->held) {
		return true;
	}
	if (z->held) {
		zerror_set(&error, ZERROR_INVALID_STATE, NULL,
			   "resume it first", "%s has not begun to run",
			   z->name);
	} else {
		zerror_set(&error, ZERROR_UNSUPPORTED, NULL,
			   "destroy it, then start it again",
			   "what %s was started with is not known any more",
			   z->name);
	}
	reply(call, &error);
	return false;
}

void zone_reset(struct zone *z, struct rpc_call *call)
{
	if (!allowed(z, ZONE_EVENT_RESET, call, NULL) || !can_reload(z, call)) {
		return;
	}
	wait_for(z, WAIT_RESET, call);
	enter(z, ZONE_EVENT_RESET);
	begin_reset(z, false);
}

/* ------------------------------------------ shutdown, reboot, pause */

static void on_grace_over(uv_timer_t *timer)
{
	struct zone *z = timer->data;
	struct zerror error;

	if (z->step != ZONE_STEP_WAIT_OFF) {
		return;
	}
	z->step = ZONE_STEP_NONE;
	enter(z, ZONE_EVENT_EXPIRED);
	log_info("%s: does not react to its power key", z->name);
	zerror_set(&error, ZERROR_TIMEOUT, NULL,
		   "the guest may ignore the power key; destroy ends it",
		   "%s did not shut down in time", z->name);
	finish(z, WAIT_SHUTDOWN, &error);
	zone_check(z);
}

static bool press_power_key(struct zone *z, struct rpc_call *call)
{
	struct zerror error;

	if (io_process_command(&z->io, "powerkey") == 0) {
		return true;
	}
	zerror_set(&error, ZERROR_BUSY, NULL,
		   "try again in a moment; destroy works without it",
		   "%s: its I/O process is not ready to press the power key",
		   z->name);
	reply(call, &error);
	return false;
}

void zone_shutdown(struct zone *z, unsigned int timeout_s,
		   struct rpc_call *call)
{
	if (!allowed(z, ZONE_EVENT_SHUTDOWN, call,
		     z->state == ZONE_PAUSED ? "resume it first" : NULL) ||
	    !press_power_key(z, call)) {
		return;
	}
	enter(z, ZONE_EVENT_SHUTDOWN);
	z->when_off = ZONE_WHEN_OFF_STAY;
	z->step = ZONE_STEP_WAIT_OFF;
	if (timeout_s) {
		wait_for(z, WAIT_SHUTDOWN, call);
	} else {
		reply(call, NULL);
	}
	uv_timer_start(&z->grace, on_grace_over,
		       timeout_s ? timeout_s * 1000ull : GRACE_MS, 0);
}

void zone_reboot(struct zone *z, struct rpc_call *call)
{
	if (!allowed(z, ZONE_EVENT_REBOOT, call, NULL) ||
	    !can_reload(z, call) || !press_power_key(z, call)) {
		return;
	}
	enter(z, ZONE_EVENT_REBOOT);
	z->when_off = ZONE_WHEN_OFF_REBOOT;
	z->step = ZONE_STEP_WAIT_OFF;
	reply(call, NULL);
	uv_timer_start(&z->grace, on_grace_over, GRACE_MS, 0);
}

void zone_pause(struct zone *z, struct rpc_call *call)
{
	if (!allowed(z, ZONE_EVENT_PAUSE, call, NULL)) {
		return;
	}
	wait_for(z, WAIT_PAUSE, call);
	if (!start_job(z, ZONE_STEP_PAUSE, NULL)) {
		finish_state(z, WAIT_PAUSE, "hvd: out of memory");
	}
}

void zone_resume(struct zone *z, struct rpc_call *call)
{
	char *record = NULL;

	if (!allowed(z, ZONE_EVENT_RESUME, call, NULL)) {
		return;
	}
	wait_for(z, WAIT_RESUME, call);
	if (z->held) {
		record =
			zone_adopt_record(z->running_def, z->generation, false);
	}
	if (!start_job(z, z->held ? ZONE_STEP_RUN : ZONE_STEP_RESUME, record)) {
		finish_state(z, WAIT_RESUME, "hvd: out of memory");
	}
}

static void after_pause(struct zone *z, struct zone_job *job)
{
	struct zerror *error = job_error(job, "pausing");

	z->step = ZONE_STEP_NONE;
	if (!error) {
		enter(z, ZONE_EVENT_PAUSE);
		publish(z, "paused", NULL);
	}
	finish(z, WAIT_PAUSE, error);
}

static void after_resume(struct zone *z, struct zone_job *job)
{
	struct zerror *error = job_error(job, "resuming");

	z->step = ZONE_STEP_NONE;
	if (!error) {
		enter(z, ZONE_EVENT_RESUME);
		publish(z, "resumed", NULL);
	}
	finish(z, WAIT_RESUME, error);
}

/* ---------------------------------------------------- jobs come back */

void zone_job_done(struct zone *z, struct zone_job *job)
{
	if (z->daemon->stopping) {
		if (job->new_fd >= 0) {
			close(job->new_fd);
		}
		zone_close_all(z->daemon);
		return;
	}
	if (z->destroy_wanted) {
		if (job->step == ZONE_STEP_BUILD) {
			z->control_fd = job->new_fd;
			z->id = job->new_fd >= 0 ? (int64_t)job->id : -1;
		}
		enter(z, ZONE_EVENT_DESTROY);
		begin_destroy(z);
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
	case ZONE_STEP_RESET:
		after_reset(z, job);
		break;
	case ZONE_STEP_LOAD:
		after_load(z, job);
		break;
	default:
		after_destroy(z, job);
		return; /* z may be gone */
	}
	/* what happened while the job was under way */
	zone_check(z);
}

/* ------------------------------------------- news from the hypervisor */

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

static void went_off(struct zone *z, const struct zv_zone_info *info)
{
	bool by_guest = info->reason == ZV_REASON_GUEST_OFF ||
			info->reason == ZV_REASON_ALL_OFF;
	bool asked = z->when_off == ZONE_WHEN_OFF_REBOOT;
	bool policy = by_guest && z->when_off == ZONE_WHEN_OFF_POLICY &&
		      z->running_def &&
		      z->running_def->on_poweroff == ZONE_POLICY_RESTART;

	uv_timer_stop(&z->grace);
	if (by_guest) {
		publish(z, "shutdown", reason_text(info->reason));
	}
	if (asked || policy) {
		enter(z, ZONE_EVENT_RESET);
		begin_reset(z, policy);
	} else {
		set_reason(z, reason_text(info->reason));
		enter(z, ZONE_EVENT_OFF);
		begin_destroy(z);
	}
}

static void wants_reset(struct zone *z, const struct zv_zone_info *info)
{
	/* One that a daemon began and did not finish: no policy has a say. */
	bool forced = info->reason == ZV_REASON_FORCED_RESET;

	if (z->running_def &&
	    (forced || z->running_def->on_reboot == ZONE_POLICY_RESTART)) {
		enter(z, ZONE_EVENT_RESET);
		begin_reset(z, !forced);
	} else {
		set_reason(z, reason_text(info->reason));
		enter(z, ZONE_EVENT_DESTROY);
		begin_destroy(z);
	}
}

static void on_crash_delay_over(uv_timer_t *timer)
{
	struct zone *z = timer->data;

	if (z->state == ZONE_CRASHED) {
		zone_start(z, false, NULL);
	}
}

static void crashed(struct zone *z, const struct zv_zone_info *info)
{
	enum zone_policy policy = z->running_def ? z->running_def->on_crash
						 : ZONE_POLICY_PRESERVE;

	uv_timer_stop(&z->grace);
	z->step = ZONE_STEP_NONE;
	set_reason(z, reason_text(info->reason));
	enter(z, ZONE_EVENT_CRASH);
	publish(z, "crashed", z->reason);
	finish_state(z, ~0u, "it crashed");
	if (policy == ZONE_POLICY_DESTROY) {
		enter(z, ZONE_EVENT_DESTROY);
		begin_destroy(z);
	} else if (policy == ZONE_POLICY_RESTART && z->def) {
		uv_timer_start(
			&z->timer, on_crash_delay_over,
			backoff_next(&z->crashes, uv_now(&z->daemon->loop)), 0);
	}
}

/* Somebody else with the right to do so paused or resumed it. */
static void follow(struct zone *z, uint32_t state)
{
	if (state == ZV_ZONE_PAUSED && z->state == ZONE_RUNNING) {
		enter(z, ZONE_EVENT_PAUSE);
		publish(z, "paused", NULL);
	} else if (state == ZV_ZONE_RUNNING && z->state == ZONE_PAUSED) {
		z->held = false;
		enter(z, ZONE_EVENT_RESUME);
		publish(z, "resumed", NULL);
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
		set_reason(z, "destroyed by somebody else");
		enter(z, ZONE_EVENT_DESTROY);
		begin_destroy(z);
		return;
	}
	if (rc < 0 || z->state == ZONE_CRASHED) {
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

void zone_take(struct zone *z, int control_fd, const struct zv_zone_info *info,
	       struct zone_def *def, bool held)
{
	bool alive = info->state != ZV_ZONE_DYING &&
		     (info->state != ZV_ZONE_CREATED || held);
	struct zerror error;

	z->control_fd = control_fd;
	z->id = info->id;
	z->held = held;
	z->running_def = def;
	memcpy(z->uuid, info->uuid, sizeof(z->uuid));
	watch(z);
	enter(z, held || info->state == ZV_ZONE_PAUSED
			 ? ZONE_EVENT_ADOPT_PAUSED
			 : ZONE_EVENT_ADOPT_RUNNING);
	if (!alive) {
		set_reason(z, "left half made or half destroyed");
		enter(z, ZONE_EVENT_DESTROY);
		begin_destroy(z);
		return;
	}
	if (def && info->state != ZV_ZONE_CRASHED) {
		if (zone_console_open(z, &error) < 0) {
			log_error("%s: %s", z->name, error.message);
		} else {
			io_process_start(&z->io, def, z->console_fd, true);
		}
	}
	zone_check(z);
}

/* -------------------------------------------------------- definitions */

struct store_job {
	uv_work_t work;
	struct zone *zone;
	struct rpc_call *call;
	struct zone_def *def; /* NULL: remove */
	char *text;
	char name[ZV_NAME_MAX];
	char dir[PATH_MAX];
	int rc;
	struct zerror error;
};

static void on_store_work(uv_work_t *work)
{
	struct store_job *job = work->data;

	job->rc = job->text ? store_save(job->dir, job->name, job->text,
					 &job->error)
			    : store_remove(job->dir, job->name, &job->error);
}

static struct json_object *defined_result(const struct zone *z)
{
	struct json_object *json = json_object_new_object();
	char uuid[UUID_TEXT_SIZE];

	uuid_format(z->uuid, uuid);
	json_object_object_add(json, "name", json_object_new_string(z->name));
	json_object_object_add(json, "uuid", json_object_new_string(uuid));
	json_object_object_add(json, "generation",
			       json_object_new_uint64(z->generation));
	return json;
}

static void stored(struct zone *z, struct store_job *job)
{
	zone_def_destroy(z->def);
	z->def = job->def;
	job->def = NULL;
	if (z->def) {
		z->generation++;
		memcpy(z->uuid, z->def->uuid, sizeof(z->uuid));
		publish(z, "defined", NULL);
		rpc_result(job->call, defined_result(z));
	} else {
		publish(z, "undefined", NULL);
		rpc_result(job->call, NULL);
	}
}

static void on_store_done(uv_work_t *work, int status)
{
	struct store_job *job = work->data;
	struct zone *z = job->zone;

	(void)status;
	z->storing = false;
	if (job->rc < 0) {
		rpc_fail(job->call, &job->error);
	} else {
		stored(z, job);
	}
	zone_def_destroy(job->def);
	free(job->text);
	free(job);
	if (z->daemon->stopping) {
		zone_close_all(z->daemon);
	} else {
		zone_reap(z);
	}
}

/* Takes def and text over. */
static void store(struct zone *z, struct zone_def *def, char *text,
		  struct rpc_call *call)
{
	struct store_job *job = calloc(1, sizeof(*job));
	struct zerror error;

	if (!job || (def && !text)) {
		zerror_set(&error, ZERROR_INTERNAL, NULL, NULL,
			   "hvd: out of memory");
		rpc_fail(call, &error);
		zone_def_destroy(def);
		free(text);
		free(job);
		zone_reap(z);
		return;
	}
	job->work.data = job;
	job->zone = z;
	job->call = call;
	job->def = def;
	job->text = text;
	snprintf(job->name, sizeof(job->name), "%s", z->name);
	snprintf(job->dir, sizeof(job->dir), "%s", z->daemon->zones_dir);
	z->storing = true;
	uv_queue_work(&z->daemon->loop, &job->work, on_store_work,
		      on_store_done);
}

static bool is_storing(struct zone *z, struct rpc_call *call)
{
	struct zerror error;

	if (!z->storing) {
		return false;
	}
	zerror_set(&error, ZERROR_BUSY, NULL, "try again in a moment",
		   "the definition of %s is being changed", z->name);
	rpc_fail(call, &error);
	return true;
}

void zone_define(struct zone *z, struct zone_def *def, struct rpc_call *call)
{
	struct json_object *json;
	char *text;

	if (is_storing(z, call)) {
		zone_def_destroy(def);
		return;
	}
	json = zone_def_to_json(def);
	json_object_object_add(json, "generation",
			       json_object_new_uint64(z->generation + 1));
	text = strdup(json_object_to_json_string_ext(
		json,
		JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(json);
	store(z, def, text, call);
}

void zone_undefine(struct zone *z, struct rpc_call *call)
{
	struct zerror error;

	if (is_storing(z, call)) {
		return;
	}
	if (!z->def) {
		zerror_set(&error, ZERROR_INVALID_STATE, NULL, NULL,
			   "%s has no definition", z->name);
		rpc_fail(call, &error);
		return;
	}
	store(z, NULL, NULL, call);
}
