/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which frames a driver wants to get (virtio 1.2, 5.1.6.5.1 to 5.1.6.5.3).  A
 * filter spares the driver work and protects nobody: where it has no room to
 * remember, it lets more through.
 */
#ifndef ZV_BACKENDS_NET_NET_FILTER_H
#define ZV_BACKENDS_NET_NET_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/net_hdr.h"

#define NET_FILTER_MACS 64u /* of each table; more: all of that kind pass */
#define NET_FILTER_VLANS 4096u

struct net_filter_table {
	uint32_t count;
	bool all;
	uint8_t mac[NET_FILTER_MACS][NET_MAC_SIZE];
};

struct net_filter {
	uint8_t mac[NET_MAC_SIZE];
	bool promisc;
	bool allmulti;
	bool alluni;
	bool nomulti;
	bool nouni;
	bool nobcast;
	bool vlans_all;
	struct net_filter_table unicast;
	struct net_filter_table multicast;
	uint8_t vlans[NET_FILTER_VLANS / 8];
};

/* As it is after a reset: everything passes. */
void net_filter_init(struct net_filter *filter,
		     const uint8_t mac[NET_MAC_SIZE]);

/* frame: the first len bytes, enough for a VLAN tag if it has one. */
bool net_filter_passes(const struct net_filter *filter, const uint8_t *frame,
		       size_t len);

/* vlan < NET_FILTER_VLANS */
void net_filter_set_vlan(struct net_filter *filter, uint32_t vlan, bool on);

#endif /* ZV_BACKENDS_NET_NET_FILTER_H */
