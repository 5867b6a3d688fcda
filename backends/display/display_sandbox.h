/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The system calls of the process that shows a zone's screen, and of those that it
 * forks, which can no longer open, fork, accept or be given anything.  Before:
 * what io/sandbox.h has.
 */
#ifndef ZV_BACKENDS_DISPLAY_DISPLAY_SANDBOX_H
#define ZV_BACKENDS_DISPLAY_DISPLAY_SANDBOX_H

int display_sandbox(void);
/* On top of it, in a child. */
int display_sandbox_child(void);

#endif /* ZV_BACKENDS_DISPLAY_DISPLAY_SANDBOX_H */
