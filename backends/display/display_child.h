/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process of its own for each viewer, each file that is written and what shows
 * heads on monitors: libraries that wait, and that read what strangers send, do so
 * alone.  It is a fork of this one with a few descriptors and fewer rights, and ends
 * at the latest with it.
 *
 *   none -- start --> running -- it ends, on_end --> none
 */
#ifndef ZV_BACKENDS_DISPLAY_DISPLAY_CHILD_H
#define ZV_BACKENDS_DISPLAY_DISPLAY_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "core/event.h"
#include "display/display_wire.h"

/* What a child has of descriptors, beside 0 to 2. */
#define DISPLAY_CHILD_FD 3 /* what it works on */
#define DISPLAY_CHILD_FD_LINK 4 /* a viewer's, to us */
#define DISPLAY_CHILD_FDS_MAX (2 + DISPLAY_HEADS_MAX)

struct display_child {
	struct event_loop *loop;
	pid_t pid; /* 0: there is none */
	int pidfd;
	struct event_watch watch;
	/* status: as of waitpid(). */
	void (*on_end)(struct display_child *child, int status);
};

struct display_child_task {
	/* They stay the caller's, and become DISPLAY_CHILD_FD and up. */
	int fds[DISPLAY_CHILD_FDS_MAX];
	size_t fd_count;
	/* Which rights it keeps: 0, or negative errno. */
	int (*sandbox)(void);
	/* Returns the exit status. */
	int (*work)(void *argument);
	void *argument;
};

/* Forks.  Set loop and on_end before.  0, or negative errno. */
int display_child_start(struct display_child *child,
			const struct display_child_task *task);
/* Forgets it; that it ends with us is the kernel's work. */
void display_child_forget(struct display_child *child);

#endif /* ZV_BACKENDS_DISPLAY_DISPLAY_CHILD_H */
