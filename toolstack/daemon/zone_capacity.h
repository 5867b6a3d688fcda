/* SPDX-License-Identifier: BSD-2-Clause */
/* Does a zone fit into the machine, and if not: what lacks, and who has it. */
#ifndef ZV_TOOLSTACK_DAEMON_ZONE_CAPACITY_H
#define ZV_TOOLSTACK_DAEMON_ZONE_CAPACITY_H

#include <stdint.h>

#include "zerror.h"
#include "zone_def.h"

struct zv_info;

struct zone_share {
	char name[ZV_NAME_MAX];
	uint64_t memory; /* bytes */
};

/*
 * zones: all that exist beside zone0, in any order; sorted here.  0, or -1 with
 * an error that says what to do.
 */
int zone_capacity_check(const struct zone_def *def, const struct zv_info *info,
			struct zone_share *zones, uint32_t count,
			struct zerror *ret_error);

#endif /* ZV_TOOLSTACK_DAEMON_ZONE_CAPACITY_H */
