/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the devices of a zone work on and hvd-io must not open itself: images,
 * block devices, connections to NBD servers, sources of random numbers, TAP
 * devices, sockets to passt, video memory and a socket to who shows it.
 *
 * A killed process's I/O goes on for a while, and the next process must not
 * touch an image before that is over.  So each start gets open file
 * descriptions of its own, and a lock on each image (flock(2)), which the
 * kernel keeps until the last request on the description that has it is done:
 * exclusive, or shared for disks that are read-only.  Descriptions are never
 * kept here or duplicated: that would keep the lock.  TAP devices are the same in
 * this: the name of one is taken until the last process that has it is gone.
 *
 * Nothing locks what an NBD server has.  It can only be known whether another
 * zone of this machine has it: io_opening.h.
 *
 * Opening and locking may block (network file systems): not for the loop.
 */
#ifndef ZV_TOOLSTACK_DAEMON_IO_RESOURCE_H
#define ZV_TOOLSTACK_DAEMON_IO_RESOURCE_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "net_tap.h"
#include "net_vhost.h"
#include "zerror.h"
#include "zone_def.h"

struct io_resource {
	uint32_t device; /* its place in the definition */
	int fd; /* -1: not open (any more, or yet), or it is a TAP */
	bool lock; /* it is an image, or video memory */
	bool exclusive;
	/* ... or the TAP or the socket to passt is open, or the server connected */
	bool locked;
	struct net_tap tap; /* queues 0: not open */
	struct net_vhost vhost; /* for its queues, or none */
	/* Of a gpu: hvd-io's end, and the one of who shows it (-1: taken). */
	bool paired;
	int output;
	int viewer;
	/* What it is, whatever its path; stays when it is closed. */
	mode_t kind; /* S_IFREG, S_IFBLK or S_IFCHR */
	dev_t dev;
	ino_t ino;
	struct zone_nbd
		nbd; /* without symbolic links; address "": it is none */
};

struct io_resources {
	uint32_t count;
	struct io_resource item[ZONE_DEF_DEVICES_MAX];
};

#define IO_RESOURCE_FDS_MAX (ZONE_DEF_DEVICES_MAX * 2 * NET_TAP_QUEUES_MAX)

/* That of a device; NULL: it has none. */
const struct io_resource *io_resource_of(const struct io_resources *resources,
					 uint32_t device);
/* How many descriptors it gets. */
uint32_t io_resource_fd_count(const struct io_resource *resource);

/* Does it work on something that people have given a name: a file, a server? */
bool io_resource_has_name(const struct zone_device *device);
/* That, in words: of people's, or a URI. */
#define IO_RESOURCE_NAME_MAX 256u /* NUL included; a longer one is cut */
void io_resource_name(const struct zone_device *device,
		      char ret[IO_RESOURCE_NAME_MAX]);
/* Where the definition says so: "$.devices[1].path". */
void io_resource_path(const struct zone_def *def, uint32_t device,
		      char ret[ZERROR_PATH_MAX]);

/* How many network devices there are before this one. */
uint32_t io_resource_net_number(const struct zone_def *def, uint32_t device);

struct io_resource_place {
	const char *video_dir; /* of video memory; NULL: it is left out */
	bool keep_video; /* the zone runs with what is there */
};

/*
 * Finds out what they are, and opens all but networks and connections to NBD
 * servers, in the definition's order.  On failure none is open.
 */
int io_resources_open(const struct zone_def *def,
		      const struct io_resource_place *place,
		      struct io_resources *ret, struct zerror *ret_error);

/* dir/NAME; empty: that is too long. */
void io_resource_video_path(const char *dir, const char *zone,
			    char ret_path[PATH_MAX]);
/* For a gpu: hvd-io's end and the other one.  0 or -errno. */
int io_resource_make_output(int *ret_output, int *ret_viewer);

/*
 * Locks images, makes TAPs for the zone of that id, starts passt, and when all of
 * that is done connects to NBD servers, which do not like to wait then.  1: all is
 * done.  0: somebody else has one, which ret_busy says and, for a network,
 * ret_error; those before it are done.  -1: it cannot be.
 * without: a network in user mode or an NBD server that cannot be had is left out,
 * and its device finds it gone.
 */
int io_resources_lock(const struct zone_def *def, uint32_t zone, bool without,
		      struct io_resources *resources, uint32_t *ret_busy,
		      struct zerror *ret_error);

/* The descriptors in the order of the devices; returns how many. */
uint32_t io_resources_fds(const struct io_resources *resources,
			  int ret_fds[IO_RESOURCE_FDS_MAX]);

void io_resources_close(struct io_resources *resources);

/* Are they the same image or export? */
bool io_resource_same(const struct io_resource *a, const struct io_resource *b);

#endif /* ZV_TOOLSTACK_DAEMON_IO_RESOURCE_H */
