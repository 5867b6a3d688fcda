/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The supervisor of one zone's I/O process: opens what its devices work on
 * (io_opening.h), starts hvd-io, tells it what the zone has, starts it again
 * when it dies, stops it.
 *
 *   none --start--> starting --"ready"--> ready
 *   starting --dies, silent too long--> failed (the first time: told, none)
 *   starting, ready --dies--> waiting --time--> starting
 *   ready --an NBD server it has lost is there again--> (killed)
 *   any --stop--> stopping --exited--> none
 *
 * hvd-io gets: fd 3 a socket for newline-separated JSON, fd 4 the zone's I/O
 * fd, fd 5 a listening unix socket for consoles, and from 6 on what the devices
 * work on, in their order, of a TAP device one for each queue, and after them a
 * vhost-net for each, if the device has them, of a gpu its video memory and a socket
 * for its output.  What it says is checked: it works
 * for a guest that may have taken it over.  A process is trusted again only after
 * a restart.
 *
 * When a network in user mode has ended, which its device says, another process
 * gets another one: the sandbox lets none in.
 */
#ifndef ZV_TOOLSTACK_DAEMON_IO_PROCESS_H
#define ZV_TOOLSTACK_DAEMON_IO_PROCESS_H

#include <stdbool.h>
#include <uv.h>

#include "backoff.h"
#include "device_status.h"
#include "io_resource.h"
#include "zerror.h"
#include "zone_def.h"

#define IO_PROCESS_RESOURCE_FD 6
/* How long hvd-io talks to each NBD server before it gives up and says so. */
#define IO_PROCESS_NBD_MS 10000u

struct json_object;
struct io_child;
struct io_opening;
struct io_process;
struct io_reconnect;

enum io_state {
	IO_NONE,
	IO_STARTING,
	IO_READY,
	IO_WAITING,
	IO_STOPPING,
};

struct io_process_ops {
	/* Opens a fresh I/O fd of the zone; -errno. */
	int (*open_fd)(struct io_process *io);
	/* It is ready; restarted says that it was ready before. */
	void (*ready)(struct io_process *io, bool restarted);
	/* The first start did not work; there is no process now. */
	void (*failed)(struct io_process *io, const struct zerror *error);
	void (*reset_done)(struct io_process *io);
	/* The process has died or could not be started. */
	void (*gone)(struct io_process *io);
	/* io->status[index] has another state or reason. */
	void (*device)(struct io_process *io, uint32_t index);
	/* The device's size has been looked at, as asked for. */
	void (*resized)(struct io_process *io, uint32_t index, bool changed);
	/* The device is as the last "set" wants it. */
	void (*set)(struct io_process *io, uint32_t index);
	/* What it has done since the process was started: the callee's. */
	void (*counters)(struct io_process *io, uint32_t index,
			 struct json_object *counters);
	/* A command for that device was not carried out. */
	void (*refused)(struct io_process *io, uint32_t index, const char *why);
	/* See struct io_opening_ops. */
	const char *(*user_of)(struct io_process *io,
			       const struct io_resource *resource, bool dying);
	/* A new process has the other end of this one's gpu's output: take it. */
	void (*output)(struct io_process *io, int viewer);
	/* All keys have been let go of again. */
	void (*keys)(struct io_process *io, uint32_t index);
	void (*stopped)(struct io_process *io);
};

struct io_process {
	const struct io_process_ops *ops;
	uv_loop_t *loop;
	const char *program;
	const char *zone; /* name */
	const char *video_dir; /* of video memory */
	uint32_t zone_id; /* in the hypervisor */
	enum io_state state;
	bool was_ready; /* since io_process_start() */
	int console_fd; /* listening socket, owned by the zone */
	const struct zone_def *def; /* the zone's; valid until stopped */
	struct io_opening *opening; /* NULL: nothing is being opened */
	struct io_reconnect *reconnect; /* NULL: no NBD server is lost */
	struct backoff reconnect_backoff;
	struct io_resources resources; /* what they are; none is open here */
	struct device_status status[ZONE_DEF_DEVICES_MAX]; /* as in def */
	struct io_child *child;
	uv_timer_t timer;
	struct backoff backoff;
	struct backoff renewals; /* of networks in user mode */
	unsigned int restarts;
	char last_error[256];
	char logged[256]; /* of these the last, since it was ready */
	struct zerror error; /* says more than last_error, or code 0 */
};

void io_process_init(struct io_process *io, uv_loop_t *loop,
		     const struct io_process_ops *ops, const char *program,
		     const char *zone, const char *video_dir);

/*
 * State IO_NONE.  adopted: the zone runs already, so a failure leads to another
 * attempt and not to `failed`.
 */
void io_process_start(struct io_process *io, uint32_t zone_id,
		      const struct zone_def *def, int console_fd, bool adopted);

/* Always followed by `stopped`, never before this returns. */
void io_process_stop(struct io_process *io);

/* "powerkey" or "reset".  0, or -1 when there is no process to hear it. */
int io_process_command(struct io_process *io, const char *command);

/* "resize", "resume" or "counters", for one device of def. */
int io_process_device_command(struct io_process *io, const char *command,
			      const struct zone_device *device);

/* Which of a device's members a "set" is about. */
struct io_process_changes {
	bool link;
	bool mtu;
	bool limits;
	bool mode;
};

/*
 * Wants one device to be as this one is.  `set` or `refused` answers, once for each
 * of its heads if it has heads.
 */
int io_process_set_device(struct io_process *io,
			  const struct zone_device *device,
			  const struct io_process_changes *changes);

/* Replaces the output of a gpu; output stays the caller's.  -1: it cannot now. */
int io_process_set_output(struct io_process *io,
			  const struct zone_device *device, int output);

/* Of an input device; `keys` or `refused` answers. */
int io_process_press(struct io_process *io, const struct zone_device *device,
		     struct json_object *keys, uint32_t hold_ms);

/* The process misbehaves: kill it, and start another. */
void io_process_replace(struct io_process *io, const char *why);

/* 0: none. */
int io_process_pid(const struct io_process *io);

/*
 * The daemon ends: forgets the process, which goes on serving its zone.
 * on_closed runs when the handles are closed; then the memory may go.
 */
void io_process_close(struct io_process *io, uv_close_cb on_closed);

/* Lines for hvd-io, to configure it for a zone, and to change a device; free(). */
char *io_process_config(const struct zone_def *def,
			const struct io_resources *resources);
/* head: of a gpu. */
char *io_process_set_line(const struct zone_device *device, uint32_t head,
			  const struct io_process_changes *changes);
char *io_process_keys_line(const struct zone_device *device,
			   struct json_object *keys, uint32_t hold_ms);

#endif /* ZV_TOOLSTACK_DAEMON_IO_PROCESS_H */
