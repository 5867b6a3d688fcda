/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's accesses to its device registers, taken from the zone's I/O fd
 * and given to the device that owns the place.
 *
 * A window is a piece of a shadow page with one device behind it.  An access
 * goes through these steps, and a kill between any two of them is made good:
 *
 *   access()   the model changes its state in the record's working copy
 *   commit     state and the access's number become durable together
 *   settle()   effects outside: start or stop a device, move an interrupt line
 *   complete   the vCPU resumes, and sees the words that changed
 *
 * An access that was not completed is presented again to the next process.  If
 * its number is in the record it has been applied already, and only the answer
 * is given again; effects are redone from the state when windows are attached.
 *
 * What the guest can read without us is a function of the state, too: words()
 * gives all of a window's words, always in the same order, and the difference
 * to what was published last is sent.
 */
#ifndef ZV_BACKENDS_TRANSPORT_ZONE_ZONE_IO_H
#define ZV_BACKENDS_TRANSPORT_ZONE_ZONE_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/event.h"
#include "core/state_area.h"
#include "transport/zone/zone_port.h"

#define ZONE_WINDOWS_MAX 40u
#define ZONE_WINDOW_WORDS 96u

/* Accesses already applied, one per vCPU; part of each window's record. */
struct zone_replay {
	uint32_t valid; /* bit per vCPU */
	uint32_t seq[ZV_VCPUS_MAX];
	uint32_t reserved;
	uint64_t value[ZV_VCPUS_MAX]; /* what a read returned */
};

struct zone_access {
	uint32_t offset; /* in the window */
	uint32_t size; /* 1, 2 or 4 */
	bool write;
	uint32_t value; /* in: written; out: read */
};

struct zone_word {
	uint32_t offset; /* in the window, word-aligned */
	uint32_t value;
};

struct zone_io;
struct zone_window;

struct zone_window_ops {
	/*
	 * A state to begin with, or *window->record.work checked after a
	 * restart.  Returns LOST for a state that makes no sense.
	 */
	enum state_found (*load)(struct zone_window *window,
				 enum state_found found);
	/* All words are published: make the outside match the state. */
	int (*attach)(struct zone_window *window, enum state_found found);
	/* No guest access; the state stays.  May be NULL. */
	void (*detach)(struct zone_window *window);
	void (*access)(struct zone_window *window, struct zone_access *access);
	/* false: zone_window_ready() will be called */
	bool (*settle)(struct zone_window *window);
	size_t (*words)(struct zone_window *window,
			struct zone_word ret[ZONE_WINDOW_WORDS]);
	/* A posted write; NULL: there are none. */
	void (*posted)(struct zone_window *window, uint32_t offset,
		       uint32_t value);
	/* Power-on state; settle() follows. */
	void (*reset)(struct zone_window *window);
};

struct zone_window {
	/* Set by the owner. */
	const struct zone_window_ops *ops;
	uint32_t shadow; /* index of the page */
	uint32_t offset; /* in the page */
	uint32_t size;
	uint32_t record_index;
	uint32_t record_kind; /* see state_record_open() */
	uint32_t intid;
	size_t state_size;
	struct zone_replay *replay; /* first member of the state */

	/* Ours. */
	struct zone_io *io;
	struct state_record record;
	bool busy; /* between settle() == false and zone_window_ready() */
	bool resetting;
	bool line; /* level given to the interrupt controller last */
	bool line_known;
	bool line_due; /* to be raised after the words are published */
	bool touched; /* by a posted write of this batch */
	uint32_t waiting; /* vCPUs to be answered when ready */
	uint32_t deferred; /* vCPUs whose access came while busy */
	struct zv_event event[ZV_VCPUS_MAX];
	size_t published_count;
	uint32_t published[ZONE_WINDOW_WORDS];
	uint32_t forced_offset; /* a word to send whatever it was */
	bool forced;
};

struct zone_io {
	struct event_loop *loop;
	struct zone_port *port;
	struct state_area *area;
	struct zone_window *window[ZONE_WINDOWS_MAX];
	size_t window_count;
	struct event_watch watch;
	uint32_t resets; /* windows whose reset is under way */
	void (*reset_done)(struct zone_io *io);
	/* The fd is of no more use: -ESTALE when another process took over. */
	void (*gone)(struct zone_io *io, int error);
	void *owner;
	/* Large, so not on the stack. */
	struct zv_io_complete complete;
	struct zv_shadow_update update;
};

void zone_io_init(struct zone_io *io, struct event_loop *loop,
		  struct zone_port *port, struct state_area *area);
/* -ENOSPC, or -EINVAL if it overlaps another window. */
int zone_io_add(struct zone_io *io, struct zone_window *window);
/* Loads and publishes every window, then attaches it and serves accesses. */
int zone_io_start(struct zone_io *io);
void zone_io_stop(struct zone_io *io);
/* Every device to its power-on state, then reset_done(). */
void zone_io_reset(struct zone_io *io);
/* Takes what the fd has; the watch calls it, and so do tests. */
void zone_io_pump(struct zone_io *io);

/* -------------------------------------------------- for windows' owners */
/* After a change of state outside of access(). */
void zone_window_commit(struct zone_window *window);
void zone_window_publish(struct zone_window *window, bool atomic);
/* Ends a settle() that returned false. */
void zone_window_ready(struct zone_window *window);
/* The next words sent include a 0 at offset, which words() does not list. */
void zone_window_clear_word(struct zone_window *window, uint32_t offset);
/*
 * Moves a level-triggered line, if it is not there already: down at once, up
 * when the words that say why have been published.
 */
void zone_window_line(struct zone_window *window, bool level);

#endif /* ZV_BACKENDS_TRANSPORT_ZONE_ZONE_IO_H */
