/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of the hypervisor's core share. */
#ifndef ZV_TESTS_CORE_TEST_H
#define ZV_TESTS_CORE_TEST_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include <zv/abi_all.h>
#include <zv/arch/harness.h>
#include <zv/errno.h>
#include <zv/hvcall.h>
#include <zv/mm.h>
#include <zv/percpu.h>
#include <zv/sched.h>
#include <zv/zone.h>

#include <string.h>

/* Pages of zone0's RAM that tests use as hypercall buffers. */
#define BUF_GPA (FAKE_RAM_BASE + 0x10000)
#define BUF2_GPA (FAKE_RAM_BASE + 0x12000)
#define RAM_GPA 0x40000000ull /* of a zone */
#define SHADOW_GPA 0x0a000000ull

static struct hvcall_result hv_result;

static inline s64 hv5(struct zone *caller, u32 nr, u64 a0, u64 a1, u64 a2,
		      u64 a3)
{
	u64 arg[5] = { a0, a1, a2, a3, 0 };

	hvcall(caller->vcpus[0], nr, arg, &hv_result);
	return hv_result.ret;
}

/* As zone0. */
static inline s64 hv(u32 nr, u64 a0, u64 a1, u64 a2, u64 a3)
{
	return hv5(zone0, nr, a0, a1, a2, a3);
}

static inline void *buf_at(u64 gpa)
{
	return pa_to_va(pa_make(gpa));
}

static inline struct zv_zone_create test_create_args(u32 vcpus)
{
	struct zv_zone_create a = { .name = "test",
				    .vcpu_count = vcpus,
				    .priority = 8 };

	for (u32 i = 0; i < vcpus; i++) {
		a.pcpu[i] = ZV_PCPU_ANY;
	}
	return a;
}

/* A zone with its vCPUs on the given pCPUs; the caller puts it. */
static inline struct zone *test_zone(u32 vcpus, const u32 *pcpu, u8 priority)
{
	struct zv_zone_create a = test_create_args(vcpus);
	u16 id;

	a.priority = priority;
	for (u32 i = 0; i < vcpus && pcpu != NULL; i++) {
		a.pcpu[i] = pcpu[i];
	}
	assert_int_equal(zone_create(&a, &id), 0);
	return zone_get(id);
}

static inline void test_populate(struct zone *z, u64 gpa, u64 size)
{
	while (size != 0) {
		u64 done = 0;

		assert_int_equal(zone_mem_populate(z, gpa, size, &done), 0);
		assert_true(done != 0 && done <= size);
		gpa += done;
		size -= done;
	}
}

/* Sets the first `on` vCPUs to boot and starts the zone. */
static inline void test_start(struct zone *z, u32 on)
{
	struct zv_vcpu_state s = { .pc = RAM_GPA, .flags = ZV_VCPU_ON };

	for (u32 i = 0; i < on; i++) {
		assert_int_equal(zone_vcpu_set(z, i, &s), 0);
	}
	assert_int_equal(zone_start(z), 0);
}

/* Takes z through to its end, with the reference the caller holds. */
static inline void test_destroy(struct zone *z)
{
	int err;
	u32 steps = 0;

	do {
		err = zone_destroy_step(z);
		fake_run_all(16);
		assert_true(++steps < 1000);
	} while (err == -EAGAIN);
	assert_int_equal(err, 0);
	zone_put(z);
}

static inline u64 pages_free(void)
{
	struct mm_stats s;

	mm_stats(&s);
	return s.pages_free;
}

static inline int machine_setup(void **state)
{
	static const struct fake_config config;

	(void)state;
	fake_machine_init(&config);
	return 0;
}

/* Whatever a test did, the machine must be consistent after it. */
static inline int machine_teardown(void **state)
{
	(void)state;
	fake_check_invariants();
	fake_machine_fini();
	return 0;
}

#define core_test(fn) \
	cmocka_unit_test_setup_teardown(fn, machine_setup, machine_teardown)

#endif /* ZV_TESTS_CORE_TEST_H */
