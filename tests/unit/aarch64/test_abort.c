/* SPDX-License-Identifier: BSD-2-Clause */
/* Stage-2 faults: what becomes an access, a retry, an abort or a crash. */
#include "a64_test.h"

#include <zv/arch/vcpu.h>
#include <zv/guest.h>
#include <zv/percpu.h>
#include <zv/sysreg.h>

#include <string.h>

#define PC (A64_RAM_BASE + 0x100)
#define VBAR 0x80000ull
#define DEVICE 0x09000010ull

#define DABT 0x92000000u /* EC 0x24, IL */
#define IABT 0x82000000u
#define TRANSLATION 7u
#define PERMISSION 15u

static u32 guest_esr;
static u64 guest_far, guest_ipa;
static u32 guest_exits; /* how often it faults before an interrupt comes */

static u64 guest(struct guest_regs *r)
{
	(void)r;
	if (guest_exits == 0) {
		return 1;
	}
	guest_exits--;
	write_sysreg(guest_esr, esr_el2);
	write_sysreg(guest_far, far_el2);
	write_sysreg(guest_ipa >> 8 & 0xffffffffff0ull, hpfar_el2);
	return 0;
}

static struct vcpu_exit fault(u32 esr, u64 far, u64 ipa)
{
	struct vcpu_exit e;

	a64_on(0);
	write_sysreg(VBAR, vbar_el1);
	a64.guest = guest;
	guest_esr = esr;
	guest_far = far;
	guest_ipa = ipa;
	guest_exits = 1;
	arch_vcpu_run(v0, &e);
	return e;
}

static struct vcpu_exit run_on(void)
{
	struct vcpu_exit e;

	guest_exits = 0;
	arch_vcpu_run(v0, &e);
	return e;
}

static int setup_guest(void **state)
{
	setup_zone(state);
	v0->arch.regs.pc = PC;
	v0->arch.regs.pstate = PSR_MODE_EL1H;
	v0->arch.boot_pc = A64_RAM_BASE;
	return 0;
}

#define guest_test(fn) \
	cmocka_unit_test_setup_teardown(fn, setup_guest, teardown)

static void put_insn(u32 insn)
{
	memcpy(&a64.ram[PC - A64_RAM_BASE], &insn, sizeof(insn));
}

/* The abort that a handler at EL1 finds. */
static void expect_abort(u64 pc, u64 esr, u64 far)
{
	assert_int_equal(v0->arch.regs.pc, VBAR + 0x200);
	assert_int_equal(read_sysreg(elr_el1), pc);
	assert_int_equal(read_sysreg(esr_el1), esr);
	assert_int_equal(read_sysreg(far_el1), far);
}

#define ISV(sas, rt) (1u << 24 | (u32)(sas) << 22 | (u32)(rt) << 16)
#define SSE (1u << 21)
#define SF (1u << 15)
#define WNR (1u << 6)

static void test_write_by_syndrome(void **state)
{
	struct vcpu_exit e;

	(void)state;
	v0->arch.regs.x[3] = 0x1122334455667788;
	for (u32 sas = 0; sas < 4; sas++) {
		static const u64 value[] = { 0x88, 0x7788, 0x55667788,
					     0x1122334455667788 };

		v0->arch.regs.pc = PC;
		e = fault(DABT | ISV(sas, 3) | WNR | TRANSLATION,
			  0xffff000000000010, DEVICE);
		assert_int_equal(e.kind, VCPU_EXIT_MMIO);
		assert_int_equal(e.mmio.gpa, DEVICE);
		assert_int_equal(e.mmio.size, 1u << sas);
		assert_true(e.mmio.write);
		assert_int_equal(e.mmio.value, value[sas]);
		assert_int_equal(v0->arch.regs.pc, PC);
		arch_vcpu_mmio_done(v0, &e.mmio);
		assert_int_equal(v0->arch.regs.pc, PC + 4);
	}
	/* XZR is zero, not what is after x30. */
	e = fault(DABT | ISV(3, 31) | WNR | TRANSLATION, 0x10, DEVICE);
	assert_int_equal(e.mmio.value, 0);
}

static u64 read_result(u32 flags, u64 value)
{
	struct vcpu_exit e = fault(DABT | flags | TRANSLATION, 0x10, DEVICE);

	assert_int_equal(e.kind, VCPU_EXIT_MMIO);
	assert_false(e.mmio.write);
	e.mmio.value = value;
	v0->arch.regs.x[4] = 0xdeadbeefdeadbeef;
	arch_vcpu_mmio_done(v0, &e.mmio);
	return v0->arch.regs.x[4];
}

static void test_read_by_syndrome(void **state)
{
	(void)state;
	assert_int_equal(read_result(ISV(0, 4), 0xffffff80), 0x80);
	assert_int_equal(read_result(ISV(0, 4) | SSE, 0x80), 0xffffff80);
	assert_int_equal(read_result(ISV(0, 4) | SSE | SF, 0x80),
			 0xffffffffffffff80);
	assert_int_equal(read_result(ISV(1, 4) | SSE | SF, 0x7fff), 0x7fff);
	assert_int_equal(read_result(ISV(2, 4), 0x1ffffffff), 0xffffffff);
	assert_int_equal(read_result(ISV(3, 4) | SF, UINT64_MAX), UINT64_MAX);
	/* Into XZR. */
	(void)read_result(ISV(3, 31) | SF, 5);
	assert_int_equal(v0->arch.regs.x[4], 0xdeadbeefdeadbeef);
}

static void test_big_endian_guest(void **state)
{
	struct vcpu_exit e;

	(void)state;
	a64_on(0);
	write_sysreg(SCTLR_EE, sctlr_el1);
	v0->arch.regs.x[3] = 0x11223344;
	e = fault(DABT | ISV(2, 3) | WNR | TRANSLATION, 0x10, DEVICE);
	assert_int_equal(e.mmio.value, 0x44332211);
	assert_int_equal(read_result(ISV(1, 4), 0x1234), 0x3412);
	assert_int_equal(read_result(ISV(1, 4) | SSE, 0x0080), 0xffff8000);
}

static void test_answer_is_an_abort(void **state)
{
	struct vcpu_exit e =
		fault(DABT | ISV(2, 3) | WNR | TRANSLATION, 0x110, DEVICE);

	(void)state;
	assert_int_equal(e.kind, VCPU_EXIT_MMIO);
	arch_vcpu_mmio_abort(v0);
	assert_int_equal(run_on().kind, VCPU_EXIT_IRQ);
	expect_abort(PC, 0x96000050, 0x110);
}

static void test_answer_is_a_retry(void **state)
{
	(void)state;
	(void)fault(DABT | ISV(2, 3) | TRANSLATION, 0x110, DEVICE);
	arch_vcpu_mmio_retry(v0);
	assert_int_equal(run_on().kind, VCPU_EXIT_IRQ);
	assert_int_equal(v0->arch.regs.pc, PC);
}

static void test_writeback_by_decoding(void **state)
{
	struct vcpu_exit e;

	(void)state;
	put_insn(0xb8404441); /* ldr w1, [x2], #4 */
	v0->arch.regs.x[2] = DEVICE;
	e = fault(DABT | TRANSLATION, DEVICE, DEVICE);
	assert_int_equal(e.kind, VCPU_EXIT_MMIO);
	assert_int_equal(e.mmio.size, 4);
	e.mmio.value = 0xaaaaaaaa;
	/* Not before the access is done. */
	assert_int_equal(v0->arch.regs.x[2], DEVICE);
	arch_vcpu_mmio_done(v0, &e.mmio);
	assert_int_equal(v0->arch.regs.x[1], 0xaaaaaaaa);
	assert_int_equal(v0->arch.regs.x[2], DEVICE + 4);
	assert_int_equal(v0->arch.regs.pc, PC + 4);
	/* Nor if it aborts. */
	v0->arch.regs.pc = PC;
	v0->arch.regs.x[2] = DEVICE;
	(void)fault(DABT | TRANSLATION, DEVICE, DEVICE);
	arch_vcpu_mmio_abort(v0);
	(void)run_on();
	assert_int_equal(v0->arch.regs.x[2], DEVICE);
}

static void test_stack_pointer_as_base(void **state)
{
	struct vcpu_exit e;

	(void)state;
	put_insn(0xf81f0fe3); /* str x3, [sp, #-16]! */
	a64_on(0);
	write_sysreg(DEVICE + 16, sp_el1);
	v0->arch.regs.x[3] = 33;
	e = fault(DABT | WNR | TRANSLATION, DEVICE, DEVICE);
	assert_int_equal(e.mmio.value, 33);
	arch_vcpu_mmio_done(v0, &e.mmio);
	(void)run_on();
	assert_int_equal(read_sysreg(sp_el1), DEVICE);
}

static void test_pair(void **state)
{
	struct vcpu_exit e;

	(void)state;
	put_insn(0xa8c10440); /* ldp x0, x1, [x2], #16 */
	v0->arch.regs.x[2] = DEVICE;
	e = fault(DABT | TRANSLATION, DEVICE, DEVICE);
	assert_int_equal(e.mmio.gpa, DEVICE);
	assert_int_equal(e.mmio.size, 8);
	e.mmio.value = 1;
	arch_vcpu_mmio_done(v0, &e.mmio);
	assert_int_equal(v0->arch.regs.pc, PC);
	/* Hidden page: only the second half is made again. */
	e = run_on();
	assert_int_equal(e.kind, VCPU_EXIT_MMIO);
	assert_int_equal(e.mmio.gpa, DEVICE + 8);
	arch_vcpu_mmio_retry(v0);
	e = run_on();
	assert_int_equal(e.mmio.gpa, DEVICE + 8);
	e.mmio.value = 2;
	arch_vcpu_mmio_done(v0, &e.mmio);
	assert_int_equal(v0->arch.regs.x[0], 1);
	assert_int_equal(v0->arch.regs.x[1], 2);
	assert_int_equal(v0->arch.regs.x[2], DEVICE + 16);
	assert_int_equal(v0->arch.regs.pc, PC + 4);
	assert_int_equal(run_on().kind, VCPU_EXIT_IRQ);
	/* An ordinary access after it is no second half. */
	(void)fault(DABT | ISV(2, 3) | TRANSLATION, 0x110, DEVICE);
	arch_vcpu_mmio_retry(v0);
	assert_int_equal(run_on().kind, VCPU_EXIT_IRQ);
}

static void test_what_is_not_decoded_aborts(void **state)
{
	(void)state;
	put_insn(0x885f7c41); /* ldxr w1, [x2] */
	v0->arch.regs.x[2] = DEVICE;
	assert_int_equal(fault(DABT | TRANSLATION, DEVICE, DEVICE).kind,
			 VCPU_EXIT_IRQ);
	expect_abort(PC, 0x96000010, DEVICE);
	/* A load that the fault calls a write: somebody changes the code. */
	v0->arch.regs.pc = PC;
	put_insn(0xb8404441);
	assert_int_equal(fault(DABT | WNR | TRANSLATION, DEVICE, DEVICE).kind,
			 VCPU_EXIT_IRQ);
	expect_abort(PC, 0x96000050, DEVICE);
	/* An address that the registers do not give. */
	v0->arch.regs.pc = PC;
	v0->arch.regs.x[2] = DEVICE + 8;
	assert_int_equal(fault(DABT | TRANSLATION, DEVICE, DEVICE).kind,
			 VCPU_EXIT_IRQ);
	expect_abort(PC, 0x96000010, DEVICE);
	/* A pair across the end of the page. */
	v0->arch.regs.pc = PC;
	put_insn(0xa9400440); /* ldp x0, x1, [x2] */
	v0->arch.regs.x[2] = 0x09000ff8;
	assert_int_equal(fault(DABT | TRANSLATION, 0x09000ff8, 0x09000ff8).kind,
			 VCPU_EXIT_IRQ);
	expect_abort(PC, 0x96000010, 0x09000ff8);
	/* Code outside RAM. */
	v0->arch.regs.pc = 0x1000;
	assert_int_equal(fault(DABT | TRANSLATION, DEVICE, DEVICE).kind,
			 VCPU_EXIT_IRQ);
	expect_abort(0x1000, 0x96000010, DEVICE);
}

/* The page is there by now: nothing but another try. */
static void test_mapped_meanwhile(void **state)
{
	(void)state;
	a64.extra_page = DEVICE & PAGE_MASK;
	assert_int_equal(fault(DABT | TRANSLATION, DEVICE, DEVICE).kind,
			 VCPU_EXIT_IRQ);
	assert_int_equal(v0->arch.regs.pc, PC);
	assert_int_equal(fault(IABT | TRANSLATION, DEVICE, DEVICE).kind,
			 VCPU_EXIT_IRQ);
	assert_int_equal(v0->arch.regs.pc, PC);
	/* Cache maintenance must not be skipped then. */
	assert_int_equal(
		fault(DABT | ESR_DABT_CM | TRANSLATION, DEVICE, DEVICE).kind,
		VCPU_EXIT_IRQ);
	assert_int_equal(v0->arch.regs.pc, PC);
	/* Nor a table walk aborted. */
	assert_int_equal(
		fault(DABT | ESR_DABT_S1PTW | TRANSLATION, 0x10, DEVICE).kind,
		VCPU_EXIT_IRQ);
	assert_int_equal(v0->arch.regs.pc, PC);
}

static void test_cache_maintenance_of_a_device(void **state)
{
	(void)state;
	assert_int_equal(
		fault(DABT | ESR_DABT_CM | TRANSLATION, DEVICE, DEVICE).kind,
		VCPU_EXIT_IRQ);
	assert_int_equal(v0->arch.regs.pc, PC + 4);
}

static void test_table_walk_outside_ram(void **state)
{
	(void)state;
	(void)fault(DABT | ESR_DABT_S1PTW | ISV(2, 1) | TRANSLATION, 0x10,
		    DEVICE);
	expect_abort(PC, 0x96000017, 0x10);
	v0->arch.regs.pc = PC;
	(void)fault(IABT | ESR_DABT_S1PTW | TRANSLATION, 0x20, DEVICE);
	expect_abort(PC, 0x86000017, 0x20);
}

static u64 at_fails(u64 va)
{
	(void)va;
	return PAR_F | 0xe;
}

static u64 at_device(u64 va)
{
	(void)va;
	return 0x0900a000 | 0xff00000000000b80;
}

/* HPFAR_EL2 says nothing then: the address comes from the guest's tables. */
static void test_permission_fault(void **state)
{
	struct vcpu_exit e;

	(void)state;
	a64_on(0);
	write_sysreg(0x77, par_el1);
	a64.at = at_device;
	e = fault(DABT | ISV(2, 3) | WNR | PERMISSION, 0xffff0000000000ac,
		  0xbad000);
	assert_int_equal(e.kind, VCPU_EXIT_MMIO);
	assert_int_equal(e.mmio.gpa, 0x0900a0ac);
	assert_int_equal(read_sysreg(par_el1), 0x77);
	/* The guest has changed them: it makes the access again. */
	a64.at = at_fails;
	e = fault(DABT | ISV(2, 3) | WNR | PERMISSION, 0xac, 0xbad000);
	assert_int_equal(e.kind, VCPU_EXIT_IRQ);
	assert_int_equal(v0->arch.regs.pc, PC);
	a64.at = NULL;
}

static void test_other_faults(void **state)
{
	static const struct {
		u32 fsc;
		u32 answer;
	} cases[] = {
		{ 0x21, 0x21 }, { 0x35, 0x35 }, { 0x10, 0x10 }, { 0x14, 0x17 },
		{ 0x17, 0x17 }, { 0x00, 0x10 }, { 0x03, 0x10 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		v0->arch.regs.pc = PC;
		v0->arch.regs.pstate = PSR_MODE_EL1H;
		(void)fault(DABT | cases[i].fsc, 0x30, 0);
		expect_abort(PC, 0x96000000 | cases[i].answer, 0x30);
	}
	v0->arch.regs.pc = PC;
	(void)fault(DABT | 0x30, 0x30, 0);
	assert_int_equal(a64.flushes, 1);
	assert_int_equal(v0->arch.regs.pc, PC);
	assert_int_equal(a64.crashes, 0);
	(void)fault(DABT | 0x3f, 0x30, 0);
	assert_int_equal(a64.crash_reason, ZV_REASON_BAD_TRAP);
}

static void test_fetch_outside_ram(void **state)
{
	(void)state;
	v0->arch.regs.pc = 0x1000;
	(void)fault(IABT | TRANSLATION, 0x1000, 0x1000);
	expect_abort(0x1000, 0x86000010, 0x1000);
	assert_int_equal(a64.crashes, 0);
}

static void test_bad_entry_point(void **state)
{
	(void)state;
	v0->arch.regs.pc = v0->arch.boot_pc = 0x1000;
	(void)fault(IABT | TRANSLATION, 0x1000, 0x1000);
	assert_int_equal(a64.crash_reason, ZV_REASON_BAD_ENTRY);
	assert_int_equal(v0->arch.regs.pc, 0x1000);
}

/* The vectors are not there: the guest aborts in its abort handler. */
static void test_abort_loop(void **state)
{
	u32 turns = 0;

	(void)state;
	v0->arch.regs.pc = 0x1000;
	while (a64.crashes == 0 && turns++ < 100) {
		u64 pc = v0->arch.regs.pc;

		(void)fault(IABT | TRANSLATION, pc, pc);
	}
	assert_int_equal(a64.crash_reason, ZV_REASON_ABORT_LOOP);
	assert_in_range(turns, 3, 40);
}

/* The handler's stack is not there. */
static void test_abort_loop_on_the_stack(void **state)
{
	u32 turns = 0;

	(void)state;
	put_insn(0xa9bf07e0); /* stp x0, x1, [sp, #-16]!, in the vectors */
	(void)fault(DABT | TRANSLATION, DEVICE, DEVICE);
	while (a64.crashes == 0 && turns++ < 100) {
		(void)fault(DABT | WNR | TRANSLATION, DEVICE, DEVICE);
	}
	assert_int_equal(a64.crash_reason, ZV_REASON_ABORT_LOOP);
}

/* Probing for devices, handled each time, is no loop however long it takes. */
static void test_probing_is_no_loop(void **state)
{
	(void)state;
	put_insn(0x885f7c41);
	for (u32 i = 0; i < 1000; i++) {
		v0->arch.regs.pc = PC;
		v0->arch.regs.pstate = PSR_MODE_EL1H;
		(void)fault(DABT | TRANSLATION, DEVICE, DEVICE);
		expect_abort(PC, 0x96000010, DEVICE);
	}
	assert_int_equal(a64.crashes, 0);
}

static void test_exotic_exceptions(void **state)
{
	static const u32 undefined[] = { 0x00, 0x07, 0x09, 0x0a, 0x19, 0x1d };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(undefined); i++) {
		v0->arch.regs.pc = PC;
		v0->arch.regs.pstate = PSR_MODE_EL1H;
		(void)fault(undefined[i] << 26 | 1u << 25, 0, 0);
		assert_int_equal(v0->arch.regs.pc, VBAR + 0x200);
		assert_int_equal(read_sysreg(esr_el1), 0x02000000);
	}
	assert_int_equal(a64.crashes, 0);
	(void)fault(0x2au << 26, 0, 0);
	assert_int_equal(a64.crash_reason, ZV_REASON_BAD_TRAP);
}

static void test_wfi(void **state)
{
	(void)state;
	assert_int_equal(fault(0x06000000, 0, 0).kind, VCPU_EXIT_IDLE);
	assert_int_equal(v0->arch.regs.pc, PC + 4);
	/* WFIT: may end at once. */
	assert_int_equal(fault(0x06000002, 0, 0).kind, VCPU_EXIT_IRQ);
	assert_int_equal(v0->arch.regs.pc, PC + 8);
}

/* AArch32 at EL0: T32 IT blocks, conditions, no decoding. */
static void test_aarch32(void **state)
{
	(void)state;
	/* IT block of two, this is the first: ITSTATE 0x0c -> 0x18 */
	v0->arch.regs.pstate = PSR_MODE32 | BIT(5) | 0x0cull >> 2 << 10;
	(void)fault(0x04000000, 0, 0); /* 16-bit WFI */
	assert_int_equal(v0->arch.regs.pc, PC + 2);
	assert_int_equal(v0->arch.regs.pstate,
			 PSR_MODE32 | BIT(5) | 0x18ull >> 2 << 10);
	/* MRC with a condition that fails (EQ, Z clear) is a NOP. */
	v0->arch.regs.pc = PC;
	v0->arch.regs.pstate = PSR_MODE32;
	(void)fault(0x0e000000 | 1u << 24, 0, 0);
	assert_int_equal(v0->arch.regs.pc, PC + 4);
	v0->arch.regs.pstate = PSR_MODE32 | BIT(30);
	(void)fault(0x0e000000 | 1u << 24, 0, 0);
	assert_int_equal(v0->arch.regs.pc, VBAR + 0x600);
	v0->arch.regs.pc = PC;
	v0->arch.regs.pstate = PSR_MODE32;
	(void)fault(DABT | TRANSLATION, DEVICE, DEVICE);
	assert_int_equal(v0->arch.regs.pc, VBAR + 0x600);
	assert_int_equal(read_sysreg(esr_el1), 0x92000010);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		guest_test(test_write_by_syndrome),
		guest_test(test_read_by_syndrome),
		guest_test(test_big_endian_guest),
		guest_test(test_answer_is_an_abort),
		guest_test(test_answer_is_a_retry),
		guest_test(test_writeback_by_decoding),
		guest_test(test_stack_pointer_as_base),
		guest_test(test_pair),
		guest_test(test_what_is_not_decoded_aborts),
		guest_test(test_mapped_meanwhile),
		guest_test(test_cache_maintenance_of_a_device),
		guest_test(test_table_walk_outside_ram),
		guest_test(test_permission_fault),
		guest_test(test_other_faults),
		guest_test(test_fetch_outside_ram),
		guest_test(test_bad_entry_point),
		guest_test(test_abort_loop),
		guest_test(test_abort_loop_on_the_stack),
		guest_test(test_probing_is_no_loop),
		guest_test(test_exotic_exceptions),
		guest_test(test_wfi),
		guest_test(test_aarch32),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
