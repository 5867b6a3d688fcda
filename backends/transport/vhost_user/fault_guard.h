/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shared files that shrink.  Memory mapped from another process's file is gone
 * when that process truncates the file, and touching it raises SIGBUS, which
 * would end us.  A guarded mapping gets private zero pages in its place
 * instead, as a whole, and an eventfd tells its owner, who has to stop using
 * it.  SIGBUS elsewhere ends the process as ever.
 *
 * Installed once for the process.  Mappings are added and removed by one
 * thread, and may be touched by any.
 */
#ifndef ZV_BACKENDS_TRANSPORT_VHOST_USER_FAULT_GUARD_H
#define ZV_BACKENDS_TRANSPORT_VHOST_USER_FAULT_GUARD_H

#include <stddef.h>

#define FAULT_GUARDS_MAX 32u

int fault_guard_install(void);

/* A whole mapping, before it is touched. 0 or -ENOSPC */
int fault_guard_add(void *base, size_t len, int event_fd);
/* Nobody touches it any more; call it before munmap(). */
void fault_guard_remove(void *base);

#endif /* ZV_BACKENDS_TRANSPORT_VHOST_USER_FAULT_GUARD_H */
