/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zone0's vhost-net, by which its kernel moves a network device's packets: one
 * open file for each pair of queues.  Any thread.
 */
#ifndef ZV_TOOLSTACK_DAEMON_NET_VHOST_H
#define ZV_TOOLSTACK_DAEMON_NET_VHOST_H

#include <stdint.h>

#include "net_tap.h"
#include "zerror.h"
#include "zone_def.h"

struct net_vhost {
	uint32_t count; /* 0: there are none */
	int fd[NET_TAP_QUEUES_MAX]; /* close-on-exec */
};

/*
 * As the device wishes.  0, with a file for each of its pairs or, where zone0 has
 * no vhost-net and the device does not insist, none; or -1.  path: that of the
 * device in the definition.
 */
int net_vhost_open(const struct zone_device *device, const char *path,
		   struct net_vhost *ret, struct zerror *ret_error);
void net_vhost_close(struct net_vhost *vhost);

#endif /* ZV_TOOLSTACK_DAEMON_NET_VHOST_H */
