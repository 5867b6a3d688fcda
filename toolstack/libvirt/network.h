/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Networks as libvirt's clients see them: zone0's bridges, under their names.
 * hvd's own, which it makes when a zone needs it, is "default", the network that
 * virt-install asks for when it is told of none.
 */
#ifndef ZV_TOOLSTACK_LIBVIRT_NETWORK_H
#define ZV_TOOLSTACK_LIBVIRT_NETWORK_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "uuid.h"

#define NETWORK_DEFAULT "default"

struct network {
	char name[IFNAMSIZ];
	char bridge[IFNAMSIZ];
	uint8_t uuid[UUID_SIZE];
};

/*
 * The default one, then the bridges of sysfs ("/sys") in order of their names; at
 * most max, which is not 0.  Returns how many there are in ret_networks.
 */
uint32_t network_list(const char *sysfs, struct network *ret_networks,
		      uint32_t max);

#endif /* ZV_TOOLSTACK_LIBVIRT_NETWORK_H */
