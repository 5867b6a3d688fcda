/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The life of a zone as the daemon sees it.  What is not in the table cannot
 * happen: a request is refused (INVALID_STATE) before anything is done.
 *
 *   defined --start--> starting --started--> running | --held--> paused
 *   starting --failed, destroy--> dying
 *   running <--pause, resume--> paused
 *   running --shutdown--> shutting-down --expired--> running
 *   running --reboot--> rebooting (waits for power off) --expired--> running
 *   shutting-down <--reboot, shutdown--> rebooting: the last request counts
 *   running, paused, shutting-down --reset--> rebooting --started--> running
 *   live --off, gone--> dying        rebooting --off--> rebooting (reloads)
 *   live --crash--> crashed --destroy, start--> dying
 *   live --preserve--> preserved --destroy, start--> dying
 *   dying --gone--> defined
 *
 * live: running, paused, shutting-down, rebooting.  A zone that exists in the
 * hypervisor when the daemon starts enters the table by `adopt_*`.
 */
#ifndef ZV_TOOLSTACK_DAEMON_ZONE_FSM_H
#define ZV_TOOLSTACK_DAEMON_ZONE_FSM_H

enum zone_state {
	ZONE_DEFINED,
	ZONE_STARTING,
	ZONE_RUNNING,
	ZONE_PAUSED,
	ZONE_SHUTTING_DOWN,
	ZONE_REBOOTING,
	ZONE_CRASHED,
	ZONE_PRESERVED, /* over, and a policy keeps its memory */
	ZONE_DYING,
	ZONE_STATE_COUNT,
};

enum zone_event {
	ZONE_EVENT_START,
	ZONE_EVENT_STARTED,
	ZONE_EVENT_HELD, /* built, but the user wants it paused */
	ZONE_EVENT_FAILED, /* a step of starting or reloading failed */
	ZONE_EVENT_PAUSE,
	ZONE_EVENT_RESUME,
	ZONE_EVENT_SHUTDOWN,
	ZONE_EVENT_REBOOT,
	ZONE_EVENT_EXPIRED, /* the guest did not react to the power key */
	ZONE_EVENT_RESET,
	ZONE_EVENT_OFF,
	ZONE_EVENT_CRASH,
	ZONE_EVENT_PRESERVE, /* off or reset, and it is to be kept */
	ZONE_EVENT_DESTROY,
	ZONE_EVENT_GONE,
	ZONE_EVENT_ADOPT_RUNNING,
	ZONE_EVENT_ADOPT_PAUSED,
	ZONE_EVENT_COUNT,
};

/* The state after event, or -1: it cannot happen in this state. */
int zone_fsm_next(enum zone_state state, enum zone_event event);

/* As on the wire: "shutting-down". */
const char *zone_fsm_name(enum zone_state state);

const char *zone_fsm_event_name(enum zone_event event);

#endif /* ZV_TOOLSTACK_DAEMON_ZONE_FSM_H */
