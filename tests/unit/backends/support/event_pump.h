/* SPDX-License-Identifier: BSD-2-Clause */
/* The event loop of tests: turned by hand, with a clock of its own. */
#ifndef ZV_TESTS_UNIT_BACKENDS_SUPPORT_EVENT_PUMP_H
#define ZV_TESTS_UNIT_BACKENDS_SUPPORT_EVENT_PUMP_H

#include "core/event.h"

struct pump_entry;

struct event_pump {
	struct event_loop loop;
	struct pump_entry *entries;
	uint64_t now_ms;
};

void event_pump_init(struct event_pump *pump);
/* Number of watches and timers still active; frees what is left. */
unsigned int event_pump_fini(struct event_pump *pump);
/* Until nothing is ready; false if that does not happen in many turns. */
bool event_pump_run(struct event_pump *pump);
/* One turn: deferred calls, then the fds that are ready. */
bool event_pump_turn(struct event_pump *pump);
/* Lets time pass, fires what is due, and runs. */
void event_pump_advance(struct event_pump *pump, uint64_t ms);

#endif /* ZV_TESTS_UNIT_BACKENDS_SUPPORT_EVENT_PUMP_H */
