/* SPDX-License-Identifier: BSD-2-Clause */
/* Ethernet addresses of zones' network devices. */
#ifndef ZV_TOOLSTACK_COMMON_NET_MAC_H
#define ZV_TOOLSTACK_COMMON_NET_MAC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "uuid.h"

#define NET_MAC_BYTES 6
#define NET_MAC_TEXT_SIZE 18 /* NUL included */

/*
 * The address of a device that was given none: always the same for this zone
 * and name, unicast and locally administered.
 */
void net_mac_default(const uint8_t uuid[UUID_SIZE], const char *device,
		     uint8_t ret_mac[NET_MAC_BYTES]);

/* "5a:00:11:22:33:44", in either case; false: something else. */
bool net_mac_parse(const char *text, uint8_t ret_mac[NET_MAC_BYTES]);
void net_mac_format(const uint8_t mac[NET_MAC_BYTES],
		    char ret_text[NET_MAC_TEXT_SIZE]);

/* Whether a device can have it: unicast and not zero. */
bool net_mac_is_usable(const uint8_t mac[NET_MAC_BYTES]);

/* Its place among count others; -1: it is the only one. */
int net_mac_find(const uint8_t (*macs)[NET_MAC_BYTES], size_t count,
		 const uint8_t mac[NET_MAC_BYTES]);

/*
 * An address for zone0's end of the cable.  It is high, so that a bridge, which
 * takes the lowest of its ports' addresses, does not take this one.
 */
void net_mac_of_host_end(const uint8_t mac[NET_MAC_BYTES],
			 uint8_t ret_mac[NET_MAC_BYTES]);

#endif /* ZV_TOOLSTACK_COMMON_NET_MAC_H */
