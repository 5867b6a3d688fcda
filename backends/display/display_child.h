/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process of its own for each viewer and each file that is written: libraries
 * that wait, and that read what strangers send, do so alone.  It is a fork of this
 * one with two descriptors and fewer rights, and ends at the latest with it.
 *
 *   none -- start --> running -- it ends, on_end --> none
 */
#ifndef ZV_BACKENDS_DISPLAY_DISPLAY_CHILD_H
#define ZV_BACKENDS_DISPLAY_DISPLAY_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

#include "core/event.h"

/* What a child has of descriptors, beside 0 to 2. */
#define DISPLAY_CHILD_FD 3 /* what it works on */
#define DISPLAY_CHILD_FD_LINK 4 /* to us, if it was given one */

struct display_child {
	struct event_loop *loop;
	pid_t pid; /* 0: there is none */
	int pidfd;
	struct event_watch watch;
	/* status: as of waitpid(). */
	void (*on_end)(struct display_child *child, int status);
};

/*
 * Forks; both descriptors stay the caller's, and link may be -1.  The child runs
 * work(argument), which returns its exit status.  Set loop and on_end before.  0,
 * or negative errno.
 */
int display_child_start(struct display_child *child, int fd, int link,
			int (*work)(void *argument), void *argument);
/* Forgets it; that it ends with us is the kernel's work. */
void display_child_forget(struct display_child *child);

#endif /* ZV_BACKENDS_DISPLAY_DISPLAY_CHILD_H */
