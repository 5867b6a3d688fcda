/* SPDX-License-Identifier: BSD-2-Clause */
#include "net/net_filter.h"

#include <string.h>

#define TYPE_OFFSET 12u
#define VLAN_OFFSET 14u
#define TYPE_VLAN 0x8100u /* IEEE 802.1Q */

void net_filter_init(struct net_filter *filter, const uint8_t mac[NET_MAC_SIZE])
{
	memset(filter, 0, sizeof(*filter));
	memcpy(filter->mac, mac, NET_MAC_SIZE);
	filter->promisc = true;
}

static uint32_t be16_at(const uint8_t *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}

static bool vlan_passes(const struct net_filter *filter, const uint8_t *frame,
			size_t len)
{
	uint32_t vlan;

	if (filter->vlans_all || len < VLAN_OFFSET + 2 ||
	    be16_at(frame + TYPE_OFFSET) != TYPE_VLAN) {
		return true;
	}
	vlan = be16_at(frame + VLAN_OFFSET) & (NET_FILTER_VLANS - 1);
	return (filter->vlans[vlan / 8] & 1u << vlan % 8) != 0;
}

static bool has_mac(const struct net_filter_table *table, const uint8_t *mac)
{
	if (table->all) {
		return true;
	}
	for (uint32_t i = 0; i < table->count; i++) {
		if (memcmp(table->mac[i], mac, NET_MAC_SIZE) == 0) {
			return true;
		}
	}
	return false;
}

static bool group_passes(const struct net_filter *filter, const uint8_t *mac)
{
	static const uint8_t broadcast[NET_MAC_SIZE] = { 0xff, 0xff, 0xff,
							 0xff, 0xff, 0xff };

	if (memcmp(mac, broadcast, NET_MAC_SIZE) == 0) {
		return !filter->nobcast;
	}
	if (filter->nomulti) {
		return false;
	}
	return filter->allmulti || has_mac(&filter->multicast, mac);
}

bool net_filter_passes(const struct net_filter *filter, const uint8_t *frame,
		       size_t len)
{
	if (filter->promisc) {
		return true;
	}
	if (!vlan_passes(filter, frame, len)) {
		return false;
	}
	if ((frame[0] & 1) != 0) {
		return group_passes(filter, frame);
	}
	if (filter->nouni) {
		return false;
	}
	return filter->alluni ||
	       memcmp(frame, filter->mac, NET_MAC_SIZE) == 0 ||
	       has_mac(&filter->unicast, frame);
}

void net_filter_set_vlan(struct net_filter *filter, uint32_t vlan, bool on)
{
	uint8_t bit = (uint8_t)(1u << vlan % 8);

	if (on) {
		filter->vlans[vlan / 8] |= bit;
	} else {
		filter->vlans[vlan / 8] &= (uint8_t)~bit;
	}
}
