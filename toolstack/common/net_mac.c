/* SPDX-License-Identifier: BSD-2-Clause */
#include "net_mac.h"

#include <stdio.h>
#include <string.h>

#define OURS 0x5a /* unicast, locally administered (IEEE 802, 8.2) */
#define HOST_END 0xfe
#define OTHER_HOST_END 0xfa

/* FNV-1a, 64 bits. */
static uint64_t hash(uint64_t h, const void *data, size_t len)
{
	const uint8_t *at = data;

	while (len-- != 0) {
		h = (h ^ *at++) * 0x100000001b3ull;
	}
	return h;
}

void net_mac_default(const uint8_t uuid[UUID_SIZE], const char *device,
		     uint8_t ret_mac[NET_MAC_BYTES])
{
	uint64_t h = hash(0xcbf29ce484222325ull, uuid, UUID_SIZE);

	h = hash(h, device, strlen(device));
	/* Names that differ in the last letter differ in all bytes. */
	h ^= h >> 32;
	h *= 0x9e3779b97f4a7c15ull;
	h ^= h >> 29;
	ret_mac[0] = OURS;
	for (int i = 1; i < NET_MAC_BYTES; i++) {
		ret_mac[i] = (uint8_t)(h >> (8 * i));
	}
}

static int digit(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool net_mac_parse(const char *text, uint8_t ret_mac[NET_MAC_BYTES])
{
	uint8_t mac[NET_MAC_BYTES];

	for (int i = 0; i < NET_MAC_BYTES; i++) {
		int high = digit(text[0]);
		int low = high < 0 ? -1 : digit(text[1]);

		if (low < 0 || text[2] != (i + 1 < NET_MAC_BYTES ? ':' : 0)) {
			return false;
		}
		mac[i] = (uint8_t)(high << 4 | low);
		text += 3;
	}
	memcpy(ret_mac, mac, sizeof(mac));
	return true;
}

void net_mac_format(const uint8_t mac[NET_MAC_BYTES],
		    char ret_text[NET_MAC_TEXT_SIZE])
{
	snprintf(ret_text, NET_MAC_TEXT_SIZE, "%02x:%02x:%02x:%02x:%02x:%02x",
		 mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

bool net_mac_is_usable(const uint8_t mac[NET_MAC_BYTES])
{
	static const uint8_t zero[NET_MAC_BYTES];

	return (mac[0] & 1) == 0 && memcmp(mac, zero, NET_MAC_BYTES) != 0;
}

int net_mac_find(const uint8_t (*macs)[NET_MAC_BYTES], size_t count,
		 const uint8_t mac[NET_MAC_BYTES])
{
	for (size_t i = 0; i < count; i++) {
		if (memcmp(macs[i], mac, NET_MAC_BYTES) == 0) {
			return (int)i;
		}
	}
	return -1;
}

void net_mac_of_host_end(const uint8_t mac[NET_MAC_BYTES],
			 uint8_t ret_mac[NET_MAC_BYTES])
{
	memcpy(ret_mac, mac, NET_MAC_BYTES);
	ret_mac[0] = mac[0] == HOST_END ? OTHER_HOST_END : HOST_END;
}
