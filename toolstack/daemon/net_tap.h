/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The cable between a zone's network device and zone0: a TAP device on a
 * bridge.
 *
 * A TAP lives as long as one of its fds is open.  Those are in an I/O process, and
 * here only until it has started: so a TAP is gone when its process is, and the
 * next process gets one that nobody has fiddled with, of the same name and on
 * the same bridge.  hvd's own bridge is made with the first TAP that wants it and
 * carries a mark (its alias), by which an hvd that was started again knows it.
 * It goes, with whatever addresses it was given, when net_tap_tidy() finds it
 * without ports.  Bridges of others are never made nor removed.
 *
 * The calls wait for the kernel's network lock, normally for microseconds.
 * Any thread.
 */
#ifndef ZV_TOOLSTACK_DAEMON_NET_TAP_H
#define ZV_TOOLSTACK_DAEMON_NET_TAP_H

#include <net/if.h>
#include <stdint.h>

#include "net_mac.h"
#include "zerror.h"

#define NET_TAP_QUEUES_MAX 3u
#define NET_TAP_OWN_BRIDGE "zvbr0"
#define NET_TAP_MTU_MIN 68u
#define NET_TAP_MTU_DEFAULT 1500u
#define NET_TAP_MTU_MAX 65521u /* of Linux's TAP; a guest's may be more */

struct net_tap_config {
	uint32_t zone; /* id, for the name */
	uint32_t device; /* number of the network device in the zone */
	const char *bridge; /* NULL: hvd's own */
	uint8_t mac[NET_MAC_BYTES]; /* the guest's */
	uint32_t mtu; /* 0: NET_TAP_MTU_DEFAULT; the most there is at most */
	uint32_t queues; /* pairs, 1 .. NET_TAP_QUEUES_MAX */
	const char *path; /* of the device in the definition, for errors */
};

struct net_tap {
	char name[IFNAMSIZ]; /* "zv<zone>.<device>" */
	uint32_t queues;
	int fd[NET_TAP_QUEUES_MAX]; /* non-blocking, close-on-exec */
};

/* 0, or -1 and nothing is left behind. */
int net_tap_open(const struct net_tap_config *config, struct net_tap *ret_tap,
		 struct zerror *ret_error);
void net_tap_close(struct net_tap *tap);

void net_tap_name(uint32_t zone, uint32_t device, char ret_name[IFNAMSIZ]);
/* Of one that is open somewhere.  0 or a negative errno. */
int net_tap_set_mtu(uint32_t zone, uint32_t device, uint32_t mtu);

struct net_tap_counters { /* as the guest sees it: rx goes to it */
	uint64_t rx_packets;
	uint64_t rx_bytes;
	uint64_t tx_packets;
	uint64_t tx_bytes;
};

/* Of one that is open somewhere, since it was made.  0 or a negative errno. */
int net_tap_counters(uint32_t zone, uint32_t device,
		     struct net_tap_counters *ret);

/*
 * Waits until a zone's first `count` TAPs are gone, ms at most, because whose
 * they are may still be ending.  0, -ETIMEDOUT, or another negative errno.
 */
int net_tap_wait_gone(uint32_t zone, uint32_t count, unsigned int ms);

/*
 * Removes hvd's own bridge if no port is left: to be called when hvd starts and
 * when a TAP's last fd is closed.  0, also if there is nothing to remove, or a
 * negative errno.
 */
int net_tap_tidy(void);

#endif /* ZV_TOOLSTACK_DAEMON_NET_TAP_H */
