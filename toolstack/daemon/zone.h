/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Zones: the table of them (zone.c), what can be asked of one (zone_flow.c and
 * those that zone_internal.h lists), and finding those that run already
 * (zone_adopt.c).
 *
 * A zone has a definition, or runs, or both; one with neither is removed.  One
 * without is transient: the record of its run has what it runs with.  At
 * most one job (blocking work on another thread) is under way for a zone.  All
 * else is on the loop's thread.
 */
#ifndef ZV_TOOLSTACK_DAEMON_ZONE_H
#define ZV_TOOLSTACK_DAEMON_ZONE_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>
#include <uv.h>

#include "backoff.h"
#include "display_process.h"
#include "io_process.h"
#include "job.h"
#include "zerror.h"
#include "zone_def.h"
#include "zone_fsm.h"

struct daemon;
struct json_object;
struct rpc_call;
struct zone_dump;
struct zone_job;
struct zone_waiter;
struct zone_watch;
struct zv_zone_info;

#define ZONE_COUNT_MAX 1024u

/* What is being done inside a state. */
enum zone_step {
	ZONE_STEP_NONE,
	ZONE_STEP_BUILD, /* job */
	ZONE_STEP_IO_START, /* waits for hvd-io: ready */
	ZONE_STEP_RUN, /* job */
	ZONE_STEP_PAUSE, /* job */
	ZONE_STEP_RESUME, /* job */
	ZONE_STEP_IO_SET, /* waits for hvd-io: set */
	ZONE_STEP_SET, /* job */
	ZONE_STEP_DESCRIBE, /* job */
	ZONE_STEP_PRESS, /* job: the intent is recorded, then the key pressed */
	ZONE_STEP_WAIT_OFF, /* the power key is pressed */
	ZONE_STEP_DELAY, /* a guest that resets too often waits */
	ZONE_STEP_RESET, /* job */
	ZONE_STEP_IO_RESET, /* waits for hvd-io: reset-done */
	ZONE_STEP_LOAD, /* job */
	ZONE_STEP_IO_STOP, /* waits for hvd-io's end */
	ZONE_STEP_DESTROY, /* job */
	ZONE_STEP_DESTROY_WAIT, /* pages are still in use: timer */
	ZONE_STEP_DUMP, /* job, slice by slice */
};

/*
 * What is to follow when the zone is off or gone.  Recorded before it is acted
 * on, so that it outlives this daemon; outlives the wait for the guest, too,
 * which may be slow.
 */
enum zone_intent {
	ZONE_INTENT_NONE, /* nobody asked: on_poweroff decides */
	ZONE_INTENT_STAY_OFF,
	ZONE_INTENT_REBOOT,
	ZONE_INTENT_START,
	ZONE_INTENT_START_HELD,
};

/* What is on disk about a zone that runs; a definition is one without extras. */
struct zone_record {
	struct zone_def *def;
	uint64_t generation; /* of def */
	bool held;
	bool resume; /* it was paused only for a moment, see zone_dump.h */
	enum zone_intent intent;
	uint64_t restarts; /* see backoff_count() */
	/* The file was called so, and may be still.  Empty: no. */
	char renamed_from[ZV_NAME_MAX];
};

struct zone {
	struct zone *next;
	struct daemon *daemon;
	char name[ZV_NAME_MAX];
	uint8_t uuid[UUID_SIZE];

	struct zone_def *def; /* NULL: not defined */
	struct zone_def *once; /* to start with in its place; else NULL */
	uint64_t generation; /* of def */
	bool storing; /* def is being written or removed */
	bool moving; /* ... and will be another zone's: it gets a new name */
	bool autostart_due; /* its turn is to come, or now */
	bool autostart_begun; /* ... and it was started */

	enum zone_state state;
	enum zone_step step;
	bool has_file; /* zone_reload.c has seen it */
	char reason[160]; /* why it is in this state, empty if it is plain */
	struct zone_def *running_def; /* NULL: does not run, or unknown */
	int64_t id; /* in the hypervisor; -1: does not exist there */
	int control_fd;
	struct zone_watch *watch;
	struct zone_job *job;
	struct zone_dump *dump; /* DUMP */
	struct job jobs[JOB_SLOT_COUNT];
	bool cancel_wanted; /* as soon as the step is over */
	bool held; /* paused before its first instruction */
	enum zone_intent intent;
	enum zone_intent recorded; /* the intent on disk */
	bool resume_recorded; /* there it may say that it is to go on */
	enum zone_intent asked; /* PRESS: the intent to be */
	time_t asked_at; /* PRESS, WAIT_OFF: when somebody last asked */
	uint64_t asked_ms; /* PRESS: how long the caller waits; 0: not at all */
	bool asked_force; /* PRESS: destroy it when that time is over */
	uint64_t off_deadline; /* WAIT_OFF: loop time, ms */
	uint64_t
		force_at; /* WAIT_OFF: destroy it then; loop time, ms; 0: never */
	bool press_due; /* WAIT_OFF: as soon as the I/O process is ready */
	uint64_t press_again; /* WAIT_OFF: loop time, ms */
	bool destroy_wanted; /* as soon as the job is done */
	struct zerror failure; /* why it is going away, if it failed */

	struct io_process io;
	struct display_process display; /* of its gpu */
	int console_fd;
	uv_timer_t timer; /* of the step */
	uv_timer_t grace; /* how long shutdown, reboot and reset may take */
	struct backoff restarts; /* that the guest made happen */
	uint64_t destroy_since;
	unsigned int destroy_tries;
	struct zone_waiter *waiters;
	struct {
		uv_timer_t timer; /* active: told and untold count */
		unsigned int told;
		unsigned int untold;
		uint32_t states; /* devices with an untold state, as bits */
		uint32_t sizes; /* ... or size */
	} news; /* of its devices */
	struct {
		struct rpc_call *call; /* NULL: none is under way */
		uint32_t device;
		uv_timer_t timer;
	} resize;
	struct {
		struct rpc_call *call;
		struct json_object *changes; /* NULL: none is under way */
		uint32_t device; /* in running_def */
		struct zone_def *def; /* def, to be; NULL: it stays */
		unsigned int answers; /* that are to come */
		uv_timer_t timer;
	} set;
	struct {
		struct rpc_call *call; /* NULL: nobody waits */
		bool pressed; /* until the I/O process says that it let go */
		uint32_t device; /* in running_def */
		uv_timer_t timer;
	} keys;
	struct {
		unsigned int told; /* how many there were in the last event */
		uv_timer_t timer; /* active: there was one just now */
	} viewers;
	struct {
		struct rpc_call *call;
		struct zone_def *running; /* what is recorded; NULL: nothing */
		struct zone_def *def; /* def, to be; NULL: there is none */
	} describe;
	struct {
		struct zone_counters_wish *wishes;
		uv_timer_t timer; /* active: there are some */
	} counters; /* of its devices */
	unsigned int open_handles;
	bool closing;
};

/* -------------------------------------------------------- the table */

struct zone *zone_find(struct daemon *daemon, const char *name);
struct zone *zone_find_uuid(struct daemon *daemon,
			    const uint8_t uuid[UUID_SIZE]);

/*
 * Whom a caller means by ref, a name or a uuid in the usual form, in the parameter
 * at path.  NULL: zone0, whose uuid is null, as the hypervisor gives it none.
 */
int zone_look_up(struct daemon *daemon, const char *ref, const char *path,
		 struct zone **ret_zone, struct zerror *ret_error);
/* Is it to be shown to others? */
bool zone_is_known(const struct zone *zone);

/* An empty zone of that name.  NULL: out of memory. */
struct zone *zone_create(struct daemon *daemon, const char *name);

/* Removes the zone if nothing is left of it. */
void zone_reap(struct zone *zone);

/* The daemon ends: gives up all zones; they go on running. */
void zone_close_all(struct daemon *daemon);

struct json_object *zone_summary(const struct zone *zone);
struct json_object *zone_detail(const struct zone *zone);

/* ----------------------------------------------------- what it does */

/*
 * These check the state, begin, and finish call (NULL: nobody asked) when it
 * is done or has failed.
 */
void zone_start(struct zone *zone, bool held, struct rpc_call *call);
/* A zone that nothing is known of yet, with a def that is not saved: taken over. */
void zone_run(struct zone *zone, struct zone_def *def, bool held,
	      struct rpc_call *call);
/*
 * timeout_s 0: call is finished when the request is delivered.  force: when that
 * time (or what a guest has by default) is over it is destroyed.
 */
void zone_shutdown(struct zone *zone, unsigned int timeout_s, bool force,
		   struct rpc_call *call);
void zone_reboot(struct zone *zone, struct rpc_call *call);
void zone_reset(struct zone *zone, struct rpc_call *call);
void zone_pause(struct zone *zone, struct rpc_call *call);
void zone_resume(struct zone *zone, struct rpc_call *call);
void zone_destroy(struct zone *zone, struct rpc_call *call);
/* Its result: {size, written}.  path is absolute. */
void zone_dump_to(struct zone *zone, const char *path, bool live, bool force,
		  struct rpc_call *call);
/* What is under way and of that kind; -1: it cannot be cancelled, or not now. */
int zone_cancel(struct zone *zone, enum job_kind kind,
		struct zerror *ret_error);
void zone_resize_device(struct zone *zone, const char *name,
			struct rpc_call *call);
/* Its result: {counters: {NAME: NUMBER, ...}}. */
void zone_device_counters(struct zone *zone, const char *name,
			  struct rpc_call *call);
/*
 * What one of them has done, for others than callers.  counters is borrowed, and
 * NULL with an error.
 */
typedef void (*zone_counters_cb)(void *user, struct json_object *counters,
				 const struct zerror *error);
/* index: in running_def.  -1: its I/O process cannot be asked now. */
int zone_counters_ask(struct zone *zone, uint32_t index, zone_counters_cb told,
		      void *user);
/* changes: those of zone_def_change_device(). */
void zone_set_device(struct zone *zone, const char *name,
		     struct json_object *changes, struct rpc_call *call);
/* Its result: see openrpc.json. */
void zone_display_get(struct zone *zone, struct rpc_call *call);
/* path is absolute. */
void zone_screenshot(struct zone *zone, uint32_t head, const char *path,
		     bool force, struct rpc_call *call);
/* keys: a list of codes; call is finished when they are let go of. */
void zone_send_keys(struct zone *zone, struct json_object *keys,
		    uint32_t hold_ms, struct rpc_call *call);
/* call is finished when the request is delivered. */
void zone_resume_device(struct zone *zone, const char *name,
			struct rpc_call *call);
/* Takes def over, which has a uuid. */
void zone_define(struct zone *zone, struct zone_def *def,
		 struct rpc_call *call);
void zone_undefine(struct zone *zone, struct rpc_call *call);
/* new_name is valid, and no zone has it. */
void zone_rename(struct zone *zone, const char *new_name,
		 struct rpc_call *call);

/* Does a zone that runs, other than z, need hvd's own bridge? */
bool zone_devices_need_bridge(const struct daemon *daemon,
			      const struct zone *z);

/* Looks at the zone's state in the hypervisor and acts on it. */
void zone_check(struct zone *zone);

/*
 * The zone exists in the hypervisor and this daemon has just found it: takes
 * its control fd over, and the def of record (NULL: there is none).
 */
void zone_take(struct zone *zone, int control_fd,
	       const struct zv_zone_info *info, struct zone_record *record);

/* ------------------------------------------------------- at the start */

/* Reads the definitions. */
void zone_adopt_definitions(struct daemon *daemon);
/* Finds the zones that exist in the hypervisor. */
void zone_adopt_running(struct daemon *daemon);

/* Reads them again, as soon as none is being written. */
void zone_reload(struct daemon *daemon);
void zone_reload_init(struct daemon *daemon);
void zone_reload_close(struct daemon *daemon);

/* The text of a file; free() it.  NULL: out of memory. */
char *zone_record_text(const struct zone_record *record);

#endif /* ZV_TOOLSTACK_DAEMON_ZONE_H */
