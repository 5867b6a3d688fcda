/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way to the start of an I/O process: opens what its devices work on and
 * the zone's I/O fd, then locks the images, makes the TAP devices, starts passt
 * and connects to the NBD servers, again and again if need be.
 *
 *   opening --job--> zone fd --> locking --job--> opened
 *                                 ^  |
 *                                 +--+ locked by somebody: later
 *
 * A job (another thread) opens and locks, since both may block.  An export that
 * another zone has is as a locked image, but hvd itself has to look.
 */
#ifndef ZV_TOOLSTACK_DAEMON_IO_OPENING_H
#define ZV_TOOLSTACK_DAEMON_IO_OPENING_H

#include <stdbool.h>
#include <uv.h>

#include "io_resource.h"

struct io_opening;

struct io_opening_ops {
	/* The zone's I/O fd, or -errno. */
	int (*open_zone)(void *owner);
	/* resources are identified; for comparing, not for use. */
	void (*identified)(void *owner, const struct io_resources *resources);
	/*
	 * The name of another zone that has this resource, or NULL.  dying: also
	 * of one that is about to let go of it.
	 */
	const char *(*user_of)(void *owner, const struct io_resource *resource,
			       bool dying);
	/* The descriptors are there until io_opening_drop(). */
	void (*opened)(void *owner, struct io_opening *opening);
	/* The opening has gone. */
	void (*failed)(void *owner, const struct zerror *error);
};

/*
 * zone: its id.  def is copied.  video_dir: where video memory is, of a zone that
 * runs already if patient.  patient: an image that stays locked is waited for
 * as long as it takes, because a guest runs and waits, too; a network in user mode
 * and an NBD server are not, because a guest can do without.  NULL: out of memory.
 */
struct io_opening *io_opening_start(uv_loop_t *loop,
				    const struct io_opening_ops *ops,
				    void *owner, uint32_t zone,
				    const struct zone_def *def,
				    const char *video_dir, bool patient);

int io_opening_zone_fd(const struct io_opening *opening);
const struct io_resources *
io_opening_resources(const struct io_opening *opening);

/* The other end of a gpu's output, which is the caller's now; -1: none. */
int io_opening_take_viewer(struct io_opening *opening);

/* Closes all descriptors; no callback comes any more.  NULL is allowed. */
void io_opening_drop(struct io_opening *opening);

#endif /* ZV_TOOLSTACK_DAEMON_IO_OPENING_H */
