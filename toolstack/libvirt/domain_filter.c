// SPDX-License-Identifier: BSD-2-Clause
#include "domain_filter.h"

#include <libvirt/libvirt.h>
#include <stddef.h>

#include "domain_state.h"
#include "json.h"

struct filter {
	uint32_t yes;
	uint32_t no;
	bool (*is)(struct json_object *zone);
};

static bool is_running(struct json_object *zone)
{
	return domain_state(zone, NULL) == VIR_DOMAIN_RUNNING;
}

static bool is_paused(struct json_object *zone)
{
	return domain_state(zone, NULL) == VIR_DOMAIN_PAUSED;
}

static bool is_shutoff(struct json_object *zone)
{
	return domain_state(zone, NULL) == VIR_DOMAIN_SHUTOFF;
}

static bool is_other(struct json_object *zone)
{
	return !is_running(zone) && !is_paused(zone) && !is_shutoff(zone);
}

static bool is_persistent(struct json_object *zone)
{
	return json_flag(zone, "persistent");
}

static bool is_autostart(struct json_object *zone)
{
	return json_flag(zone, "autostart");
}

/* Saved states, snapshots and checkpoints: there are none. */
static bool never(struct json_object *zone)
{
	(void)zone;
	return false;
}

/* Does the state match one of those that are asked for, if any are? */
static bool state_matches(struct json_object *zone, uint32_t flags)
{
	static const struct {
		uint32_t flag;
		bool (*is)(struct json_object *zone);
	} rows[] = {
		{ VIR_CONNECT_LIST_DOMAINS_RUNNING, is_running },
		{ VIR_CONNECT_LIST_DOMAINS_PAUSED, is_paused },
		{ VIR_CONNECT_LIST_DOMAINS_SHUTOFF, is_shutoff },
		{ VIR_CONNECT_LIST_DOMAINS_OTHER, is_other },
	};
	uint32_t asked = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		asked |= flags & rows[i].flag;
		if ((flags & rows[i].flag) && rows[i].is(zone)) {
			return true;
		}
	}
	return !asked;
}

bool domain_matches(struct json_object *zone, uint32_t flags)
{
	static const struct filter rows[] = {
		{ VIR_CONNECT_LIST_DOMAINS_ACTIVE,
		  VIR_CONNECT_LIST_DOMAINS_INACTIVE, domain_is_active },
		{ VIR_CONNECT_LIST_DOMAINS_PERSISTENT,
		  VIR_CONNECT_LIST_DOMAINS_TRANSIENT, is_persistent },
		{ VIR_CONNECT_LIST_DOMAINS_AUTOSTART,
		  VIR_CONNECT_LIST_DOMAINS_NO_AUTOSTART, is_autostart },
		{ VIR_CONNECT_LIST_DOMAINS_MANAGEDSAVE,
		  VIR_CONNECT_LIST_DOMAINS_NO_MANAGEDSAVE, never },
		{ VIR_CONNECT_LIST_DOMAINS_HAS_SNAPSHOT,
		  VIR_CONNECT_LIST_DOMAINS_NO_SNAPSHOT, never },
		{ VIR_CONNECT_LIST_DOMAINS_HAS_CHECKPOINT,
		  VIR_CONNECT_LIST_DOMAINS_NO_CHECKPOINT, never },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool yes = flags & rows[i].yes;
		bool no = flags & rows[i].no;

		if (yes != no && rows[i].is(zone) != yes) {
			return false;
		}
	}
	return state_matches(zone, flags);
}
