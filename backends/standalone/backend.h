/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process around one virtio device that serves vhost-user front-ends, one
 * after the other.
 *
 *   waiting -- front-end connects --> serving -- its end --> waiting, or ended
 *           \------ SIGTERM, SIGINT -------------------------------> ended
 */
#ifndef ZV_BACKENDS_STANDALONE_BACKEND_H
#define ZV_BACKENDS_STANDALONE_BACKEND_H

#include <uv.h>

#include "core/event_uv.h"
#include "transport/vhost_user/vhost_user.h"

struct backend {
	uv_loop_t uv;
	struct event_uv event;
	uv_signal_t term;
	uv_signal_t interrupt;
	struct vhost_user vu;
	struct event_watch watch; /* of listen_fd, while waiting */
	struct event_defer lost; /* the device is of no more use */
	struct event_defer finish;
	const char *program; /* for messages */
	int listen_fd; /* -1: there is but one front-end */
	bool once; /* end with the first front-end */
	bool ending;
	int status;
};

/*
 * A listening socket at path, in place of one that nobody listens on; its fd,
 * or negative errno.
 */
int backend_listen(const char *path);

/* Sets up loop and signals; the device may then be made with event.loop. */
int backend_init(struct backend *backend, const char *program);
/*
 * Serves front-ends that come to listen_fd, or the one at front_end_fd (the
 * other is -1), which are both ours.  Returns when it is over: the process's
 * exit status.  The device is at rest then.
 */
int backend_run(struct backend *backend, struct virtio_device *dev,
		int listen_fd, int front_end_fd, bool once);
/* Ends it with a failure, soon; from anywhere in the device. */
void backend_lost(struct backend *backend);
/* After the device has let go of the loop. */
int backend_fini(struct backend *backend);

#endif /* ZV_BACKENDS_STANDALONE_BACKEND_H */
