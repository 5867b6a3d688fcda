/* SPDX-License-Identifier: BSD-2-Clause */
#include "zone_fsm.h"

/* One more than the state, so that what is not named is 0: impossible. */
#define TO(state) (ZONE_##state + 1)

static const unsigned char table[ZONE_STATE_COUNT][ZONE_EVENT_COUNT] = {
	[ZONE_DEFINED] = {
		[ZONE_EVENT_START] = TO(STARTING),
		[ZONE_EVENT_ADOPT_RUNNING] = TO(RUNNING),
		[ZONE_EVENT_ADOPT_PAUSED] = TO(PAUSED),
	},
	[ZONE_STARTING] = {
		[ZONE_EVENT_STARTED] = TO(RUNNING),
		[ZONE_EVENT_HELD] = TO(PAUSED),
		[ZONE_EVENT_FAILED] = TO(DYING),
		[ZONE_EVENT_DESTROY] = TO(DYING),
	},
	[ZONE_RUNNING] = {
		[ZONE_EVENT_PAUSE] = TO(PAUSED),
		[ZONE_EVENT_SHUTDOWN] = TO(SHUTTING_DOWN),
		[ZONE_EVENT_REBOOT] = TO(REBOOTING),
		[ZONE_EVENT_RESET] = TO(REBOOTING),
		[ZONE_EVENT_OFF] = TO(DYING),
		[ZONE_EVENT_CRASH] = TO(CRASHED),
		[ZONE_EVENT_PRESERVE] = TO(PRESERVED),
		[ZONE_EVENT_DESTROY] = TO(DYING),
	},
	[ZONE_PAUSED] = {
		[ZONE_EVENT_RESUME] = TO(RUNNING),
		[ZONE_EVENT_RESET] = TO(REBOOTING),
		[ZONE_EVENT_OFF] = TO(DYING),
		[ZONE_EVENT_CRASH] = TO(CRASHED),
		[ZONE_EVENT_PRESERVE] = TO(PRESERVED),
		[ZONE_EVENT_DESTROY] = TO(DYING),
	},
	[ZONE_SHUTTING_DOWN] = {
		[ZONE_EVENT_SHUTDOWN] = TO(SHUTTING_DOWN),
		[ZONE_EVENT_REBOOT] = TO(REBOOTING),
		[ZONE_EVENT_EXPIRED] = TO(RUNNING),
		[ZONE_EVENT_RESET] = TO(REBOOTING),
		[ZONE_EVENT_OFF] = TO(DYING),
		[ZONE_EVENT_CRASH] = TO(CRASHED),
		[ZONE_EVENT_PRESERVE] = TO(PRESERVED),
		[ZONE_EVENT_DESTROY] = TO(DYING),
	},
	[ZONE_REBOOTING] = {
		[ZONE_EVENT_STARTED] = TO(RUNNING),
		[ZONE_EVENT_FAILED] = TO(DYING),
		[ZONE_EVENT_SHUTDOWN] = TO(SHUTTING_DOWN),
		[ZONE_EVENT_REBOOT] = TO(REBOOTING),
		[ZONE_EVENT_EXPIRED] = TO(RUNNING),
		[ZONE_EVENT_RESET] = TO(REBOOTING),
		[ZONE_EVENT_OFF] = TO(REBOOTING),
		[ZONE_EVENT_CRASH] = TO(CRASHED),
		[ZONE_EVENT_PRESERVE] = TO(PRESERVED),
		[ZONE_EVENT_DESTROY] = TO(DYING),
	},
	[ZONE_CRASHED] = {
		[ZONE_EVENT_START] = TO(DYING),
		[ZONE_EVENT_DESTROY] = TO(DYING),
	},
	[ZONE_PRESERVED] = {
		[ZONE_EVENT_START] = TO(DYING),
		[ZONE_EVENT_DESTROY] = TO(DYING),
	},
	[ZONE_DYING] = {
		[ZONE_EVENT_GONE] = TO(DEFINED),
		[ZONE_EVENT_DESTROY] = TO(DYING),
	},
};

int zone_fsm_next(enum zone_state state, enum zone_event event)
{
	return (int)table[state][event] - 1;
}

const char *zone_fsm_name(enum zone_state state)
{
	static const char *const names[ZONE_STATE_COUNT] = {
		[ZONE_DEFINED] = "defined",
		[ZONE_STARTING] = "starting",
		[ZONE_RUNNING] = "running",
		[ZONE_PAUSED] = "paused",
		[ZONE_SHUTTING_DOWN] = "shutting-down",
		[ZONE_REBOOTING] = "rebooting",
		[ZONE_CRASHED] = "crashed",
		[ZONE_PRESERVED] = "preserved",
		[ZONE_DYING] = "dying",
	};

	return names[state];
}

const char *zone_fsm_event_name(enum zone_event event)
{
	static const char *const names[ZONE_EVENT_COUNT] = {
		[ZONE_EVENT_START] = "start",
		[ZONE_EVENT_STARTED] = "started",
		[ZONE_EVENT_HELD] = "held",
		[ZONE_EVENT_FAILED] = "failed",
		[ZONE_EVENT_PAUSE] = "pause",
		[ZONE_EVENT_RESUME] = "resume",
		[ZONE_EVENT_SHUTDOWN] = "shutdown",
		[ZONE_EVENT_REBOOT] = "reboot",
		[ZONE_EVENT_EXPIRED] = "expired",
		[ZONE_EVENT_RESET] = "reset",
		[ZONE_EVENT_OFF] = "off",
		[ZONE_EVENT_CRASH] = "crash",
		[ZONE_EVENT_PRESERVE] = "preserve",
		[ZONE_EVENT_DESTROY] = "destroy",
		[ZONE_EVENT_GONE] = "gone",
		[ZONE_EVENT_ADOPT_RUNNING] = "adopt-running",
		[ZONE_EVENT_ADOPT_PAUSED] = "adopt-paused",
	};

	return names[event];
}
