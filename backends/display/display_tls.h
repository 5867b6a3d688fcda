/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TLS for one viewer, in a process of its own (display_child.h) between the viewer
 * and the process that shows the picture (display_viewer.h), which knows nothing of
 * it.  The private key is in this process alone, and what comes of a viewer is not
 * looked at here once it is let through:
 *
 *   offer (RFB) -> TLS -> enter (RFB) -> copies both ways until one end is closed
 *
 * Who does not get through to the last within some seconds is cut off.
 */
#ifndef ZV_BACKENDS_DISPLAY_DISPLAY_TLS_H
#define ZV_BACKENDS_DISPLAY_DISPLAY_TLS_H

#include <stdbool.h>
#include <stdint.h>

#define DISPLAY_TLS_PART_MAX (256u << 10)

/* A file with PEM texts, one after the other; their sizes in bytes. */
struct display_tls {
	int fd;
	uint32_t certificate; /* and those between it and its authority */
	uint32_t key;
	uint32_t authority; /* of certificates that viewers show; 0: need not */
};

/* In the child; the viewer and the other process are its DISPLAY_CHILD_FDs. */
#define DISPLAY_TLS_FD_FILE 5

struct display_tls_task {
	struct display_tls files;
	bool password; /* the other process asks for one */
};

/* Before the sandbox: what the library opens files for.  Its text, or NULL. */
const char *display_tls_prepare(void);

/* argument: struct display_tls_task.  Both descriptors must be non-blocking. */
int display_tls_run(void *argument);

#endif /* ZV_BACKENDS_DISPLAY_DISPLAY_TLS_H */
