/* SPDX-License-Identifier: BSD-2-Clause */
/* cmocka and the machine. */
#ifndef ZV_TESTS_A64_TEST_H
#define ZV_TESTS_A64_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "machine.h"

static struct zone *zone;
static struct vcpu *v0;
static struct vcpu *v1;

static inline int a64_test_setup(u16 zone_id)
{
	zone = a64_setup(zone_id, 2);
	v0 = zone->vcpus[0];
	v1 = zone->vcpus[1];
	a64_load(v1);
	a64_load(v0);
	return 0;
}

static inline int setup_zone(void **state)
{
	(void)state;
	return a64_test_setup(1);
}

static inline int setup_zone0(void **state)
{
	(void)state;
	return a64_test_setup(0);
}

static inline int teardown(void **state)
{
	(void)state;
	a64_teardown();
	return 0;
}

#define zone_test(fn) cmocka_unit_test_setup_teardown(fn, setup_zone, teardown)
#define zone0_test(fn) \
	cmocka_unit_test_setup_teardown(fn, setup_zone0, teardown)

#endif /* ZV_TESTS_A64_TEST_H */
