// SPDX-License-Identifier: BSD-2-Clause
#include "domain_state.h"

#include <hvd.h>
#include <libvirt/libvirt.h>
#include <stddef.h>
#include <string.h>

#include "json.h"

/* Why a zone is shut off, by the beginning of hvd's reason. */
static int shutoff_reason(const char *reason)
{
	static const struct {
		const char *word;
		int reason;
	} rows[] = {
		{ "powered off", VIR_DOMAIN_SHUTOFF_SHUTDOWN },
		{ "destroyed", VIR_DOMAIN_SHUTOFF_DESTROYED },
		{ "crashed", VIR_DOMAIN_SHUTOFF_CRASHED },
		{ "start failed", VIR_DOMAIN_SHUTOFF_FAILED },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strncmp(reason, rows[i].word, strlen(rows[i].word)) == 0) {
			return rows[i].reason;
		}
	}
	return VIR_DOMAIN_SHUTOFF_UNKNOWN;
}

int domain_state(struct json_object *zone, int *ret_reason)
{
	static const struct {
		const char *word;
		int state;
		int reason;
	} rows[] = {
		{ HVD_STATE_STARTING, VIR_DOMAIN_PAUSED,
		  VIR_DOMAIN_PAUSED_STARTING_UP },
		{ HVD_STATE_RUNNING, VIR_DOMAIN_RUNNING,
		  VIR_DOMAIN_RUNNING_BOOTED },
		{ HVD_STATE_PAUSED, VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_USER },
		/* It runs on until it has powered itself off. */
		{ HVD_STATE_SHUTTING_DOWN, VIR_DOMAIN_RUNNING,
		  VIR_DOMAIN_RUNNING_BOOTED },
		{ HVD_STATE_REBOOTING, VIR_DOMAIN_RUNNING,
		  VIR_DOMAIN_RUNNING_BOOTED },
		{ HVD_STATE_CRASHED, VIR_DOMAIN_CRASHED,
		  VIR_DOMAIN_CRASHED_UNKNOWN },
		{ HVD_STATE_PRESERVED, VIR_DOMAIN_PAUSED,
		  VIR_DOMAIN_PAUSED_SHUTTING_DOWN },
		{ HVD_STATE_DYING, VIR_DOMAIN_SHUTDOWN,
		  VIR_DOMAIN_SHUTDOWN_UNKNOWN },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (json_is(zone, "state", rows[i].word)) {
			if (ret_reason) {
				*ret_reason = rows[i].reason;
			}
			return rows[i].state;
		}
	}
	if (ret_reason) {
		*ret_reason = shutoff_reason(json_text(zone, "reason"));
	}
	return VIR_DOMAIN_SHUTOFF;
}

bool domain_is_active(struct json_object *zone)
{
	return json_number(zone, "id", -1) >= 0;
}
