/* SPDX-License-Identifier: BSD-2-Clause */
#include "zone_fsm.h"

#include <stdbool.h>
#include <string.h>

#include "cmocka_all.h"

#define S(name) ZONE_##name
#define E(name) ZONE_EVENT_##name

/* Every transition there is; what is not here must be impossible. */
static const struct {
	enum zone_state from;
	enum zone_event event;
	enum zone_state to;
} transitions[] = {
	{ S(DEFINED), E(START), S(STARTING) },
	{ S(DEFINED), E(ADOPT_RUNNING), S(RUNNING) },
	{ S(DEFINED), E(ADOPT_PAUSED), S(PAUSED) },
	{ S(STARTING), E(STARTED), S(RUNNING) },
	{ S(STARTING), E(HELD), S(PAUSED) },
	{ S(STARTING), E(FAILED), S(DYING) },
	{ S(STARTING), E(DESTROY), S(DYING) },
	{ S(RUNNING), E(PAUSE), S(PAUSED) },
	{ S(RUNNING), E(SHUTDOWN), S(SHUTTING_DOWN) },
	{ S(RUNNING), E(REBOOT), S(REBOOTING) },
	{ S(RUNNING), E(RESET), S(REBOOTING) },
	{ S(RUNNING), E(OFF), S(DYING) },
	{ S(RUNNING), E(CRASH), S(CRASHED) },
	{ S(RUNNING), E(PRESERVE), S(PRESERVED) },
	{ S(RUNNING), E(DESTROY), S(DYING) },
	{ S(PAUSED), E(RESUME), S(RUNNING) },
	{ S(PAUSED), E(RESET), S(REBOOTING) },
	{ S(PAUSED), E(OFF), S(DYING) },
	{ S(PAUSED), E(CRASH), S(CRASHED) },
	{ S(PAUSED), E(PRESERVE), S(PRESERVED) },
	{ S(PAUSED), E(DESTROY), S(DYING) },
	{ S(SHUTTING_DOWN), E(SHUTDOWN), S(SHUTTING_DOWN) },
	{ S(SHUTTING_DOWN), E(REBOOT), S(REBOOTING) },
	{ S(SHUTTING_DOWN), E(EXPIRED), S(RUNNING) },
	{ S(SHUTTING_DOWN), E(RESET), S(REBOOTING) },
	{ S(SHUTTING_DOWN), E(OFF), S(DYING) },
	{ S(SHUTTING_DOWN), E(CRASH), S(CRASHED) },
	{ S(SHUTTING_DOWN), E(PRESERVE), S(PRESERVED) },
	{ S(SHUTTING_DOWN), E(DESTROY), S(DYING) },
	{ S(REBOOTING), E(STARTED), S(RUNNING) },
	{ S(REBOOTING), E(FAILED), S(DYING) },
	{ S(REBOOTING), E(SHUTDOWN), S(SHUTTING_DOWN) },
	{ S(REBOOTING), E(REBOOT), S(REBOOTING) },
	{ S(REBOOTING), E(EXPIRED), S(RUNNING) },
	{ S(REBOOTING), E(RESET), S(REBOOTING) },
	{ S(REBOOTING), E(OFF), S(REBOOTING) },
	{ S(REBOOTING), E(CRASH), S(CRASHED) },
	{ S(REBOOTING), E(PRESERVE), S(PRESERVED) },
	{ S(REBOOTING), E(DESTROY), S(DYING) },
	{ S(CRASHED), E(START), S(DYING) },
	{ S(CRASHED), E(DESTROY), S(DYING) },
	{ S(PRESERVED), E(START), S(DYING) },
	{ S(PRESERVED), E(DESTROY), S(DYING) },
	{ S(DYING), E(GONE), S(DEFINED) },
	{ S(DYING), E(DESTROY), S(DYING) },
};

static int expected(int from, int event)
{
	for (size_t i = 0; i < COUNT(transitions); i++) {
		if ((int)transitions[i].from == from &&
		    (int)transitions[i].event == event) {
			return (int)transitions[i].to;
		}
	}
	return -1;
}

static void test_every_pair(void **state)
{
	(void)state;
	for (int s = 0; s < ZONE_STATE_COUNT; s++) {
		for (int e = 0; e < ZONE_EVENT_COUNT; e++) {
			int next = zone_fsm_next((enum zone_state)s,
						 (enum zone_event)e);

			if (next != expected(s, e)) {
				fail_msg(
					"%s + %s -> %d",
					zone_fsm_name((enum zone_state)s),
					zone_fsm_event_name((enum zone_event)e),
					next);
			}
		}
	}
}

/* Whatever happens, a zone that exists can be got rid of. */
static void test_everything_can_end(void **state)
{
	(void)state;
	for (int s = 0; s < ZONE_STATE_COUNT; s++) {
		if (s != ZONE_DEFINED) {
			assert_int_equal(zone_fsm_next((enum zone_state)s,
						       ZONE_EVENT_DESTROY),
					 ZONE_DYING);
		}
	}
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(zone_fsm_name(ZONE_SHUTTING_DOWN), "shutting-down");
	for (int s = 0; s < ZONE_STATE_COUNT; s++) {
		assert_non_null(zone_fsm_name((enum zone_state)s));
	}
	for (int e = 0; e < ZONE_EVENT_COUNT; e++) {
		assert_non_null(zone_fsm_event_name((enum zone_event)e));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_pair),
		cmocka_unit_test(test_everything_can_end),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
