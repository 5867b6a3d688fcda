/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the zone_*.c files share.
 *
 * Requests and news from the hypervisor or the I/O process begin something;
 * jobs, the I/O process and timers carry it on, each by a function that names
 * what comes next:
 *
 *   start:   BUILD -> IO_START -> RUN                    zone_flow.c
 *   reset:   DELAY -> RESET -> IO_RESET -> LOAD -> RUN   zone_reset.c
 *   power:   PRESS -> WAIT_OFF -> (reset or destroy)     zone_power.c
 *   set:     IO_SET -> SET                               zone_set.c
 *   about:   DESCRIBE                                    zone_describe.c
 *   destroy: IO_STOP -> DESTROY [<-> DESTROY_WAIT]       zone_end.c
 *   dump:    DUMP (slice by slice)                       zone_dump_flow.c
 *   and giving up what was begun                         zone_cancel.c
 */
#ifndef ZV_TOOLSTACK_DAEMON_ZONE_INTERNAL_H
#define ZV_TOOLSTACK_DAEMON_ZONE_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "daemon.h"
#include "zone.h"

struct json_object;
struct rpc_call;
struct zv_zone_info;

struct json_object *zone_info_to_json(const struct zv_zone_info *info);

/* ------------------------------------------------ zone_pin.c: its places */

/* running_def names the CPUs that an earlier daemon has sent vCPUs to. */
void zone_pin_follow(struct zone *z, const struct zv_zone_info *info);

/* ------------------------------------------- zone_wait.c: late answers */

enum zone_wait {
	WAIT_START = 1u << 0,
	WAIT_SHUTDOWN = 1u << 1,
	WAIT_DESTROY = 1u << 2,
	WAIT_PAUSE = 1u << 3,
	WAIT_RESUME = 1u << 4,
	WAIT_RESET = 1u << 5,
	WAIT_PRESS = 1u << 6,
};
#define WAIT_ALL (~0u)
#define WAIT_FOR_EVER UINT64_MAX

/* call (NULL: nobody asked) is answered when `what` is. */
void zone_wait(struct zone *z, enum zone_wait what, struct rpc_call *call);

/*
 * Answers who waits for any of `what`, and ends the jobs that they are; error
 * NULL: success.
 */
void zone_answer(struct zone *z, unsigned int what, const struct zerror *error);

/* The same, but the jobs go on. */
void zone_answer_early(struct zone *z, unsigned int what,
		       const struct zerror *error);

/* zone_answer() with INVALID_STATE: "NAME: why". */
void zone_answer_state(struct zone *z, unsigned int what, const char *why);

/* Who waits for `from` now waits for `to`, until deadline (loop time, ms). */
void zone_wait_on(struct zone *z, enum zone_wait from, enum zone_wait to,
		  uint64_t deadline);

/* Answers whose deadline is over; the next one, or WAIT_FOR_EVER. */
uint64_t zone_answer_late(struct zone *z, uint64_t now,
			  const struct zerror *error);

/* ------------------------------------------- zone_cancel.c: second thoughts */

/* Why a job of that kind cannot be cancelled now; NULL: it can. */
const char *zone_why_not_cancel(const struct zone *z, enum job_kind kind);
/* What was cancelled fails with this; hint NULL: nothing of it is left. */
void zone_cancelled(const char *hint, struct zerror *ret_error);
/* See rpc_cancel(): what a call that waits has begun. */
int zone_cancel_wait(struct zone *z, enum zone_wait what,
		     struct zerror *ret_error);

/* ------------------------------------- zone_flow.c: states, start, pause */

void zone_enter(struct zone *z, enum zone_event event);
void zone_publish(struct zone *z, const char *event, const char *reason);
void zone_set_reason(struct zone *z, const char *reason);

/* Is the request allowed now?  Says so to the caller if not. */
bool zone_allowed(struct zone *z, enum zone_event event, struct rpc_call *call);

/* Starts a job, or logs that there is no memory for it. */
bool zone_step_job(struct zone *z, enum zone_step step);

/* A job says what went wrong in one of two ways; NULL: nothing. */
struct zerror *zone_job_error(struct zone_job *job, const char *step);

/* A listening socket for the consoles, then the I/O process. */
int zone_io_begin(struct zone *z, bool adopted, struct zerror *ret_error);
void zone_console_path(const struct zone *z, char ret_path[PATH_MAX]);

extern const struct io_process_ops zone_io_ops;

/* ----------------------------- zone_display.c: its screens and keys */

extern const struct display_process_ops zone_display_ops;

void zone_display_init(struct zone *z);
/* Listens for viewers of running_def's gpu, if it has one. */
int zone_display_begin(struct zone *z, bool adopted, struct zerror *ret_error);
void zone_display_tell(uv_timer_t *timer);
void zone_display_io_ready(struct zone *z);
/* See struct io_process_ops. */
void zone_display_output(struct io_process *io, int viewer);
void zone_keys_done(struct io_process *io, uint32_t index);
/* Whoever waits for keys is told. */
void zone_keys_refused(struct zone *z, uint32_t index, const char *why);
void zone_keys_gone(struct zone *z, const struct zerror *error);

/* -------------------------------------------- zone_devices.c: its devices */

/* What struct io_process_ops is about. */
void zone_devices_gone(struct io_process *io);
void zone_devices_changed(struct io_process *io, uint32_t index);
void zone_devices_resized(struct io_process *io, uint32_t index, bool changed);
void zone_devices_refused(struct io_process *io, uint32_t index,
			  const char *why);
const char *zone_devices_user_of(struct io_process *io,
				 const struct io_resource *resource,
				 bool dying);

/* The device, if it can be asked now; else the call has failed. */
const struct zone_device *zone_device_to_ask(struct zone *z, const char *name,
					     struct rpc_call *call);

/* Has a zone that runs an address that def wants, on the same bridge? */
int zone_devices_check_macs(const struct zone *z, const struct zone_def *def,
			    struct zerror *ret_error);
/* Is a port that def wants to forward already that of a zone that runs? */
int zone_devices_check_forwards(const struct zone *z,
				const struct zone_def *def,
				struct zerror *ret_error);
/* Has def a network device on hvd's own bridge? */
bool zone_devices_on_own_bridge(const struct zone_def *def);

/* ------------------------------------- zone_counters.c: what devices did */

void zone_counters_init(struct zone *z);
/* Who waits for counters gets none. */
void zone_counters_fail(struct zone *z, const struct zerror *error);
/* See struct io_process_ops. */
void zone_counters_told(struct io_process *io, uint32_t index,
			struct json_object *counters);

/* ------------------------------------- zone_describe.c: what describes it */

/* What runs, if anything does, is described as the definition says, if it does. */
void zone_about_follow(struct zone *z);
/* Events about what differs; what comes with them is published by the caller. */
void zone_about_publish(struct zone *z, const struct zone_about *before,
			const struct zone_about *now);
/*
 * What runs is described as def is, also in its record, and with `keep` def
 * becomes the definition.  Takes def over and answers call, or false: there is
 * nothing to do, or not now.
 */
bool zone_describe_with(struct zone *z, struct zone_def *def, bool keep,
			struct rpc_call *call);
/* The definition, or what it runs with, with those changes; NULL: why not. */
struct zone_def *zone_describe_prepare(struct zone *z,
				       struct json_object *changes,
				       struct zerror *ret_error);
/* Takes over what was prepared. */
void zone_describe(struct zone *z, struct zone_def *def, struct rpc_call *call);
void zone_after_describe(struct zone *z, struct zone_job *job);

/* What methods answer that change a definition: its name, uuid and generation. */
struct json_object *zone_defined_result(const struct zone *z);

/* ----------------------------------------- zone_set.c: changes of devices */

/*
 * A file of the directory of definitions, called name: a new zone, or what it says.
 * NULL, or why it is of no use.
 */
const char *zone_adopt_definition(struct daemon *daemon, const char *name,
				  const char *text, size_t len);
const char *zone_read_definition(const char *name, const char *text, size_t len,
				 struct zone_record *ret);

bool zone_set_is_under_way(const struct zone *z);
/* It was not carried out, and will not be. */
void zone_set_abandon(struct zone *z, const char *why);
/* See struct io_process_ops. */
void zone_set_done(struct io_process *io, uint32_t index);
void zone_set_refused(struct io_process *io, uint32_t index, const char *why);
/* The daemon ends: answers the caller. */
void zone_set_stop(struct zone *z);
void zone_after_set(struct zone *z, struct zone_job *job);

/* Takes def over: the definition with that device changed. */
void zone_store_changed(struct zone *z, struct zone_def *def,
			const char *device, struct rpc_call *call);

/* ------------------------------------------------- zone_reset.c: reloads */

/* The state is REBOOTING; no job is under way. */
void zone_begin_reset(struct zone *z, bool by_guest);
void zone_after_reset(struct zone *z, struct zone_job *job);
void zone_after_load(struct zone *z, struct zone_job *job);
void zone_reset_io_ready(struct zone *z);
void zone_reset_io_done(struct zone *z);
/* Can it be loaded again?  Says so to the caller if not. */
bool zone_can_reload(struct zone *z, struct rpc_call *call);

/* --------------------------------------------- zone_power.c: the power key */

void zone_after_press(struct zone *z, struct zone_job *job);
void zone_power_io_ready(struct zone *z);
/* WAIT_OFF is over: the guest counts as running again. */
void zone_power_give_up(struct zone *z, const char *why,
			const struct zerror *error);

/* --------------------------------------------- zone_dump_flow.c: core files */

/* A slice is done: is there another? */
bool zone_dump_goes_on(struct zone *z);
void zone_after_dump(struct zone *z, struct zone_job *job);

/* ---------------------------------------------------- zone_end.c: its end */

bool zone_is_to_start(enum zone_intent intent);
/*
 * It is DEFINED and begins to start, as the intent says; the intent holds until
 * it runs, whatever happens to this daemon.
 */
void zone_start_anew(struct zone *z, enum zone_intent intent);

/* It was not started so. */
void zone_forget_once(struct zone *z);

/* The state is DYING; no job is under way. */
void zone_begin_destroy(struct zone *z);
void zone_next_destroy(struct zone *z);
void zone_after_destroy(struct zone *z, const struct zone_job *job);
/* A step of starting or reloading failed: undo all of it. */
void zone_fail(struct zone *z, const struct zerror *error);
void zone_fail_memory(struct zone *z);
/* Stops watching the zone in the hypervisor and closes its fds. */
void zone_disconnect(struct zone *z);

/* --------------------------------------- zone_news.c: what it does itself */

void zone_watch(struct zone *z);
void zone_unwatch(struct zone *z);

/* ---------------------------------------------- zone_job.c: blocking work */

/*
 * With copies of what it needs; z->job while it is under way, so that z and its
 * control fd stay.
 */
struct zone_job {
	uv_work_t work;
	struct zone *zone;
	enum zone_step step;
	bool cancel; /* atomic */
	struct zone_dump *dump; /* DUMP */
	uint64_t job_id; /* of what it is a step of; 0: of nothing */
	struct job_progress progress;
	char dir[PATH_MAX]; /* of records */
	char console[PATH_MAX]; /* socket to remove */
	const char *viewer_dir; /* what is its in there is to be removed, too */
	char video[PATH_MAX]; /* file to remove */
	int device;
	int control_fd;
	uint32_t id; /* BUILD: out */
	struct zone_def *def; /* NULL: unknown */
	char *record; /* to be saved before; NULL: leave it */
	char *record_after; /* to be saved when it is done */
	bool record_late; /* RUN: record is to be saved when it is done */
	bool resume_recorded; /* DUMP: in and out */
	char *definition; /* SET, DESCRIBE: to be saved, too; NULL: leave it */
	char zones_dir[PATH_MAX]; /* of definitions */
	int tap; /* SET: the number of the network device; -1: none */
	uint32_t mtu; /* ... and what it gets */
	bool tidy; /* DESTROY: nobody else needs hvd's own bridge */
	int new_fd; /* BUILD: out, -1: none */
	int rc; /* 0 or a negative errno; or error.code is set */
	struct zerror error;
};

/* Sets z->step and z->job.  -1: out of memory. */
int zone_job_start(struct zone *z, enum zone_step step);
void zone_cancel_job(struct zone *z);

/* Called on the loop when the job is done; z->job is NULL already. */
void zone_job_done(struct zone *z, struct zone_job *job);

#endif /* ZV_TOOLSTACK_DAEMON_ZONE_INTERNAL_H */
