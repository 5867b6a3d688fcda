/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A zone's memory and registers to a file.  The blocking part is cut into
 * slices, so that a large zone does not keep a thread from others for long: the
 * first one opens the file, pauses the zone and takes its registers.  When all
 * memory is written, one writes the file's head, so that what is not complete is
 * no core file, and lets the zone go on, one closes the file, and the last one
 * gives it its name, when nobody can give it up any more.
 */
#ifndef ZV_TOOLSTACK_DAEMON_ZONE_DUMP_H
#define ZV_TOOLSTACK_DAEMON_ZONE_DUMP_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "core_file.h"
#include "dump_file.h"
#include "job.h"
#include "zerror.h"

struct rpc_call;

struct zone_dump {
	struct rpc_call *call;
	char path[PATH_MAX];
	bool force; /* a file that is there is replaced */
	bool live; /* it goes on running while memory is written */
	bool runs; /* it does: it has to be paused and to go on */

	/* the job's */
	bool begun;
	bool paused; /* by us, now */
	struct dump_file file;
	struct core_head head;
	struct core_region regions[CORE_REGIONS_MAX];
	uint32_t region_count;
	uint32_t region; /* that is being written */
	uint64_t offset; /* in it */
	uint64_t written;
	bool complete; /* but for being closed, and its name */
	bool over;

	bool named; /* the loop's: the next slice does that, and is the last */
};

/*
 * One slice; any thread.  Sets over when it was the last, also when it has
 * failed, or cancel is set: then nothing is left of the file.  -1: ret_error.
 */
int zone_dump_slice(struct zone_dump *dump, int zone, const bool *cancel,
		    struct job_progress *progress, struct zerror *ret_error);

#endif /* ZV_TOOLSTACK_DAEMON_ZONE_DUMP_H */
