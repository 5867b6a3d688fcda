// SPDX-License-Identifier: BSD-2-Clause
#include "network.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "name_uuid.h"
#include "xml_text.h"
#include "zone_def.h"

static void add(struct network *ret, const char *name, const char *bridge)
{
	snprintf(ret->name, sizeof(ret->name), "%s", name);
	snprintf(ret->bridge, sizeof(ret->bridge), "%s", bridge);
	name_uuid("network", name, ret->uuid);
}

static bool is_bridge(const char *sysfs, const char *name)
{
	char path[PATH_MAX];
	int len = snprintf(path, sizeof(path), "%s/class/net/%s/bridge", sysfs,
			   name);

	return len > 0 && (size_t)len < sizeof(path) && access(path, F_OK) == 0;
}

/* A bridge of somebody who calls it "default" is not shown: that is hvd's. */
static bool is_shown(const char *sysfs, const char *name)
{
	return strlen(name) < IFNAMSIZ && name[0] != '.' &&
	       xml_can_hold(name) && strcmp(name, NETWORK_DEFAULT) != 0 &&
	       strcmp(name, ZONE_DEF_BRIDGE_DEFAULT) != 0 &&
	       is_bridge(sysfs, name);
}

uint32_t network_list(const char *sysfs, struct network *ret_networks,
		      uint32_t max)
{
	char path[PATH_MAX];
	struct dirent **entries = NULL;
	uint32_t used = 0;
	int count;

	snprintf(path, sizeof(path), "%s/class/net", sysfs);
	add(&ret_networks[used++], NETWORK_DEFAULT, ZONE_DEF_BRIDGE_DEFAULT);
	count = scandir(path, &entries, NULL, alphasort);
	for (int i = 0; i < count; i++) {
		const char *name = entries[i]->d_name;

		if (used < max && is_shown(sysfs, name)) {
			add(&ret_networks[used++], name, name);
		}
		free(entries[i]);
	}
	free(entries);
	return used;
}
