/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parts of a zone's life that block: making it in the hypervisor, filling
 * its memory, taking it apart.  Any thread; nothing here knows the daemon.
 */
#ifndef ZV_TOOLSTACK_DAEMON_ZONE_BUILD_H
#define ZV_TOOLSTACK_DAEMON_ZONE_BUILD_H

#include <stdbool.h>
#include <stdint.h>

#include "job.h"
#include "zerror.h"
#include "zone_def.h"

struct zone_build {
	int device;
	const struct zone_def *def; /* with its uuid */
	const bool *cancel; /* set by another thread: give up soon */
	struct job_progress *progress; /* read by another thread */
};

/*
 * Looks whether all files that it names are there, creates and populates the zone,
 * makes its shadow pages and their actions, loads it.  On failure *ret_fd is the
 * control fd of what was made so far and must be destroyed by the caller, or -1 if
 * nothing was.
 */
int zone_build_create(const struct zone_build *build, int *ret_fd,
		      uint32_t *ret_id, struct zerror *ret_error);

/*
 * Kernel, initrd and device tree into memory, the first vCPU's entry state.
 * The zone is OFF or RESETTING: its memory holds an earlier run.
 */
int zone_build_load(const struct zone_build *build, int zone,
		    struct zerror *ret_error);

#endif /* ZV_TOOLSTACK_DAEMON_ZONE_BUILD_H */
