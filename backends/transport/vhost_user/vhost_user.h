/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The vhost-user transport of a virtio device: another program (QEMU) has the
 * guest, its memory and the device's registers, and tells us over a unix socket
 * where the rings are.
 *
 *   idle -- connect() --> open -- end of the socket, wrong message,
 *    ^                     |      disconnect(), memory that vanished
 *    |                     v
 *    +---- on_end() --- closing   (the device is brought to rest)
 *
 * A ring runs when it is started (it has a kick), enabled (or of those that the
 * device empties while they are disabled), has a size and addresses.  The device runs while a ring does.  A message that changes what
 * a running device uses waits until the device has come to rest; then it is
 * carried out, answered, and the device goes on with what there is now.  No
 * message is looked at meanwhile.
 *
 * The front-end is not trusted: a wrong message ends the connection, with a
 * line for the log that names message and field, and nothing else.
 */
#ifndef ZV_BACKENDS_TRANSPORT_VHOST_USER_VHOST_USER_H
#define ZV_BACKENDS_TRANSPORT_VHOST_USER_VHOST_USER_H

#include "core/virtio_device.h"
#include "transport/vhost_user/vhost_user_inflight.h"
#include "transport/vhost_user/vhost_user_mem.h"
#include "transport/vhost_user/vhost_user_wire.h"

/* How often a ring is looked at whose front-end wants it to be polled. */
#define VHOST_USER_POLL_MS 5u

struct vhost_user;

enum vhost_user_enable {
	VHOST_USER_ENABLE_UNSAID, /* on, unless protocol features are used */
	VHOST_USER_ENABLE_OFF,
	VHOST_USER_ENABLE_ON
};

struct vhost_user_ring {
	struct vhost_user *vu;
	uint32_t index;
	uint32_t size; /* 0: not told */
	bool placed; /* the addresses have been told */
	bool started;
	bool running; /* the device uses it */
	bool moved; /* pos is the front-end's word, not ours */
	enum vhost_user_enable enable;
	uint16_t pos; /* of the next chain, while it does not run */
	struct vhost_user_vring_addr addr;
	int kick; /* eventfds, or -1 */
	int call;
	int err;
	struct event_watch watch; /* of kick */
};

struct vhost_user {
	struct virtio_device *dev;
	struct event_loop *loop;
	/* Set by the owner after init; on_log may be NULL. */
	void (*on_end)(struct vhost_user *vu); /* idle again */
	void (*on_log)(struct vhost_user *vu, const char *line);
	void *owner;

	/* The connection. */
	bool open;
	bool closing;
	bool held; /* the message at hand waits for the device */
	struct vhost_user_wire wire;
	struct event_watch watch;
	struct event_defer go_on; /* the device has come to rest */
	char why[160]; /* what is wrong with the message at hand */

	/* What the front-end has told. */
	uint64_t features;
	uint64_t protocol_features;
	uint8_t status;
	struct vhost_user_mem mem;
	struct vhost_user_tracking tracking;
	struct vhost_user_ring ring[VIRTIO_QUEUES_MAX];
	int fault_fd; /* eventfd: memory has vanished */
	struct event_watch fault;
	int backend_fd; /* channel for our requests, or -1 */
	struct event_watch backend; /* for room to tell of config_due */
	bool config_due;

	/* The device. */
	bool running; /* between start() and the end of stop() */
	bool stopping;
	bool broken; /* until no ring is started, or a reset */
	bool broken_told;
	struct event_timer poll;
	uint64_t marks[VIRTIO_QUEUES_MAX];
};

/* The device must not be in use; fault_guard_install() has been called. */
void vhost_user_init(struct vhost_user *vu, struct virtio_device *dev,
		     struct event_loop *loop);

/*
 * Serves the front-end at the other end of fd, a stream socket that is ours
 * from now on whatever happens.  0, -EBUSY if not idle, or another error.
 */
int vhost_user_connect(struct vhost_user *vu, int fd);
/* on_end() follows, from the loop, if it is open. */
void vhost_user_disconnect(struct vhost_user *vu, const char *why);

#endif /* ZV_BACKENDS_TRANSPORT_VHOST_USER_VHOST_USER_H */
