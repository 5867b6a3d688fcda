/* SPDX-License-Identifier: BSD-2-Clause */
/* How a zone's virtio device is, as its I/O process says. */
#ifndef ZV_TOOLSTACK_DAEMON_DEVICE_STATUS_H
#define ZV_TOOLSTACK_DAEMON_DEVICE_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#include "zone_def.h"

struct json_object;

enum device_state {
	DEVICE_OK,
	DEVICE_ERROR, /* what it works on failed; the guest was told */
	DEVICE_PAUSED, /* ... and requests wait to be resumed */
	DEVICE_BROKEN, /* the guest's driver broke the rules */
};

struct device_status {
	enum device_state state;
	char error[160]; /* empty: none, or unknown */
	bool lost; /* its NBD server has gone; stays until the next one is there */
	bool sized; /* size is known */
	uint64_t size; /* bytes */
	bool vhost; /* of a network device: it was given zone0's vhost-net */
};

/*
 * What a message says of a device: "state" and perhaps "error", "lost" and "size".
 * -1: it makes no sense.  *ret_changed: the state or the reason for it has.
 */
int device_status_update(struct device_status *status,
			 const struct zone_device *device,
			 struct json_object *message, bool *ret_changed);
/* The size alone.  *ret_changed: it is another one now. */
int device_status_resize(struct device_status *status,
			 struct json_object *message, bool *ret_changed);

/*
 * A fresh process: nothing is wrong yet but what is lost.  def NULL: everything is
 * forgotten, sizes, too.
 */
void device_status_reset(struct device_status *status,
			 const struct zone_def *def);
/* All devices of def have been reset. */
void device_status_mended(struct device_status *status,
			  const struct zone_def *def);

const char *device_state_name(enum device_state state);

/*
 * {name, type, state, error?, size?, limits?, and path, readonly or mac, mtu, link
 * and bridge, tap, vhost or user, forward?} of each, of the zone of that id (-1: it
 * has none yet).
 */
struct json_object *device_status_to_json(const struct device_status *status,
					  int64_t zone,
					  const struct zone_def *def);

#endif /* ZV_TOOLSTACK_DAEMON_DEVICE_STATUS_H */
