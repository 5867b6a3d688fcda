/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtual GICv3: registers, delivery, overflow, hardware lines. */
#include "a64_test.h"

#include <zv/arch/irq.h>
#include <zv/errno.h>
#include <zv/percpu.h>
#include <zv/sysreg.h>
#include <zv/vgic.h>
#include <zv/vtimer.h>

#define SPI 40u
#define PHYS_SPI 44u /* zone0's, a line of the machine */
#define FOREIGN_SPI 43u /* a line of the machine, not zone0's */

static void write_bit(u32 offset, u32 intid)
{
	a64_mmio_write(v0, a64_gicd + offset + intid / 32 * 4, 4,
		       BIT(intid % 32));
}

static bool read_bit(u32 offset, u32 intid)
{
	return (a64_mmio_read(v0, a64_gicd + offset + intid / 32 * 4, 4) >>
			(intid % 32) &
		1) != 0;
}

static void write_private(struct vcpu *v, u32 offset, u32 value)
{
	a64_mmio_write(v, a64_gicr(v->index) + 0x10000 + offset, 4, value);
}

/* What a kernel does: all groups on, all private ones enabled, PMR open. */
static void guest_init(struct vcpu *v)
{
	a64_on(v->pcpu);
	write_sysreg(0xffull << 24 | 3, ICH_VMCR_EL2);
	a64_mmio_write(v, a64_gicd, 4, 3);
	write_private(v, 0x80, UINT32_MAX);
	write_private(v, 0x100, UINT32_MAX);
	a64_enter(v);
}

static void spi_init(u32 intid, bool edge, u8 priority)
{
	write_bit(0x80, intid);
	a64_mmio_write(v0, a64_gicd + 0x400 + intid, 1, priority);
	a64_mmio_write(v0, a64_gicd + 0xc00 + intid / 16 * 4, 4,
		       edge ? UINT32_MAX : 0);
	write_bit(0x100, intid);
}

static u32 take(struct vcpu *v)
{
	a64_enter(v);
	return a64_ack();
}

static void send_sgi(struct vcpu *v, u64 value)
{
	a64_on(v->pcpu);
	vgic_sgi(v, value, true);
}

/* ------------------------------------------------------------ registers */

static void test_identity(void **state)
{
	(void)state;
	assert_int_equal(a64_mmio_read(v0, a64_gicd, 4), 0x50);
	/* 288 INTIDs, no LPIs, no security, no MBIs. */
	assert_int_equal(a64_mmio_read(v0, a64_gicd + 4, 4) & 0x3041f, 8);
	assert_int_equal(a64_mmio_read(v0, a64_gicd + 0xffe8, 4), 0x3b);
	assert_int_equal(a64_mmio_read(v0, a64_gicr(0) + 0xffe8, 4), 0x3b);
	assert_int_equal(a64_mmio_read(v0, a64_gicr(0) + 8, 8), 0);
	assert_int_equal(a64_mmio_read(v0, a64_gicr(1) + 8, 8),
			 1ull << 32 | 1 << 8 | 1 << 4);
	assert_int_equal(a64_mmio_read(v0, a64_gicr(1) + 0xc, 4), 1);
}

static void test_waker(void **state)
{
	(void)state;
	assert_int_equal(a64_mmio_read(v0, a64_gicr(0) + 0x14, 4), 6);
	a64_mmio_write(v0, a64_gicr(0) + 0x14, 4, 0);
	assert_int_equal(a64_mmio_read(v0, a64_gicr(0) + 0x14, 4), 0);
	assert_int_equal(a64_mmio_read(v0, a64_gicr(1) + 0x14, 4), 6);
}

static void test_registers_keep_what_is_written(void **state)
{
	(void)state;
	spi_init(SPI, true, 0xa7);
	assert_true(read_bit(0x80, SPI));
	assert_true(read_bit(0x100, SPI));
	assert_true(read_bit(0x180, SPI));
	/* Five bits of priority. */
	assert_int_equal(a64_mmio_read(v0, a64_gicd + 0x400 + SPI, 1), 0xa0);
	assert_int_equal(a64_mmio_read(v0, a64_gicd + 0x400 + SPI, 4), 0xa0);
	assert_int_equal(a64_mmio_read(v0, a64_gicd + 0xc08, 4), 0xaaaaaaaa);
	write_bit(0x180, SPI);
	assert_false(read_bit(0x100, SPI));
	write_bit(0x200, SPI);
	assert_true(read_bit(0x200, SPI));
	write_bit(0x280, SPI);
	assert_false(read_bit(0x200, SPI));
	write_bit(0x300, SPI);
	assert_true(read_bit(0x300, SPI));
	write_bit(0x380, SPI);
	assert_false(read_bit(0x300, SPI));
}

static void test_router_by_halves(void **state)
{
	u64 router = a64_gicd + 0x6000 + SPI * 8;

	(void)state;
	a64_mmio_write(v0, router, 8, 0xff12345678ull);
	/* Aff3, Aff2..0; bit 31 is the mode. */
	assert_int_equal(a64_mmio_read(v0, router, 8), 0xff00345678ull);
	a64_mmio_write(v0, router + 4, 4, 0);
	a64_mmio_write(v0, router, 4, 0x80000001);
	assert_int_equal(a64_mmio_read(v0, router, 8), 0x80000001);
	assert_int_equal(a64_mmio_read(v0, router + 4, 4), 0);
	assert_int_equal(a64_mmio_read(v0, router, 4), 0x80000001);
}

static void test_sizes_and_holes_read_as_zero(void **state)
{
	(void)state;
	spi_init(SPI, true, 0x80);
	assert_int_equal(a64_mmio_read(v0, a64_gicd + 0x104, 1), 0);
	assert_int_equal(a64_mmio_read(v0, a64_gicd + 0x400 + SPI, 2), 0);
	a64_mmio_write(v0, a64_gicd + 0x184, 1, 0xff);
	assert_true(read_bit(0x100, SPI));
	/* Every offset of every frame, every size. */
	for (u32 offset = 0; offset < 0x10000; offset += 4) {
		for (u8 size = 1; size <= 8; size = (u8)(size * 2)) {
			if (offset % size != 0) {
				continue;
			}
			(void)a64_mmio_read(v0, a64_gicd + offset, size);
			(void)a64_mmio_read(v0, a64_gicr(1) + offset, size);
			(void)a64_mmio_read(v0, a64_gicr(1) + 0x10000 + offset,
					    size);
			a64_mmio_write(v0, a64_gicd + offset, size, UINT64_MAX);
			a64_mmio_write(v0, a64_gicr(1) + 0x10000 + offset, size,
				       UINT64_MAX);
		}
	}
	/* The distributor has no private ones. */
	assert_int_equal(a64_mmio_read(v0, a64_gicd + 0x100, 4), 0);
	assert_int_equal(a64_mmio_read(v0, a64_gicd + 0x400, 4), 0);
	assert_int_equal(a64_mmio_read(v0, a64_gicd + 0xc00, 4), 0);
}

/* ------------------------------------------------------------- delivery */

static void test_edge_is_taken_once(void **state)
{
	(void)state;
	guest_init(v0);
	spi_init(SPI, true, 0x80);
	assert_int_equal(arch_virq_inject(zone, SPI, VIRQ_PULSE), 0);
	assert_true(vgic_pending(v0));
	assert_int_equal(take(v0), SPI);
	assert_true(read_bit(0x300, SPI));
	assert_false(read_bit(0x200, SPI));
	a64_enter(v0);
	a64_eoi(SPI);
	assert_false(read_bit(0x300, SPI));
	assert_int_equal(take(v0), A64_SPURIOUS);
	assert_false(vgic_pending(v0));
}

/* An edge while the previous one is handled is not lost. */
static void test_edge_while_active(void **state)
{
	(void)state;
	guest_init(v0);
	spi_init(SPI, true, 0x80);
	arch_virq_inject(zone, SPI, VIRQ_PULSE);
	assert_int_equal(take(v0), SPI);
	arch_virq_inject(zone, SPI, VIRQ_PULSE);
	a64_enter(v0);
	assert_int_equal(a64_ack(), A64_SPURIOUS);
	a64_eoi(SPI);
	assert_int_equal(take(v0), SPI);
	a64_eoi(SPI);
	assert_int_equal(take(v0), A64_SPURIOUS);
}

static void test_level_comes_again_until_lowered(void **state)
{
	(void)state;
	guest_init(v0);
	spi_init(SPI, false, 0x80);
	arch_virq_inject(zone, SPI, VIRQ_RAISE);
	for (u32 i = 0; i < 3; i++) {
		assert_int_equal(take(v0), SPI);
		a64_enter(v0);
		a64_eoi(SPI);
		/* Its end is seen, so that the line is looked at again. */
		assert_true(a64_maintenance());
		vgic_maintenance();
		assert_false(a64_maintenance());
	}
	assert_int_equal(take(v0), SPI);
	arch_virq_inject(zone, SPI, VIRQ_LOWER);
	a64_enter(v0);
	a64_eoi(SPI);
	vgic_maintenance();
	assert_int_equal(take(v0), A64_SPURIOUS);
}

static void test_level_lowered_before_it_is_taken(void **state)
{
	(void)state;
	guest_init(v0);
	spi_init(SPI, false, 0x80);
	arch_virq_inject(zone, SPI, VIRQ_RAISE);
	a64_enter(v0);
	arch_virq_inject(zone, SPI, VIRQ_LOWER);
	assert_int_equal(take(v0), A64_SPURIOUS);
	assert_int_equal(a64_lr_count_valid(), 0);
}

static void test_disabled_waits(void **state)
{
	(void)state;
	guest_init(v0);
	spi_init(SPI, true, 0x80);
	write_bit(0x180, SPI);
	arch_virq_inject(zone, SPI, VIRQ_PULSE);
	assert_int_equal(take(v0), A64_SPURIOUS);
	assert_false(vgic_pending(v0));
	write_bit(0x100, SPI);
	assert_int_equal(take(v0), SPI);
	a64_eoi(SPI);
}

static void test_group_enables(void **state)
{
	(void)state;
	guest_init(v0);
	spi_init(SPI, true, 0x80);
	a64_mmio_write(v0, a64_gicd, 4, 1);
	arch_virq_inject(zone, SPI, VIRQ_PULSE);
	assert_int_equal(take(v0), A64_SPURIOUS);
	assert_false(vgic_pending(v0));
	a64_mmio_write(v0, a64_gicd, 4, 2);
	assert_int_equal(take(v0), SPI);
	a64_eoi(SPI);
}

static void test_priority_mask_and_running_priority(void **state)
{
	(void)state;
	guest_init(v0);
	spi_init(SPI, true, 0x80);
	spi_init(SPI + 1, true, 0x90);
	arch_virq_inject(zone, SPI, VIRQ_PULSE);
	write_sysreg(0x80ull << 24 | 3, ICH_VMCR_EL2);
	assert_false(vgic_pending(v0));
	write_sysreg(0xffull << 24 | 3, ICH_VMCR_EL2);
	assert_true(vgic_pending(v0));
	assert_int_equal(take(v0), SPI);
	arch_virq_inject(zone, SPI + 1, VIRQ_PULSE);
	assert_false(vgic_pending(v0));
	a64_eoi(SPI);
	assert_true(vgic_pending(v0));
	assert_int_equal(take(v0), SPI + 1);
	a64_eoi(SPI + 1);
}

static void test_unknown_lines_are_refused(void **state)
{
	(void)state;
	assert_int_equal(arch_virq_inject(zone, 27, VIRQ_PULSE), -EINVAL);
	assert_int_equal(arch_virq_inject(zone, 288, VIRQ_PULSE), -EINVAL);
	assert_int_equal(arch_virq_inject(zone, UINT32_MAX, VIRQ_PULSE),
			 -EINVAL);
}

/* ----------------------------------------------------------------- SGIs */

static void test_sgi_to_self_and_others(void **state)
{
	(void)state;
	guest_init(v0);
	guest_init(v1);
	send_sgi(v0, 5ull << 24 | 1); /* self */
	assert_int_equal(a64.kicks[0], 0);
	assert_int_equal(take(v0), 5);
	a64_eoi(5);
	send_sgi(v0, 6ull << 24 | 2); /* the other */
	assert_int_equal(a64.kicks[1], 1);
	assert_int_equal(take(v0), A64_SPURIOUS);
	assert_int_equal(take(v1), 6);
	a64_eoi(6);
	send_sgi(v1, 7ull << 24 | 1ull << 40); /* all but self */
	assert_int_equal(take(v1), A64_SPURIOUS);
	assert_int_equal(take(v0), 7);
	a64_eoi(7);
}

static void test_sgi_to_nobody(void **state)
{
	static const u64 nobody[] = {
		1ull << 24, /* empty list */
		1ull << 24 | 4, /* Aff0 2 */
		1ull << 24 | 1 | 1ull << 16, /* Aff1 1 */
		1ull << 24 | 1 | 1ull << 32, /* Aff2 1 */
		1ull << 24 | 1 | 1ull << 48, /* Aff3 1 */
		1ull << 24 | 1 | 1ull << 44, /* Aff0 from 16 on */
	};

	(void)state;
	guest_init(v0);
	guest_init(v1);
	for (size_t i = 0; i < ARRAY_SIZE(nobody); i++) {
		send_sgi(v0, nobody[i]);
		assert_int_equal(take(v0), A64_SPURIOUS);
		assert_int_equal(take(v1), A64_SPURIOUS);
	}
}

static void test_sgi_of_group_0_does_not_reach_group_1(void **state)
{
	(void)state;
	guest_init(v0);
	a64_on(0);
	vgic_sgi(v0, 3ull << 24 | 1, false);
	assert_int_equal(take(v0), A64_SPURIOUS);
	write_private(v0, 0x80, 0);
	a64_on(0);
	vgic_sgi(v0, 3ull << 24 | 1, false);
	assert_int_equal(take(v0), 3);
	a64_eoi(3);
}

/* ------------------------------------------------------------- overflow */

static void pend_many(u32 count)
{
	for (u32 i = 0; i < count; i++) {
		/* The later, the more urgent. */
		spi_init(SPI + i, true, (u8)(0xf0 - i * 8));
		arch_virq_inject(zone, SPI + i, VIRQ_PULSE);
	}
}

static void test_overflow_in_order_of_priority(void **state)
{
	const u32 count = 3 * A64_LRS + 1;

	(void)state;
	guest_init(v0);
	pend_many(count);
	a64_enter(v0);
	assert_int_equal(a64_lr_count_valid(), A64_LRS);
	for (u32 i = 0; i < count; i++) {
		u32 intid = take(v0);

		assert_int_equal(intid, SPI + count - 1 - i);
		a64_eoi(intid);
		if (a64_maintenance()) {
			vgic_maintenance();
		}
	}
	assert_int_equal(take(v0), A64_SPURIOUS);
	assert_false(a64_maintenance());
}

/* A more urgent one that comes while the LRs are full goes first. */
static void test_overflow_and_a_better_one(void **state)
{
	(void)state;
	guest_init(v0);
	pend_many(A64_LRS + 2);
	a64_enter(v0);
	spi_init(100, true, 0x10);
	arch_virq_inject(zone, 100, VIRQ_PULSE);
	assert_int_equal(take(v0), 100);
	a64_eoi(100);
}

/* Nested handlers, more of them than LRs: EOIs without LR are counted. */
static void test_nested_deeper_than_the_list_registers(void **state)
{
	const u32 depth = A64_LRS + 4;

	(void)state;
	guest_init(v0);
	for (u32 i = 0; i < depth; i++) {
		spi_init(SPI + i, true, (u8)(0xf0 - i * 8));
		arch_virq_inject(zone, SPI + i, VIRQ_PULSE);
		assert_int_equal(take(v0), SPI + i);
	}
	a64_enter(v0);
	for (u32 i = depth; i-- > 0;) {
		a64_eoi(SPI + i);
		if (a64_maintenance()) {
			vgic_maintenance();
		}
	}
	for (u32 i = 0; i < depth; i++) {
		assert_false(read_bit(0x300, SPI + i));
	}
	assert_int_equal(take(v0), A64_SPURIOUS);
	assert_int_equal(a64_lr_count_valid(), 0);
}

/* EOImode 1: handled ones stay active for long, in any order. */
static void test_deactivation_by_dir_without_list_register(void **state)
{
	const u32 count = A64_LRS + 3;

	(void)state;
	guest_init(v0);
	write_sysreg(0xffull << 24 | 3 | BIT(9), ICH_VMCR_EL2);
	for (u32 i = 0; i < count; i++) {
		spi_init(SPI + i, true, 0x80);
		arch_virq_inject(zone, SPI + i, VIRQ_PULSE);
		assert_int_equal(take(v0), SPI + i);
		a64_drop(SPI + i);
	}
	for (u32 i = 0; i < count; i++) {
		a64_enter(v0);
		a64_dir(v0, SPI + i);
	}
	a64_enter(v0);
	for (u32 i = 0; i < count; i++) {
		assert_false(read_bit(0x300, SPI + i));
	}
	assert_int_equal(take(v0), A64_SPURIOUS);
	assert_false(a64_maintenance());
}

/* -------------------------------------------------- more than one vCPU */

static void test_spi_follows_its_route(void **state)
{
	(void)state;
	guest_init(v0);
	guest_init(v1);
	spi_init(SPI, true, 0x80);
	a64_mmio_write(v0, a64_gicd + 0x6000 + SPI * 8, 8, 1);
	arch_virq_inject(zone, SPI, VIRQ_PULSE);
	assert_int_equal(take(v0), A64_SPURIOUS);
	/* Pending on v1, in no LR yet: it moves. */
	a64_mmio_write(v0, a64_gicd + 0x6000 + SPI * 8, 8, 0);
	assert_int_equal(take(v1), A64_SPURIOUS);
	assert_int_equal(take(v0), SPI);
	/* Active on v0: it ends there. */
	a64_mmio_write(v0, a64_gicd + 0x6000 + SPI * 8, 8, 1);
	arch_virq_inject(zone, SPI, VIRQ_PULSE);
	a64_enter(v0);
	a64_eoi(SPI);
	a64_enter(v0);
	vgic_pending(v0);
	a64_enter(v0);
	assert_int_equal(take(v1), SPI);
	a64_eoi(SPI);
}

static void test_route_to_nobody(void **state)
{
	(void)state;
	guest_init(v0);
	spi_init(SPI, true, 0x80);
	a64_mmio_write(v0, a64_gicd + 0x6000 + SPI * 8, 8, 9);
	arch_virq_inject(zone, SPI, VIRQ_PULSE);
	assert_int_equal(take(v0), A64_SPURIOUS);
	a64_mmio_write(v0, a64_gicd + 0x6000 + SPI * 8, 8, 0);
	assert_int_equal(take(v0), SPI);
	a64_eoi(SPI);
}

/* RWP stays set until the vCPU that had it in an LR has seen the disable. */
static void test_disable_elsewhere_completes(void **state)
{
	(void)state;
	guest_init(v0);
	guest_init(v1);
	spi_init(SPI, true, 0x80);
	a64_mmio_write(v0, a64_gicd + 0x6000 + SPI * 8, 8, 1);
	arch_virq_inject(zone, SPI, VIRQ_PULSE);
	a64_enter(v1);
	a64_on(0);
	write_bit(0x180, SPI);
	assert_true((a64_mmio_read(v0, a64_gicd, 4) & BIT(31)) != 0);
	assert_int_equal(take(v1), A64_SPURIOUS);
	a64_on(0);
	assert_true((a64_mmio_read(v0, a64_gicd, 4) & BIT(31)) == 0);
	write_bit(0x100, SPI);
	assert_int_equal(take(v1), SPI);
	a64_eoi(SPI);
}

/* Pending cleared by another vCPU, and a new edge after that. */
static void test_clear_elsewhere_then_new_edge(void **state)
{
	(void)state;
	guest_init(v0);
	guest_init(v1);
	spi_init(SPI, true, 0x80);
	a64_mmio_write(v0, a64_gicd + 0x6000 + SPI * 8, 8, 1);
	arch_virq_inject(zone, SPI, VIRQ_PULSE);
	a64_enter(v1);
	a64_on(0);
	write_bit(0x280, SPI);
	assert_false(read_bit(0x200, SPI));
	assert_int_equal(take(v1), A64_SPURIOUS);
	arch_virq_inject(zone, SPI, VIRQ_PULSE);
	a64_enter(v1);
	a64_on(0);
	write_bit(0x280, SPI);
	arch_virq_inject(zone, SPI, VIRQ_PULSE);
	assert_int_equal(take(v1), SPI);
	a64_eoi(SPI);
}

static void test_state_survives_put_and_load(void **state)
{
	(void)state;
	guest_init(v0);
	spi_init(SPI, true, 0x80);
	spi_init(SPI + 1, true, 0x40);
	arch_virq_inject(zone, SPI, VIRQ_PULSE);
	assert_int_equal(take(v0), SPI);
	arch_virq_inject(zone, SPI + 1, VIRQ_PULSE);
	a64_put(v0);
	assert_int_equal(a64_lr_count_valid(), 0);
	assert_true(vgic_pending(v0));
	/* Pulses for a vCPU that is away wake it. */
	a64.kicks[0] = 0;
	arch_virq_inject(zone, SPI, VIRQ_PULSE);
	assert_int_equal(a64.kicks[0], 1);
	write_sysreg(0, ICH_AP1R0_EL2);
	a64_load(v0);
	assert_int_equal(take(v0), SPI + 1);
	a64_eoi(SPI + 1);
	a64_eoi(SPI);
	assert_int_equal(take(v0), SPI);
	a64_eoi(SPI);
}

/* ------------------------------------------------------------ the timer */

static void timer_at(u64 cval)
{
	write_sysreg(cval, cntv_cval_el0);
	write_sysreg(CNT_CTL_ENABLE, cntv_ctl_el0);
}

static void test_timer_is_linked_to_the_hardware(void **state)
{
	(void)state;
	guest_init(v0);
	a64.count = 100;
	timer_at(50);
	assert_true(a64_fire_timer());
	assert_int_equal(take(v0), 27);
	/* Still active at the GIC: no storm. */
	assert_false(a64_fire_timer());
	timer_at(200);
	a64_eoi(27);
	assert_false(a64.ppi[0][27].active);
	assert_int_equal(take(v0), A64_SPURIOUS);
	a64.count = 300;
	assert_true(a64_fire_timer());
	assert_int_equal(take(v0), 27);
	write_sysreg(0, cntv_ctl_el0);
	a64_eoi(27);
}

/* The condition holds still after the EOI: the hardware signals it again. */
static void test_timer_level_comes_again(void **state)
{
	(void)state;
	guest_init(v0);
	a64.count = 100;
	timer_at(50);
	for (u32 i = 0; i < 3; i++) {
		assert_true(a64_fire_timer());
		assert_int_equal(take(v0), 27);
		a64_eoi(27);
	}
	write_sysreg(0, cntv_ctl_el0);
}

/* Reprogrammed before it was taken: no longer pending. */
static void test_timer_withdrawn(void **state)
{
	(void)state;
	guest_init(v0);
	a64.count = 100;
	timer_at(50);
	assert_true(a64_fire_timer());
	a64_enter(v0);
	timer_at(500);
	assert_int_equal(a64_mmio_read(v0, a64_gicr(0) + 0x10200, 4), 0);
	assert_int_equal(take(v0), A64_SPURIOUS);
	assert_false(a64.ppi[0][27].active);
	a64.count = 600;
	assert_true(a64_fire_timer());
	assert_int_equal(take(v0), 27);
	write_sysreg(0, cntv_ctl_el0);
	a64_eoi(27);
}

/* With the PPI disabled, and the condition gone when it is enabled. */
static void test_timer_while_disabled(void **state)
{
	(void)state;
	guest_init(v0);
	write_private(v0, 0x180, BIT(27));
	a64.count = 100;
	timer_at(50);
	assert_true(a64_fire_timer());
	assert_int_equal(take(v0), A64_SPURIOUS);
	timer_at(500);
	write_private(v0, 0x100, BIT(27));
	assert_int_equal(take(v0), A64_SPURIOUS);
	assert_false(a64.ppi[0][27].active);
	a64.count = 600;
	assert_true(a64_fire_timer());
	assert_int_equal(take(v0), 27);
	write_sysreg(0, cntv_ctl_el0);
	a64_eoi(27);
}

static void test_timer_while_away(void **state)
{
	(void)state;
	guest_init(v0);
	a64.count = 100;
	timer_at(150);
	a64_put(v0);
	assert_true(v0->arch.vtimer.soft.queued);
	assert_int_equal(v0->arch.vtimer.soft.deadline, 150);
	/* The hardware's timer is off meanwhile. */
	assert_int_equal(read_sysreg(cntv_ctl_el0) & 1, 0);
	a64.count = 160;
	a64.kicks[0] = 0;
	v0->arch.vtimer.soft.queued = false;
	v0->arch.vtimer.soft.fn(&v0->arch.vtimer.soft);
	assert_int_equal(a64.kicks[0], 1);
	assert_true(vgic_pending(v0));
	a64_load(v0);
	/* Already known, so the hardware must not signal it. */
	assert_true(a64.ppi[0][27].active);
	assert_int_equal(take(v0), 27);
	write_sysreg(0, cntv_ctl_el0);
	a64_eoi(27);
	assert_false(a64.ppi[0][27].active);
}

/* It fires between the look that found nothing to wait up for and the put. */
static void test_timer_while_falling_asleep(void **state)
{
	(void)state;
	guest_init(v0);
	a64.count = 100;
	timer_at(50);
	assert_true(a64_fire_timer());
	assert_int_equal(take(v0), 27);
	timer_at(200);
	a64_eoi(27);
	assert_false(vgic_pending(v0));
	v0->run = VCPU_IDLE;
	a64.kicks[0] = 0;
	a64.count = 210;
	a64_put(v0);
	assert_true(a64.kicks[0] == 1 || v0->arch.vtimer.soft.queued);
	v0->run = VCPU_RUNNING;
	a64_load(v0);
	assert_int_equal(take(v0), 27);
	/* Not for a line that was up before and that nobody wants to hear. */
	write_private(v0, 0x180, BIT(27));
	a64_eoi(27);
	assert_false(vgic_pending(v0));
	v0->run = VCPU_IDLE;
	a64.kicks[0] = 0;
	a64_put(v0);
	assert_int_equal(a64.kicks[0], 0);
	v0->run = VCPU_RUNNING;
	a64_load(v0);
	write_sysreg(0, cntv_ctl_el0);
}

/* Put inside the handler, between acknowledge and EOI. */
static void test_timer_put_while_active(void **state)
{
	(void)state;
	guest_init(v0);
	a64.count = 100;
	timer_at(50);
	assert_true(a64_fire_timer());
	assert_int_equal(take(v0), 27);
	a64_put(v0);
	/* Another vCPU of this pCPU has the line now. */
	assert_false(a64.ppi[0][27].active);
	a64_load(v0);
	assert_true(a64.ppi[0][27].active);
	a64_enter(v0);
	write_sysreg(0, cntv_ctl_el0);
	a64_eoi(27);
	assert_false(a64.ppi[0][27].active);
	assert_int_equal(take(v0), A64_SPURIOUS);
}

static void test_physical_timer(void **state)
{
	(void)state;
	guest_init(v0);
	a64.count = 1000;
	ptimer_write(v0, 0, 500);
	assert_int_equal(ptimer_read(v0, 2), 1500);
	assert_int_equal(ptimer_read(v0, 0), 500);
	ptimer_write(v0, 1, CNT_CTL_ENABLE);
	assert_true(v0->arch.ptimer.soft.queued);
	assert_int_equal(v0->arch.ptimer.soft.deadline, 1500);
	a64.count = 1500;
	v0->arch.ptimer.soft.queued = false;
	v0->arch.ptimer.soft.fn(&v0->arch.ptimer.soft);
	assert_int_equal(ptimer_read(v0, 1), 5);
	assert_int_equal(take(v0), 30);
	ptimer_write(v0, 1, CNT_CTL_ENABLE | CNT_CTL_IMASK);
	a64_enter(v0);
	a64_eoi(30);
	if (a64_maintenance()) {
		vgic_maintenance();
	}
	assert_int_equal(take(v0), A64_SPURIOUS);
	/* A negative TVAL is in the past. */
	ptimer_write(v0, 1, CNT_CTL_ENABLE);
	ptimer_write(v0, 0, UINT32_MAX);
	assert_int_equal(ptimer_read(v0, 2), 1499);
	assert_int_equal(take(v0), 30);
	ptimer_write(v0, 1, 0);
	a64_eoi(30);
}

/* ------------------------------------------------------ zone0's SPIs */

static void test_zone0_sees_its_own_lines(void **state)
{
	(void)state;
	spi_init(FOREIGN_SPI, true, 0x80);
	assert_false(read_bit(0x100, FOREIGN_SPI));
	assert_int_equal(a64_mmio_read(v0, a64_gicd + 0x400 + FOREIGN_SPI, 1),
			 0);
	assert_false(a64.spi[FOREIGN_SPI].enabled);
	a64_mmio_write(v0, a64_gicd + 0x6000 + FOREIGN_SPI * 8, 8, 0x100);
	assert_int_equal(a64.spi[FOREIGN_SPI].route, 0);
	spi_init(PHYS_SPI, true, 0x80);
	assert_true(a64.spi[PHYS_SPI].enabled);
	assert_true(a64.spi[PHYS_SPI].edge);
	a64_mmio_write(v0, a64_gicd + 0x6000 + PHYS_SPI * 8, 8, 0x100);
	assert_int_equal(a64.spi[PHYS_SPI].route, 1);
	write_bit(0x180, PHYS_SPI);
	assert_false(a64.spi[PHYS_SPI].enabled);
	/* The machine's lines are nobody's to raise. */
	assert_int_equal(arch_virq_inject(zone, PHYS_SPI, VIRQ_PULSE), -EINVAL);
	assert_int_equal(arch_virq_inject(zone, FOREIGN_SPI, VIRQ_PULSE),
			 -EINVAL);
	assert_int_equal(arch_virq_inject(zone, A64_PHYS_INTIDS, VIRQ_PULSE),
			 0);
}

static void test_zone0_frames(void **state)
{
	(void)state;
	/* One frame per region end; vCPU 1 is called 0.0.1.0 */
	assert_int_equal(a64_mmio_read(v0, a64_gicr(0) + 8, 8), 1 << 4);
	assert_int_equal(a64_mmio_read(v0, a64_gicr(1) + 8, 8),
			 0x100ull << 32 | 1 << 8 | 1 << 4);
	/* Frames of CPUs that zone0 has not. */
	assert_int_equal(a64_mmio_read(v0, a64_gicr(1) + 0x20008, 8), 0);
}

static void test_phys_spi_ends_with_the_guest(void **state)
{
	(void)state;
	guest_init(v0);
	spi_init(PHYS_SPI, false, 0x80);
	assert_true(a64_fire_spi(PHYS_SPI));
	assert_int_equal(take(v0), PHYS_SPI);
	assert_true(a64.spi[PHYS_SPI].active);
	a64_eoi(PHYS_SPI);
	assert_false(a64.spi[PHYS_SPI].active);
	/* Again, before any exit has looked at the old LR. */
	assert_true(a64_fire_spi(PHYS_SPI));
	assert_int_equal(take(v0), PHYS_SPI);
	a64_eoi(PHYS_SPI);
	assert_int_equal(take(v0), A64_SPURIOUS);
	assert_int_equal(a64.spi[PHYS_SPI].deactivations, 0);
}

static void test_phys_spi_waits_for_its_vcpu(void **state)
{
	(void)state;
	guest_init(v0);
	spi_init(PHYS_SPI, false, 0x80);
	a64_put(v0);
	assert_true(a64_fire_spi(PHYS_SPI));
	assert_int_equal(a64.kicks[0], 1);
	assert_true(vgic_pending(v0));
	a64_load(v0);
	assert_int_equal(take(v0), PHYS_SPI);
	a64_put(v0);
	assert_true(a64.spi[PHYS_SPI].active);
	a64_load(v0);
	a64_enter(v0);
	a64_eoi(PHYS_SPI);
	assert_false(a64.spi[PHYS_SPI].active);
}

/* Disabled when EL2 has it already: back to the GIC. */
static void test_phys_spi_disabled_while_pending(void **state)
{
	(void)state;
	guest_init(v0);
	spi_init(PHYS_SPI, true, 0x80);
	write_sysreg(3, ICH_VMCR_EL2);
	assert_true(a64_fire_spi(PHYS_SPI));
	a64_enter(v0);
	write_bit(0x180, PHYS_SPI);
	a64_enter(v0);
	assert_false(a64.spi[PHYS_SPI].active);
	assert_true(a64.spi[PHYS_SPI].pending);
	assert_true(read_bit(0x200, PHYS_SPI));
	write_sysreg(0xffull << 24 | 3, ICH_VMCR_EL2);
	assert_int_equal(take(v0), A64_SPURIOUS);
	/* Enabled again the GIC signals it. */
	write_bit(0x100, PHYS_SPI);
	assert_true(a64_fire_spi(PHYS_SPI));
	assert_int_equal(take(v0), PHYS_SPI);
	a64_eoi(PHYS_SPI);
}

static void test_phys_spi_state_written_by_the_guest(void **state)
{
	(void)state;
	guest_init(v0);
	spi_init(PHYS_SPI, true, 0x80);
	write_bit(0x200, PHYS_SPI);
	assert_true(a64.spi[PHYS_SPI].pending);
	write_bit(0x280, PHYS_SPI);
	assert_false(a64.spi[PHYS_SPI].pending);
	write_bit(0x300, PHYS_SPI);
	assert_true(a64.spi[PHYS_SPI].active);
	write_bit(0x380, PHYS_SPI);
	a64_enter(v0);
	assert_false(a64.spi[PHYS_SPI].active);
	/* Ended by ICACTIVER although it is in an LR. */
	assert_true(a64_fire_spi(PHYS_SPI));
	assert_int_equal(take(v0), PHYS_SPI);
	write_bit(0x380, PHYS_SPI);
	a64_enter(v0);
	assert_false(a64.spi[PHYS_SPI].active);
	/* And by another vCPU. */
	guest_init(v1);
	a64_drop(PHYS_SPI);
	a64_on(0);
	a64_drop(PHYS_SPI);
	assert_true(a64_fire_spi(PHYS_SPI));
	assert_int_equal(take(v0), PHYS_SPI);
	a64_mmio_write(v1, a64_gicd + 0x380 + PHYS_SPI / 32 * 4, 4,
		       BIT(PHYS_SPI % 32));
	a64_enter(v0);
	assert_false(a64.spi[PHYS_SPI].active);
}

/* Taken by EL2 while it was routed to nobody, and cleared by the guest. */
static void test_phys_spi_cleared_without_target(void **state)
{
	(void)state;
	guest_init(v0);
	spi_init(PHYS_SPI, true, 0x80);
	a64_mmio_write(v0, a64_gicd + 0x6000 + PHYS_SPI * 8, 8, 9);
	assert_true(a64_fire_spi(PHYS_SPI));
	write_bit(0x280, PHYS_SPI);
	a64_mmio_write(v0, a64_gicd + 0x6000 + PHYS_SPI * 8, 8, 0);
	assert_int_equal(take(v0), A64_SPURIOUS);
	assert_false(a64.spi[PHYS_SPI].active);
}

static void test_reset_leaves_no_line_active(void **state)
{
	(void)state;
	guest_init(v0);
	spi_init(PHYS_SPI, false, 0x80);
	spi_init(PHYS_SPI + 1, false, 0x90);
	assert_true(a64_fire_spi(PHYS_SPI));
	assert_int_equal(take(v0), PHYS_SPI);
	assert_true(a64_fire_spi(PHYS_SPI + 1));
	a64_enter(v0);
	a64_put(v0);
	vgic_reset(zone);
	assert_false(a64.spi[PHYS_SPI].active);
	assert_false(a64.spi[PHYS_SPI + 1].active);
	assert_false(a64.spi[PHYS_SPI].enabled);
}

/* A vCPU that goes off while it handles a line must not keep it. */
static void test_vcpu_reset_ends_what_it_handled(void **state)
{
	(void)state;
	guest_init(v0);
	spi_init(PHYS_SPI, false, 0x80);
	assert_true(a64_fire_spi(PHYS_SPI));
	assert_int_equal(take(v0), PHYS_SPI);
	a64_put(v0);
	vgic_vcpu_reset(v0);
	assert_false(a64.spi[PHYS_SPI].active);
	a64_load(v0);
	assert_int_equal(take(v0), A64_SPURIOUS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		zone_test(test_identity),
		zone_test(test_waker),
		zone_test(test_registers_keep_what_is_written),
		zone_test(test_router_by_halves),
		zone_test(test_sizes_and_holes_read_as_zero),
		zone_test(test_edge_is_taken_once),
		zone_test(test_edge_while_active),
		zone_test(test_level_comes_again_until_lowered),
		zone_test(test_level_lowered_before_it_is_taken),
		zone_test(test_disabled_waits),
		zone_test(test_group_enables),
		zone_test(test_priority_mask_and_running_priority),
		zone_test(test_unknown_lines_are_refused),
		zone_test(test_sgi_to_self_and_others),
		zone_test(test_sgi_to_nobody),
		zone_test(test_sgi_of_group_0_does_not_reach_group_1),
		zone_test(test_overflow_in_order_of_priority),
		zone_test(test_overflow_and_a_better_one),
		zone_test(test_nested_deeper_than_the_list_registers),
		zone_test(test_deactivation_by_dir_without_list_register),
		zone_test(test_spi_follows_its_route),
		zone_test(test_route_to_nobody),
		zone_test(test_disable_elsewhere_completes),
		zone_test(test_clear_elsewhere_then_new_edge),
		zone_test(test_state_survives_put_and_load),
		zone_test(test_timer_is_linked_to_the_hardware),
		zone_test(test_timer_level_comes_again),
		zone_test(test_timer_withdrawn),
		zone_test(test_timer_while_disabled),
		zone_test(test_timer_while_away),
		zone_test(test_timer_while_falling_asleep),
		zone_test(test_timer_put_while_active),
		zone_test(test_physical_timer),
		zone0_test(test_zone0_sees_its_own_lines),
		zone0_test(test_zone0_frames),
		zone0_test(test_phys_spi_ends_with_the_guest),
		zone0_test(test_phys_spi_waits_for_its_vcpu),
		zone0_test(test_phys_spi_disabled_while_pending),
		zone0_test(test_phys_spi_state_written_by_the_guest),
		zone0_test(test_phys_spi_cleared_without_target),
		zone0_test(test_reset_leaves_no_line_active),
		zone0_test(test_vcpu_reset_ends_what_it_handled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
