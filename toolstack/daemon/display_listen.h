/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where viewers of a zone's screens connect: a unix socket for each head, and if the
 * definition says so a TCP port for each.  They are hvd's, so that whoever connects
 * while hvd-display is being replaced waits for the next one.
 *
 * TCP sockets have SO_REUSEPORT, for the hvd-display of an earlier hvd may not have
 * ended yet when a zone is adopted.  Any other start looks first whether somebody
 * listens there, which with that option the kernel does not.
 */
#ifndef ZV_TOOLSTACK_DAEMON_DISPLAY_LISTEN_H
#define ZV_TOOLSTACK_DAEMON_DISPLAY_LISTEN_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "zerror.h"
#include "zone_def.h"

#define DISPLAY_LISTEN_MAX (2 * ZONE_DEF_HEADS_MAX)

struct display_listen {
	unsigned int count;
	struct {
		uint32_t head;
		int fd;
		bool tcp;
	} socket[DISPLAY_LISTEN_MAX];
	uint16_t port; /* of head 0; 0: none */
};

/* dir/NAME-HEAD.sock, empty if that is too long for a path. */
void display_listen_path(const char *dir, const char *zone, uint32_t head,
			 char ret_path[PATH_MAX]);

/* The name of another zone that listens there; NULL: none. */
typedef const char *(*display_listen_taken_fn)(void *arg, const char *address,
					       uint16_t port);

/*
 * For the gpu, which is at path ("$.devices[1]") of the definition.  adopted: a
 * port that is chosen is the one that it was before, if that can be; without a port
 * that cannot be had the rest is there, and the log says so.
 */
int display_listen_open(const char *dir, const char *zone,
			const struct zone_device *gpu, const char *path,
			bool adopted, display_listen_taken_fn taken_by,
			void *arg, struct display_listen *ret,
			struct zerror *ret_error);
void display_listen_close(struct display_listen *listen);

/* The files of a zone that has ended. */
void display_listen_remove(const char *dir, const char *zone);

#endif /* ZV_TOOLSTACK_DAEMON_DISPLAY_LISTEN_H */
