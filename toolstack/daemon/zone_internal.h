/* SPDX-License-Identifier: BSD-2-Clause */
/* What the zone_*.c files share. */
#ifndef ZV_TOOLSTACK_DAEMON_ZONE_INTERNAL_H
#define ZV_TOOLSTACK_DAEMON_ZONE_INTERNAL_H

#include <uv.h>

#include "daemon.h"
#include "zone.h"

struct json_object;
struct zv_zone_info;

extern const struct io_process_ops zone_io_ops;

/* Stops watching the zone in the hypervisor and closes its fds. */
void zone_disconnect(struct zone *z);

struct json_object *zone_info_to_json(const struct zv_zone_info *info);

/*
 * Blocking work for one zone, with copies of what it needs; z->job while it is
 * under way, so that z and its control fd stay.
 */
struct zone_job {
	uv_work_t work;
	struct zone *zone;
	enum zone_step step;
	bool cancel; /* atomic */
	char dir[PATH_MAX]; /* of records */
	char console[PATH_MAX]; /* socket to remove */
	int device;
	int control_fd;
	uint32_t id; /* BUILD: out */
	struct zone_def *def; /* NULL: unknown */
	char *record; /* BUILD, RUN: to be saved first; NULL: leave it */
	int new_fd; /* BUILD: out, -1: none */
	int rc; /* 0 or a negative errno; or error.code is set */
	struct zerror error;
};

/* Sets z->step and z->job.  -1: out of memory. */
int zone_job_start(struct zone *z, enum zone_step step, char *record);
void zone_job_free(struct zone_job *job);
void zone_cancel_job(struct zone *z);

/* Called on the loop when the job is done; z->job is NULL already. */
void zone_job_done(struct zone *z, struct zone_job *job);

/* A listening socket for the consoles of the zone in z->console_fd. */
int zone_console_open(struct zone *z, struct zerror *ret_error);
void zone_console_path(const struct zone *z, char ret_path[PATH_MAX]);

#endif /* ZV_TOOLSTACK_DAEMON_ZONE_INTERNAL_H */
