/* SPDX-License-Identifier: BSD-2-Clause */
/* vCPUs that come and go, and the loop between two exits to the core. */
#include "a64_test.h"

#include <zv/arch/irq.h>
#include <zv/arch/mm.h>
#include <zv/arch/vcpu.h>
#include <zv/guest.h>
#include <zv/percpu.h>
#include <zv/string.h>
#include <zv/sysreg.h>
#include <zv/trace.h>

#define SPI 40u
#define VBAR 0x80000ull
#define ZONE_VTTBR (A64_VMID << VTTBR_VMID_SHIFT | A64_ROOT)

static u32 entries;

/* A guest that an interrupt of the machine ends at once. */
static u64 guest(struct guest_regs *r)
{
	(void)r;
	/* Whoever was woken on another pCPU does not wait for this guest. */
	assert_int_equal(this_cpu()->ipi_due, 0);
	entries++;
	return 1;
}

static int setup_guest(void **state)
{
	setup_zone(state);
	a64.guest = guest;
	entries = 0;
	return 0;
}

static struct vcpu *v2;

/* And one more, which sleeps on the pCPU of v0. */
static int setup_shared(void **state)
{
	(void)state;
	zone = a64_setup(1, 3);
	v0 = zone->vcpus[0];
	v1 = zone->vcpus[1];
	v2 = zone->vcpus[2];
	assert_int_equal(v2->pcpu, v0->pcpu);
	v2->run = VCPU_IDLE;
	a64_load(v1);
	a64_load(v0);
	a64.guest = guest;
	entries = 0;
	return 0;
}

#define guest_test(fn) \
	cmocka_unit_test_setup_teardown(fn, setup_guest, teardown)
#define shared_test(fn) \
	cmocka_unit_test_setup_teardown(fn, setup_shared, teardown)

static enum vcpu_exit_kind run(struct vcpu *v)
{
	struct vcpu_exit e;

	a64_on(v->pcpu);
	arch_vcpu_run(v, &e);
	return e.kind;
}

/* ------------------------------------------------------- load and put */

/* From then on the zone may free its tables, however long the pCPU idles. */
static void test_put_leaves_the_tables(void **state)
{
	(void)state;
	assert_int_equal(read_sysreg(vttbr_el2), ZONE_VTTBR);
	a64_put(v0);
	assert_int_equal(read_sysreg(vttbr_el2), A64_EMPTY_ROOT);
	/* Those of other pCPUs are nobody's business. */
	a64_on(1);
	assert_int_equal(read_sysreg(vttbr_el2), ZONE_VTTBR);
	a64_load(v0);
	assert_int_equal(read_sysreg(vttbr_el2), ZONE_VTTBR);
}

/* Meanwhile no table is walked, neither the zone's nor the loaded vCPU's. */
static void test_flush_of_another_vmid(void **state)
{
	static const u64 sizes[] = { 0, 0x1000, 0x1000000 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		a64.tlbi_vttbr = 0;
		arch_tlb_flush_ipa(9, A64_RAM_BASE, sizes[i]);
		assert_int_equal(a64.tlbi_vttbr,
				 9ull << VTTBR_VMID_SHIFT | A64_EMPTY_ROOT);
		assert_int_equal(read_sysreg(vttbr_el2), ZONE_VTTBR);
	}
	assert_int_equal(a64.flushes, 1);
}

/* --------------------------------------------------------- the run loop */

static void test_work_then_the_guest(void **state)
{
	(void)state;
	assert_true((v0->arch.work & VCPU_WORK_VGIC) != 0);
	this_cpu()->ipi_due = BIT(1);
	assert_int_equal(run(v0), VCPU_EXIT_IRQ);
	assert_int_equal(v0->arch.work, 0);
	assert_int_equal(entries, 1);
}

/*
 * An interrupt in an LR of v0, which another vCPU routes to one that sleeps on
 * v0's own pCPU: taking it out of the LR wakes that one, and no IPI says so.
 */
static void test_work_that_wakes_another(void **state)
{
	u64 router = a64_gicd + 0x6000 + SPI * 8;

	(void)state;
	a64_mmio_write(v0, a64_gicd, 4, 3);
	a64_mmio_write(v0, a64_gicd + 0xc00 + SPI / 16 * 4, 4, UINT32_MAX);
	a64_mmio_write(v0, a64_gicd + 0x100 + SPI / 32 * 4, 4, BIT(SPI % 32));
	assert_int_equal(arch_virq_inject(zone, SPI, VIRQ_PULSE), 0);
	assert_int_equal(run(v0), VCPU_EXIT_IRQ);
	assert_int_equal(entries, 1);
	assert_int_equal(a64_lr_count_valid(), 1);

	a64_mmio_write(v1, router, 8, v2->arch.vmpidr & MPIDR_AFF_MASK);
	assert_int_equal(v2->run, VCPU_IDLE);
	assert_int_equal(run(v0), VCPU_EXIT_NONE);
	assert_int_equal(v2->run, VCPU_READY);
	assert_int_equal(entries, 1);
	assert_int_equal(a64_lr_count_valid(), 0);
}

/* The last of the aborts that a guest may have in a row, by do_work(). */
static void test_work_that_ends_the_zone(void **state)
{
	u32 turns = 0;

	(void)state;
	write_sysreg(VBAR, vbar_el1);
	v0->arch.regs.pc = VBAR + 0x200;
	v0->arch.regs.pstate = PSR_MODE_EL1H;
	while (a64.crashes == 0 && turns < 100) {
		enum vcpu_exit_kind kind;

		arch_vcpu_mmio_abort(v0);
		kind = run(v0);
		turns++;
		assert_int_equal(kind, a64.crashes == 0 ? VCPU_EXIT_IRQ
							: VCPU_EXIT_NONE);
	}
	assert_int_equal(a64.crash_reason, ZV_REASON_ABORT_LOOP);
	assert_true(turns > 1);
	assert_int_equal(entries, turns - 1);
}

/* ---------------------------------------------------------------- trace */

static u32 exit_class; /* of the exception that ends the guest's first turn */

static u64 trapping_guest(struct guest_regs *r)
{
	r->x[0] = 0;
	if (entries++ == 0) {
		write_sysreg(SYSREG_VAL(exit_class, ESR_EC_SHIFT) | ESR_IL,
			     esr_el2);
		return GUEST_EXIT_SYNC;
	}
	return GUEST_EXIT_IRQ;
}

static void trace_of(u32 class, u32 why)
{
	entries = 0;
	exit_class = class;
	memset(a64.trace, 0, sizeof(a64.trace));
	a64.traced = 0;
	while (entries < 2) {
		run(v0);
	}
	assert_int_equal(a64.traced, 4);
	assert_int_equal(a64.trace[0].event, ZV_TRACE_ENTER);
	assert_int_equal(a64.trace[0].zone, zone->id);
	assert_int_equal(a64.trace[0].vcpu, v0->index);
	assert_int_equal(a64.trace[1].event, ZV_TRACE_LEAVE);
	assert_int_equal(a64.trace[1].detail, why);
	assert_int_equal(a64.trace[1].arg[0] >> ESR_EC_SHIFT, class);
	assert_int_equal(a64.trace[2].event, ZV_TRACE_ENTER);
	assert_int_equal(a64.trace[3].event, ZV_TRACE_LEAVE);
	assert_int_equal(a64.trace[3].detail, ZV_LEAVE_IRQ);
	assert_int_equal(a64.trace[3].arg[0], 0);
}

/* Each entry and each way out, also those that the core does not see. */
static void test_trace(void **state)
{
	(void)state;
	a64.guest = trapping_guest;
	trace_switch.classes = ZV_TRACE_BIT(ZV_TRACE_ENTER);
	trace_of(ESR_EC_WFX, ZV_LEAVE_WFX);
	trace_of(ESR_EC_HVC64, ZV_LEAVE_HVC);
	trace_of(ESR_EC_SMC64, ZV_LEAVE_SMC);
	trace_of(ESR_EC_SVE, ZV_LEAVE_OTHER);
	trace_switch.classes = 0;
	a64.traced = 0;
	run(v0);
	assert_int_equal(a64.traced, 0);
}

static void test_trace_of_an_interrupt(void **state)
{
	(void)state;
	trace_switch.classes = ZV_TRACE_BIT(ZV_TRACE_INJECT);
	assert_int_equal(arch_virq_inject(zone, SPI, VIRQ_PULSE), 0);
	assert_int_equal(a64.traced, 0); /* nobody has enabled it */
	a64_mmio_write(v0, a64_gicd, 4, 3);
	a64_mmio_write(v0, a64_gicd + 0xc00 + SPI / 16 * 4, 4, UINT32_MAX);
	a64_mmio_write(v0, a64_gicd + 0x100 + SPI / 32 * 4, 4, BIT(SPI % 32));
	assert_int_equal(a64.traced, 1);
	assert_int_equal(a64.trace[0].event, ZV_TRACE_INJECT);
	assert_int_equal(a64.trace[0].vcpu, v0->index);
	assert_int_equal(a64.trace[0].arg[0], SPI);
	trace_switch.classes = 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		guest_test(test_put_leaves_the_tables),
		guest_test(test_flush_of_another_vmid),
		guest_test(test_work_then_the_guest),
		shared_test(test_work_that_wakes_another),
		guest_test(test_work_that_ends_the_zone),
		guest_test(test_trace),
		guest_test(test_trace_of_an_interrupt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
