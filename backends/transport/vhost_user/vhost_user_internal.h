/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between the three parts of the transport: connection (vhost_user.c), requests
 * (vhost_user_request.c) and device (vhost_user_device.c).
 */
#ifndef ZV_BACKENDS_TRANSPORT_VHOST_USER_VHOST_USER_INTERNAL_H
#define ZV_BACKENDS_TRANSPORT_VHOST_USER_VHOST_USER_INTERNAL_H

#include "transport/vhost_user/vhost_user.h"

/* Notes what is wrong with the message at hand; -EPROTO. */
int vhost_user_wrong(struct vhost_user *vu, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void vhost_user_log(struct vhost_user *vu, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void vhost_user_end(struct vhost_user *vu, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* ----------------------------------------------------------------- requests */

struct vhost_user_kind {
	const char *name;
	size_t size_min; /* of the payload */
	size_t size_max;
	size_t fds_min;
	size_t fds_max;
	uint64_t needs; /* a protocol feature */
	bool stops; /* changes what a running device uses */
	bool answers; /* has an answer of its own */
	/* 0, or vhost_user_wrong() */
	int (*handle)(struct vhost_user *vu, struct vhost_user_msg *msg);
};

/* NULL: no such request.  handle is NULL if we do not do it. */
const struct vhost_user_kind *vhost_user_kind(uint32_t request);

/* ------------------------------------------------------------------- device */

extern const struct virtio_transport_ops vhost_user_transport_ops;

uint64_t vhost_user_features(const struct vhost_user *vu);
uint32_t vhost_user_queue_size_max(const struct vhost_user *vu);
/* Starts the device if it does not run and can.  0, or vhost_user_wrong() */
int vhost_user_settle(struct vhost_user *vu);
/*
 * Brings the device to rest.  true if it is; else vu->go_on is called when it
 * has come to.
 */
bool vhost_user_stop(struct vhost_user *vu);
/* The ring takes the fd over (-1: none) in place of the one it had. */
int vhost_user_ring_kick(struct vhost_user_ring *ring, int fd);
void vhost_user_ring_call(struct vhost_user_ring *ring, int fd);
void vhost_user_ring_err(struct vhost_user_ring *ring, int fd);
void vhost_user_ring_init(struct vhost_user *vu, uint32_t index);
/* Tells the front-end of config_due, if there is a channel. */
void vhost_user_tell_config(struct vhost_user *vu);

#endif /* ZV_BACKENDS_TRANSPORT_VHOST_USER_VHOST_USER_INTERNAL_H */
