// SPDX-License-Identifier: BSD-2-Clause
#include "domain_state.h"

#include <hvd.h>
#include <libvirt/libvirt.h>
#include <stddef.h>
#include <string.h>

#include "json.h"

const struct domain_end *domain_end(const char *reason)
{
	static const struct {
		const char *word;
		struct domain_end end;
	} rows[] = {
		{ "powered off",
		  { VIR_DOMAIN_SHUTOFF_SHUTDOWN,
		    VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN } },
		{ "its last vCPU",
		  { VIR_DOMAIN_SHUTOFF_SHUTDOWN,
		    VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN } },
		{ "stopped",
		  { VIR_DOMAIN_SHUTOFF_SHUTDOWN,
		    VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN } },
		{ "reset",
		  { VIR_DOMAIN_SHUTOFF_SHUTDOWN,
		    VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN } },
		{ "destroyed",
		  { VIR_DOMAIN_SHUTOFF_DESTROYED,
		    VIR_DOMAIN_EVENT_STOPPED_DESTROYED } },
		{ "left half",
		  { VIR_DOMAIN_SHUTOFF_DESTROYED,
		    VIR_DOMAIN_EVENT_STOPPED_DESTROYED } },
		{ "start failed",
		  { VIR_DOMAIN_SHUTOFF_FAILED,
		    VIR_DOMAIN_EVENT_STOPPED_FAILED } },
	};
	static const struct domain_end crashed = {
		VIR_DOMAIN_SHUTOFF_CRASHED, VIR_DOMAIN_EVENT_STOPPED_CRASHED
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strncmp(reason, rows[i].word, strlen(rows[i].word)) == 0) {
			return &rows[i].end;
		}
	}
	return &crashed;
}

/* One that has not run since hvd began has no reason. */
static int shutoff_reason(const char *reason)
{
	return reason[0] ? domain_end(reason)->shutoff
			 : VIR_DOMAIN_SHUTOFF_UNKNOWN;
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
