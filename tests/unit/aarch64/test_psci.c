/* SPDX-License-Identifier: BSD-2-Clause */
/* Firmware calls of guests, through the exits that HVC and SMC make. */
#include "a64_test.h"

#include <zv/arch/vcpu.h>
#include <zv/errno.h>
#include <zv/percpu.h>
#include <zv/psci.h>
#include <zv/sysreg.h>

#define PC (A64_RAM_BASE + 0x100)

static u64 call_esr;
static bool call_done;

/* The guest makes one call, then takes an interrupt's exit. */
static u64 guest(struct guest_regs *r)
{
	(void)r;
	if (call_done) {
		return 1;
	}
	call_done = true;
	write_sysreg(call_esr, esr_el2);
	return 0;
}

static struct vcpu_exit do_call(bool hvc, u64 fn, u64 a1, u64 a2, u64 a3)
{
	struct guest_regs *r = &v0->arch.regs;
	struct vcpu_exit e;

	a64_on(0);
	a64.guest = guest;
	call_done = false;
	call_esr = (hvc ? 0x5a000000 : 0x5e000000);
	r->x[0] = fn;
	r->x[1] = a1;
	r->x[2] = a2;
	r->x[3] = a3;
	r->x[4] = 0x4444;
	/* After an HVC the PC is past it, at a trapped SMC it is not. */
	r->pc = hvc ? PC + 4 : PC;
	arch_vcpu_run(v0, &e);
	assert_int_equal(r->x[4], 0x4444);
	return e;
}

static s64 call(bool hvc, u64 fn, u64 a1, u64 a2, u64 a3)
{
	struct vcpu_exit e = do_call(hvc, fn, a1, a2, a3);

	assert_int_equal(e.kind, VCPU_EXIT_IRQ);
	assert_int_equal(v0->arch.regs.pc, PC + 4);
	return (s64)v0->arch.regs.x[0];
}

static void test_version_and_features(void **state)
{
	static const u32 known[] = {
		PSCI_VERSION,
		PSCI_CPU_SUSPEND,
		PSCI_CPU_SUSPEND_64,
		PSCI_CPU_OFF,
		PSCI_CPU_ON,
		PSCI_CPU_ON_64,
		PSCI_AFFINITY_INFO,
		PSCI_AFFINITY_INFO_64,
		PSCI_SYSTEM_OFF,
		PSCI_SYSTEM_RESET,
		PSCI_SYSTEM_RESET2,
		PSCI_SYSTEM_RESET2_64,
		PSCI_MIGRATE_INFO_TYPE,
		PSCI_FEATURES,
		SMCCC_VERSION,
	};

	(void)state;
	for (u32 hvc = 0; hvc < 2; hvc++) {
		assert_int_equal(call(hvc, PSCI_VERSION, 0, 0, 0), 0x10001);
		assert_int_equal(call(hvc, SMCCC_VERSION, 0, 0, 0), 0x10001);
		assert_int_equal(call(hvc, PSCI_MIGRATE_INFO_TYPE, 0, 0, 0), 2);
		for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
			assert_int_equal(
				call(hvc, PSCI_FEATURES, known[i], 0, 0), 0);
		}
		/* SYSTEM_SUSPEND, MIGRATE, CPU_FREEZE */
		assert_int_equal(call(hvc, PSCI_FEATURES, 0xc400000e, 0, 0),
				 -1);
		assert_int_equal(call(hvc, PSCI_FEATURES, 0x84000005, 0, 0),
				 -1);
		assert_int_equal(call(hvc, PSCI_FEATURES, 0x8400000b, 0, 0),
				 -1);
	}
}

/* Nothing a guest asks for reaches the firmware; most is not supported. */
static void test_unknown_calls(void **state)
{
	static const u64 unknown[] = {
		0x84000005, /* MIGRATE */
		0xc400000e, /* SYSTEM_SUSPEND */
		0x84000050, /* TRNG_VERSION */
		0x80008000, /* ARCH_WORKAROUND_1 */
		0xc2000001, /* SiP */
		0xb2000000, /* trusted application */
		0xbf00ff01, /* trusted OS */
		0x4b000000, /* yielding */
		0,	    0xffffffff,
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++) {
		assert_int_equal(call(true, unknown[i], 1, 2, 3), -1);
		assert_int_equal(call(false, unknown[i], 1, 2, 3), -1);
	}
	/* Hypercalls are HVC only. */
	assert_int_equal(call(false, ZV_HC_BASE, 0, 0, 0), -1);
}

static void test_other_immediates(void **state)
{
	struct vcpu_exit e;

	(void)state;
	do_call(true, PSCI_VERSION, 0, 0, 0);
	call_done = false;
	call_esr = 0x5a000001;
	v0->arch.regs.x[0] = PSCI_VERSION;
	arch_vcpu_run(v0, &e);
	assert_int_equal(e.kind, VCPU_EXIT_IRQ);
	assert_int_equal((s64)v0->arch.regs.x[0], -1);
}

static void test_hypercall_is_passed_on(void **state)
{
	static const u64 out[3] = { 7, 8, 9 };
	struct vcpu_exit e;

	(void)state;
	/* The upper half of x0 is not part of the function number. */
	e = do_call(true, ZV_HC_BASE | 0x44 | 0xffull << 32, 1, 2, 3);
	assert_int_equal(e.kind, VCPU_EXIT_HYPERCALL);
	assert_int_equal(e.hypercall.nr, 0x44);
	assert_int_equal(e.hypercall.arg[0], 1);
	assert_int_equal(e.hypercall.arg[3], 0x4444);
	arch_vcpu_hypercall_done(v0, -38, out);
	assert_int_equal((s64)v0->arch.regs.x[0], -38);
	assert_int_equal(v0->arch.regs.x[3], 9);
	/* All of the range is ours, so that unknown ones get their errno. */
	e = do_call(true, ZV_HC_BASE | 0xffff, 0, 0, 0);
	assert_int_equal(e.hypercall.nr, 0xffff);
}

static void test_vendor_identity(void **state)
{
	(void)state;
	assert_int_equal(call(true, ZV_HC_UID_CALL, 0, 0, 0), ZV_UID_0);
	assert_int_equal(v0->arch.regs.x[1], ZV_UID_1);
	assert_int_equal(v0->arch.regs.x[2], ZV_UID_2);
	assert_int_equal(v0->arch.regs.x[3], ZV_UID_3);
	assert_int_equal(call(true, ZV_HC_REVISION_CALL, 0, 0, 0),
			 ZV_ABI_MAJOR);
}

static void test_cpu_on(void **state)
{
	(void)state;
	assert_int_equal(
		call(true, PSCI_CPU_ON_64, 1, A64_RAM_BASE, 0x123456789abcdef0),
		0);
	assert_ptr_equal(a64.powered_on, v1);
	assert_int_equal(a64.power_on_entry, A64_RAM_BASE);
	assert_int_equal(a64.power_on_arg, 0x123456789abcdef0);
	/* The 32-bit call has 32-bit arguments. */
	assert_int_equal(call(false, PSCI_CPU_ON, 1 | 1ull << 33,
			      A64_RAM_BASE | 1ull << 32, 5ull << 32 | 6),
			 0);
	assert_int_equal(a64.power_on_entry, A64_RAM_BASE);
	assert_int_equal(a64.power_on_arg, 6);
}

static void test_cpu_on_errors(void **state)
{
	(void)state;
	a64.powered_on = NULL;
	assert_int_equal(call(true, PSCI_CPU_ON_64, 2, A64_RAM_BASE, 0), -2);
	assert_int_equal(
		call(true, PSCI_CPU_ON_64, 1ull << 40, A64_RAM_BASE, 0), -2);
	assert_int_equal(
		call(true, PSCI_CPU_ON_64, 1 | 1ull << 31, A64_RAM_BASE, 0),
		-2);
	assert_int_equal(call(true, PSCI_CPU_ON_64, 1, 0x1000, 0), -9);
	assert_int_equal(call(true, PSCI_CPU_ON_64, 1, A64_RAM_BASE + 2, 0),
			 -9);
	assert_null(a64.powered_on);
	a64.power_on_result = -EEXIST;
	assert_int_equal(call(true, PSCI_CPU_ON_64, 1, A64_RAM_BASE, 0), -4);
}

/* The target is still leaving: the guest makes the call again. */
static void test_cpu_on_again(void **state)
{
	(void)state;
	a64.power_on_result = -EAGAIN;
	for (u32 hvc = 0; hvc < 2; hvc++) {
		struct vcpu_exit e =
			do_call(hvc, PSCI_CPU_ON_64, 1, A64_RAM_BASE, 0);

		assert_int_equal(e.kind, VCPU_EXIT_YIELD);
		assert_int_equal(v0->arch.regs.pc, PC);
		assert_int_equal(v0->arch.regs.x[0], PSCI_CPU_ON_64);
	}
}

static void test_affinity_info(void **state)
{
	(void)state;
	assert_int_equal(call(true, PSCI_AFFINITY_INFO_64, 1, 0, 0), 0);
	v1->run = VCPU_OFF;
	assert_int_equal(call(true, PSCI_AFFINITY_INFO_64, 1, 0, 0), 1);
	assert_int_equal(call(true, PSCI_AFFINITY_INFO, 0, 0, 0), 0);
	/* The cluster is on as long as one of it is. */
	assert_int_equal(call(true, PSCI_AFFINITY_INFO_64, 0, 1, 0), 0);
	assert_int_equal(call(true, PSCI_AFFINITY_INFO_64, 0, 3, 0), 0);
	assert_int_equal(call(true, PSCI_AFFINITY_INFO_64, 0, 4, 0), -2);
	assert_int_equal(call(true, PSCI_AFFINITY_INFO_64, 7, 0, 0), -2);
	v1->run = VCPU_RUNNING;
}

static void test_cpu_off_and_suspend(void **state)
{
	struct vcpu_exit e;

	(void)state;
	e = do_call(true, PSCI_CPU_SUSPEND_64, 0, 0, 0);
	assert_int_equal(e.kind, VCPU_EXIT_IDLE);
	assert_int_equal(v0->arch.regs.x[0], 0);
	e = do_call(true, PSCI_CPU_SUSPEND, 1 << 16, A64_RAM_BASE, 0);
	assert_int_equal(e.kind, VCPU_EXIT_IDLE);
	assert_int_equal(call(true, PSCI_CPU_SUSPEND, 1u << 31, 0, 0), -2);
	e = do_call(true, PSCI_CPU_OFF, 0, 0, 0);
	assert_int_equal(e.kind, VCPU_EXIT_YIELD);
	assert_int_equal(v0->run, VCPU_OFF);
	v0->run = VCPU_RUNNING;
}

static void test_system_calls(void **state)
{
	(void)state;
	assert_int_equal(do_call(false, PSCI_SYSTEM_OFF, 0, 0, 0).kind,
			 VCPU_EXIT_YIELD);
	assert_int_equal(a64.offs, 1);
	assert_int_equal(do_call(true, PSCI_SYSTEM_RESET, 0, 0, 0).kind,
			 VCPU_EXIT_YIELD);
	assert_int_equal(a64.resets, 1);
	assert_int_equal(do_call(true, PSCI_SYSTEM_RESET2_64, 0, 0, 0).kind,
			 VCPU_EXIT_YIELD);
	assert_int_equal(a64.resets, 2);
	assert_int_equal(call(true, PSCI_SYSTEM_RESET2, 1, 0, 0), -2);
	assert_int_equal(call(true, PSCI_SYSTEM_RESET2, 1u << 31, 0, 0), -1);
	assert_int_equal(a64.resets, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		zone_test(test_version_and_features),
		zone_test(test_unknown_calls),
		zone_test(test_other_immediates),
		zone_test(test_hypercall_is_passed_on),
		zone_test(test_vendor_identity),
		zone_test(test_cpu_on),
		zone_test(test_cpu_on_errors),
		zone_test(test_cpu_on_again),
		zone_test(test_affinity_info),
		zone_test(test_cpu_off_and_suspend),
		zone_test(test_system_calls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
