/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A zone's video memory: a file in a tmpfs that outlives every process that has
 * it mapped, hvd too.  All of it is there from the beginning, so that nobody who
 * touches it finds no memory.
 */
#ifndef ZV_TOOLSTACK_DAEMON_VIDEO_FILE_H
#define ZV_TOOLSTACK_DAEMON_VIDEO_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "zerror.h"

/*
 * keep: a zone that runs has it already; it is made anew only if it is gone, or not
 * what hvd has made.  Blocks.  An fd for reading and writing, or -1: where in the
 * definition its size is, is path_in_def.
 */
int video_file_open(const char *path, uint64_t size, bool keep,
		    const char *path_in_def, struct zerror *ret_error);

/* For who only looks at it: an fd or -errno. */
int video_file_open_readonly(const char *path);

#endif /* ZV_TOOLSTACK_DAEMON_VIDEO_FILE_H */
