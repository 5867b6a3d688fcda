/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The supervisor of one zone's I/O process: starts hvd-io, tells it what the
 * zone has, starts it again when it dies, stops it.
 *
 *   none --start--> starting --"ready"--> ready
 *   starting --dies, silent too long--> failed (the first time: told, none)
 *   starting, ready --dies--> waiting --time--> starting
 *   any --stop--> stopping --exited--> none
 *
 * hvd-io gets: fd 3 a socket for newline-separated JSON, fd 4 the zone's I/O
 * fd, fd 5 a listening unix socket for consoles.  What it says is checked: it
 * works for a guest that may have taken it over.  A process is trusted again
 * only after a restart.
 */
#ifndef ZV_TOOLSTACK_DAEMON_IO_PROCESS_H
#define ZV_TOOLSTACK_DAEMON_IO_PROCESS_H

#include <stdbool.h>
#include <uv.h>

#include "backoff.h"
#include "zerror.h"
#include "zone_def.h"

struct io_child;
struct io_process;

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
	void (*stopped)(struct io_process *io);
};

struct io_process {
	const struct io_process_ops *ops;
	uv_loop_t *loop;
	const char *program;
	const char *zone; /* name */
	enum io_state state;
	bool was_ready; /* since io_process_start() */
	int console_fd; /* listening socket, owned by the zone */
	char *config; /* first line to send */
	struct io_child *child;
	uv_timer_t timer;
	struct backoff backoff;
	unsigned int restarts;
	char last_error[256];
};

void io_process_init(struct io_process *io, uv_loop_t *loop,
		     const struct io_process_ops *ops, const char *program,
		     const char *zone);

/*
 * State IO_NONE.  adopted: the zone runs already, so a failure leads to another
 * attempt and not to `failed`.
 */
void io_process_start(struct io_process *io, const struct zone_def *def,
		      int console_fd, bool adopted);

/* Always followed by `stopped`, never before this returns. */
void io_process_stop(struct io_process *io);

/* "powerkey" or "reset".  0, or -1 when there is no process to hear it. */
int io_process_command(struct io_process *io, const char *command);

/* The process misbehaves: kill it, and start another. */
void io_process_replace(struct io_process *io, const char *why);

/* 0: none. */
int io_process_pid(const struct io_process *io);

/*
 * The daemon ends: forgets the process, which goes on serving its zone.
 * on_closed runs when the handles are closed; then the memory may go.
 */
void io_process_close(struct io_process *io, uv_close_cb on_closed);

/* The line that configures hvd-io for a zone; free() it. */
char *io_process_config(const struct zone_def *def);

#endif /* ZV_TOOLSTACK_DAEMON_IO_PROCESS_H */
