/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Taking away from this process what it does not need, in two steps: before
 * anything is read (what needs no configuration), and before anything of the
 * guest is looked at (the rest).
 */
#ifndef ZV_BACKENDS_IO_SANDBOX_H
#define ZV_BACKENDS_IO_SANDBOX_H

#include <stdint.h>

/* Closes every fd but 0 to last_fd; limits; no core, no new privileges. */
int sandbox_early(int last_fd);
/* Gives up root for good. */
int sandbox_drop(uint32_t uid, uint32_t gid);
/* From here on only the system calls that serving needs. */
int sandbox_filter(void);

#endif /* ZV_BACKENDS_IO_SANDBOX_H */
