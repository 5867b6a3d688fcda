/* SPDX-License-Identifier: BSD-2-Clause */
/* ID registers as guests see them, and trapped system registers. */
#include "a64_test.h"

#include <zv/guest.h>
#include <zv/idreg.h>
#include <zv/sysreg.h>

#define ISS(op0, op1, crn, crm, op2, rt, read)                    \
	((u32)(op0) << 20 | (u32)(op2) << 17 | (u32)(op1) << 14 | \
	 (u32)(crn) << 10 | (u32)(rt) << 5 | (u32)(crm) << 1 | (read))
#define PC A64_RAM_BASE

static u64 field(u64 value, u32 shift)
{
	return value >> shift & 0xf;
}

/* Every field of every register at its greatest: only listed ones come out. */
static void test_nothing_unlisted_is_shown(void **state)
{
	(void)state;
	for (u64 fill = 1; fill <= 0xf; fill++) {
		u64 all = fill * 0x1111111111111111ull;
		u64 pfr0 = idreg_sanitise(IDREG(4, 0), all);
		u64 pfr1 = idreg_sanitise(IDREG(4, 1), all);
		u64 dfr0 = idreg_sanitise(IDREG(5, 0), all);
		u64 isar1 = idreg_sanitise(IDREG(6, 1), all);

		assert_in_range(field(pfr0, 0), 1, 2); /* EL0 */
		assert_in_range(field(pfr0, 56), 1, 1); /* CSV2 */
		assert_int_equal(field(pfr0, 4), 1); /* EL1: AArch64 */
		assert_int_equal(field(pfr0, 8), 0); /* EL2 */
		assert_int_equal(field(pfr0, 24), 1); /* GIC */
		assert_int_equal(field(pfr0, 28), 0); /* RAS */
		assert_int_equal(field(pfr0, 32), 0); /* SVE */
		assert_int_equal(field(pfr0, 40), 0); /* MPAM */
		assert_int_equal(field(pfr0, 44), 0); /* AMU */
		assert_int_equal(field(pfr0, 52), 0); /* RME */
		assert_int_equal(field(pfr1, 8), 0); /* MTE */
		assert_int_equal(field(pfr1, 24), 0); /* SME */
		assert_int_equal(field(pfr1, 36), 0); /* NMI */
		assert_int_equal(field(dfr0, 0), 6);
		assert_int_equal(field(dfr0, 4), 0); /* trace */
		assert_int_equal(field(dfr0, 8), 0); /* PMU */
		assert_int_equal(field(dfr0, 32), 0); /* SPE */
		assert_int_equal(field(isar1, 4), 0); /* APA */
		assert_int_equal(field(isar1, 8), 0); /* API */
		assert_int_equal(field(isar1, 24), 0); /* GPA */
		assert_int_equal(field(isar1, 28), 0); /* GPI */
		assert_int_equal(field(idreg_sanitise(IDREG(6, 2), all), 0),
				 0); /* WFxT */
		assert_int_equal(field(idreg_sanitise(IDREG(7, 0), all), 60),
				 0); /* ECV */
		assert_int_equal(field(idreg_sanitise(IDREG(7, 1), all), 8),
				 0); /* VH */
		assert_int_equal(field(idreg_sanitise(IDREG(7, 2), all), 24),
				 0); /* NV */
		/* ZFR0, SMFR0, MMFR3 and what is not allocated. */
		assert_int_equal(idreg_sanitise(IDREG(4, 4), all), 0);
		assert_int_equal(idreg_sanitise(IDREG(4, 5), all), 0);
		assert_int_equal(idreg_sanitise(IDREG(7, 3), all), 0);
		assert_int_equal(idreg_sanitise(IDREG(4, 7), all), 0);
	}
}

static void test_what_the_cpu_has_stays(void **state)
{
	/* Cortex-A72's. */
	(void)state;
	assert_int_equal(idreg_sanitise(IDREG(6, 0), 0x11120), 0x11120);
	assert_int_equal(idreg_sanitise(IDREG(7, 0), 0x1124), 0x1124);
	assert_int_equal(idreg_sanitise(IDREG(4, 0), 0x2222) & 0xf, 2);
	/* "Not implemented" of the signed fields must not become a feature. */
	assert_int_equal(idreg_sanitise(IDREG(4, 0), 0xff0000) >> 16 & 0xff,
			 0xff);
	assert_int_equal(field(idreg_sanitise(IDREG(7, 0), 0xf000000), 24),
			 0xf);
}

static bool trap(u32 iss)
{
	u64 vbar = 0x80000;

	a64_on(0);
	write_sysreg(vbar, vbar_el1);
	v0->arch.regs.pc = PC;
	v0->arch.regs.pstate = PSR_MODE_EL1H;
	sysreg_trap(v0, iss);
	if (v0->arch.regs.pc == PC + 4) {
		return true;
	}
	/* Otherwise UNDEFINED, taken at EL1. */
	assert_int_equal(v0->arch.regs.pc, vbar + 0x200);
	assert_int_equal(read_sysreg(elr_el1), PC);
	assert_int_equal(read_sysreg(esr_el1), 0x2000000);
	return false;
}

static void test_id_group(void **state)
{
	(void)state;
	for (u32 crm = 1; crm < 8; crm++) {
		for (u32 op2 = 0; op2 < 8; op2++) {
			v0->arch.regs.x[5] = 77;
			assert_true(trap(ISS(3, 0, 0, crm, op2, 5, 1)));
			assert_int_equal(v0->arch.regs.x[5],
					 idreg_read(IDREG(crm, op2)));
		}
	}
	/* Into XZR, and no write to them. */
	assert_true(trap(ISS(3, 0, 0, 4, 0, 31, 1)));
	assert_false(trap(ISS(3, 0, 0, 4, 0, 5, 0)));
}

static void test_hidden_registers_are_undefined(void **state)
{
	static const u32 hidden[] = {
		ISS(3, 0, 2, 1, 0, 0, 0), /* APIAKeyLo_EL1 */
		ISS(3, 0, 1, 2, 0, 0, 0), /* ZCR_EL1 */
		ISS(3, 0, 1, 2, 6, 0, 0), /* SMCR_EL1 */
		ISS(3, 0, 1, 0, 6, 0, 0), /* GCR_EL1 */
		ISS(3, 3, 9, 12, 0, 0, 0), /* PMCR_EL0 */
		ISS(3, 3, 9, 13, 0, 0, 0), /* PMCCNTR_EL0 */
		ISS(3, 0, 9, 9, 0, 0, 0), /* PMSCR_EL1 */
		ISS(3, 0, 10, 4, 3, 0, 0), /* LORC_EL1 */
		ISS(3, 0, 5, 3, 0, 0, 0), /* ERRIDR_EL1 */
		ISS(3, 3, 13, 2, 0, 0, 0), /* AMCR_EL0 */
		ISS(3, 1, 15, 2, 0, 0, 0), /* implementation defined */
		ISS(2, 1, 0, 0, 1, 0, 0), /* trace */
		ISS(3, 7, 15, 15, 7, 31, 0),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(hidden); i++) {
		assert_false(trap(hidden[i]));
		assert_false(trap(hidden[i] | 1));
	}
}

static void test_debug_registers(void **state)
{
	(void)state;
	v0->arch.regs.x[1] = UINT64_MAX;
	assert_true(trap(ISS(2, 0, 1, 0, 4, 1, 0))); /* OSLAR_EL1 */
	assert_true(trap(ISS(2, 0, 0, 3, 5, 1, 0))); /* DBGBCR3_EL1 */
	assert_true(trap(ISS(2, 0, 0, 3, 5, 2, 1)));
	assert_int_equal(v0->arch.regs.x[2], 0);
	assert_true(trap(ISS(2, 0, 1, 1, 4, 2, 1))); /* OSLSR_EL1 */
	assert_int_equal(v0->arch.regs.x[2], 8);
	/* MDSCR_EL1: software step, but neither MDE nor the rest. */
	assert_true(trap(ISS(2, 0, 0, 2, 2, 1, 0)));
	assert_int_equal(read_sysreg(mdscr_el1), 0x3001);
	assert_true(trap(ISS(2, 0, 0, 2, 2, 2, 1)));
	assert_int_equal(v0->arch.regs.x[2], 0x3001);
}

static void test_harmless_registers(void **state)
{
	(void)state;
	v0->arch.regs.x[1] = UINT64_MAX;
	assert_true(trap(ISS(3, 0, 1, 0, 1, 1, 0))); /* ACTLR_EL1 */
	assert_true(trap(ISS(3, 0, 1, 0, 1, 2, 1)));
	assert_int_equal(v0->arch.regs.x[2], 0);
	assert_true(trap(ISS(3, 3, 9, 14, 0, 1, 0))); /* PMUSERENR_EL0 */
	assert_true(trap(ISS(3, 0, 12, 12, 5, 1, 0))); /* ICC_SRE_EL1 */
	assert_true(trap(ISS(3, 0, 12, 12, 5, 2, 1)));
	assert_int_equal(v0->arch.regs.x[2], 7);
}

static void test_timer_registers(void **state)
{
	(void)state;
	a64.count = 1000;
	v0->arch.regs.x[1] = 5000;
	assert_true(trap(ISS(3, 3, 14, 2, 2, 1, 0))); /* CNTP_CVAL_EL0 */
	assert_true(trap(ISS(3, 3, 14, 2, 0, 2, 1))); /* CNTP_TVAL_EL0 */
	assert_int_equal(v0->arch.regs.x[2], 4000);
}

/* TC traps these where ICH_VTR_EL2.TDS is 0. */
static void test_cpu_interface_registers(void **state)
{
	(void)state;
	write_sysreg(0xa0ull << 24 | 3, ICH_VMCR_EL2);
	assert_true(trap(ISS(3, 0, 4, 6, 0, 2, 1))); /* ICC_PMR_EL1 */
	assert_int_equal(v0->arch.regs.x[2], 0xa0);
	v0->arch.regs.x[1] = 0xf0;
	assert_true(trap(ISS(3, 0, 4, 6, 0, 1, 0)));
	assert_int_equal(read_sysreg(ICH_VMCR_EL2), 0xf0ull << 24 | 3);
	v0->arch.regs.x[1] = 3;
	assert_true(trap(ISS(3, 0, 12, 12, 4, 1, 0))); /* ICC_CTLR_EL1 */
	assert_int_equal(read_sysreg(ICH_VMCR_EL2),
			 0xf0ull << 24 | 3 | 1 << 4 | 1 << 9);
	assert_true(trap(ISS(3, 0, 12, 12, 4, 2, 1)));
	assert_int_equal(v0->arch.regs.x[2] & 0x703, 0x403);
	assert_true(trap(ISS(3, 0, 12, 11, 3, 2, 1))); /* ICC_RPR_EL1 */
	assert_int_equal(v0->arch.regs.x[2], 0xff);
	write_sysreg(BIT(4), ICH_AP1R0_EL2);
	assert_true(trap(ISS(3, 0, 12, 11, 3, 2, 1)));
	assert_int_equal(v0->arch.regs.x[2], 0x20);
	write_sysreg(0, ICH_AP1R0_EL2);
}

/* What a handler at EL1 finds (DDI 0487, D1.3). */
static void test_exception_entry(void **state)
{
	struct guest_regs *r = &v0->arch.regs;

	(void)state;
	a64_on(0);
	write_sysreg(0x80000, vbar_el1);
	write_sysreg(BIT(44), sctlr_el1);
	r->pc = PC;
	r->pstate = 0xfull << 28 | PSR_SS | PSR_IL | 3ull << 10 | BIT(24);
	fault_undefined(v0); /* from EL0 */
	assert_int_equal(r->pc, 0x80400);
	assert_int_equal(r->pstate,
			 0xfull << 28 | BIT(24) | PSR_PAN | PSR_SSBS | 0x3c5);
	r->pc = PC;
	r->pstate = PSR_MODE_EL1T;
	write_sysreg(BIT(23), sctlr_el1);
	fault_undefined(v0);
	assert_int_equal(r->pc, 0x80000);
	assert_int_equal(r->pstate, 0x3c5);
	r->pc = PC;
	r->pstate = PSR_MODE32 | BIT(21); /* AArch32 user mode, DIT */
	fault_undefined(v0);
	assert_int_equal(r->pc, 0x80600);
	assert_int_equal(r->pstate, 0x3c5 | BIT(24));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_unlisted_is_shown),
		cmocka_unit_test(test_what_the_cpu_has_stays),
		zone_test(test_id_group),
		zone_test(test_hidden_registers_are_undefined),
		zone_test(test_debug_registers),
		zone_test(test_harmless_registers),
		zone_test(test_timer_registers),
		zone_test(test_cpu_interface_registers),
		zone_test(test_exception_entry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
