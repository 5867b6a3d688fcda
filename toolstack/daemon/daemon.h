/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The daemon as a whole: one loop, one thread that owns all state.  Work that
 * may block runs on libuv's threads with a job that owns copies of what it
 * needs (zone_job.h); everything else happens on the loop.
 */
#ifndef ZV_TOOLSTACK_DAEMON_DAEMON_H
#define ZV_TOOLSTACK_DAEMON_DAEMON_H

#include <limits.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "event.h"
#include "zerror.h"
#include "zone_autostart.h"
#include "zone_stop.h"

struct metrics_server;
struct server;
struct trace_client;
struct zone;

struct daemon_options {
	char config_dir[PATH_MAX];
	char run_dir[PATH_MAX];
	char socket[PATH_MAX];
	char io_program[PATH_MAX];
	char display_program[PATH_MAX];
	char metrics_listen[64]; /* empty: on no port */
	struct sockaddr_storage metrics_address; /* the same */
	uint64_t rate; /* requests per second of a connection; 0: no limit */
	uint64_t
		rate_readonly; /* of a user of the read-only socket; the same */
	uint64_t stop_ms; /* a zone's time to shut down; 0: zones go on */
};

struct daemon {
	struct daemon_options options;
	char zones_dir[PATH_MAX]; /* definitions: <config-dir>/zones */
	char running_dir[PATH_MAX]; /* running zones: <run-dir>/zones */
	char console_dir[PATH_MAX];
	char video_dir[PATH_MAX]; /* video memory: <run-dir>/video */
	char viewer_dir[PATH_MAX]; /* viewers' sockets: <run-dir>/vnc */
	uv_loop_t loop;
	int device; /* /dev/zonevisor, -1: not there (yet) */
	bool stopping;
	uv_signal_t *signals; /* three */
	struct server *server;
	struct metrics_server *metrics; /* NULL: there was no memory */
	uint64_t requests; /* of clients, so far */
	struct event_log events;
	struct trace_client *tracers;
	struct zone *zones; /* sorted by name */
	unsigned int zone_count;
	struct zone_autostart autostart;
	uint64_t last_job; /* its id; 0: none yet */
	uv_timer_t job_timer; /* active: there may be jobs */
	struct zone_stop stop;
	uv_timer_t reload_timer; /* active: definitions are to be read again */
};

/*
 * Opens the device if it is not open.  From a hypervisor that appears the zones
 * that exist are taken over, and autostart begins.  0, or -1 with
 * NO_HYPERVISOR.
 */
int daemon_connect(struct daemon *daemon, struct zerror *ret_error);

#endif /* ZV_TOOLSTACK_DAEMON_DAEMON_H */
