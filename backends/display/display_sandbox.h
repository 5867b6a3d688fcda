/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The system calls of the process that shows a zone's screen, and of those that it
 * forks, which can no longer open, fork, accept or be given anything.  Before:
 * what io/sandbox.h has.
 */
#ifndef ZV_BACKENDS_DISPLAY_DISPLAY_SANDBOX_H
#define ZV_BACKENDS_DISPLAY_DISPLAY_SANDBOX_H

#include <stdbool.h>

/* card: one of its children shows heads on a graphics card. */
int display_sandbox(bool card);
/* On top of it, in a child: a viewer's or a file's; a viewer's TLS. */
int display_sandbox_child(void);
int display_sandbox_tls(void);
/* The same in the one that has the card. */
int display_sandbox_screen(void);

#endif /* ZV_BACKENDS_DISPLAY_DISPLAY_SANDBOX_H */
