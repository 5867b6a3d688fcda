/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Taking away from this process what it does not need, in steps: before
 * anything is read (what needs no configuration), and before anything of the
 * guest is looked at (the rest).  docs/security.md says why each.
 */
#ifndef ZV_BACKENDS_IO_SANDBOX_H
#define ZV_BACKENDS_IO_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>

/* nobody and nogroup, everywhere. */
#define SANDBOX_NOBODY 65534u

struct sandbox_user {
	uint32_t uid;
	uint32_t gid;
};

/* Closes every fd but 0 to last_fd; limits; no core, no new privileges. */
int sandbox_early(int last_fd);
/*
 * Leaves the file systems, the network, the IPC objects and the name of this
 * machine for empty ones.  Takes CAP_SYS_ADMIN; who has it not stays.  0, or
 * negative errno with *ret_what naming the step that failed.
 */
int sandbox_isolate(const char **ret_what);
/*
 * Gives up root, groups and all capabilities for good.  Without a user (NULL)
 * root becomes nobody, and anybody else stays who he is.  0, or negative errno
 * with *ret_what naming the step that failed.
 */
int sandbox_drop(const struct sandbox_user *user, const char **ret_what);
/* What some zones need and others do not. */
struct sandbox_needs {
	uint32_t disks; /* each with an io_uring that exists already */
	uint32_t nbd_disks; /* each with a socket, used by libnbd */
	bool taps; /* queues of TAP devices */
	bool vhost; /* ... and the kernel's vhost-net, set up already */
};

/*
 * From here on only the system calls, and about as much memory, as serving
 * needs.
 */
int sandbox_filter(const struct sandbox_needs *needs);

#endif /* ZV_BACKENDS_IO_SANDBOX_H */
