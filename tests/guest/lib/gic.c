/* SPDX-License-Identifier: BSD-2-Clause */
/* GICv3 (Arm IHI0069) for the test guests: group 1, affinity routing. */
#include "guest.h"

#define GICD(off) (ZV_A64_GICD_BASE + (off))
#define GICD_CTLR GICD(0x0000)
#define GICD_IGROUPR 0x0080
#define GICD_ISENABLER 0x0100
#define GICD_ICENABLER 0x0180
#define GICD_ISPENDR 0x0200
#define GICD_IPRIORITYR 0x0400
#define GICD_ICFGR 0x0c00
#define GICD_IROUTER 0x6000

#define GICR_WAKER 0x0014
#define GICR_SGI 0x10000 /* offset of the SGI frame, same register layout */

void guest_irq(void);

volatile u32 irq_count[GUEST_CPUS_MAX];
volatile u32 irq_last[GUEST_CPUS_MAX];
static volatile irq_fn handler;

static u64 redist(u32 cpu)
{
	return ZV_A64_GICR_BASE + cpu * ZV_A64_GICR_STRIDE;
}

/* The frame that holds the registers of an INTID, for this vCPU. */
static u64 frame(u32 intid)
{
	return intid < 32 ? redist(this_cpu()) + GICR_SGI : ZV_A64_GICD_BASE;
}

static void set_bit(u32 reg, u32 intid)
{
	mmio_write32(frame(intid) + reg + intid / 32 * 4, 1u << (intid % 32));
}

void gic_init_cpu(u32 cpu)
{
	u64 r = redist(cpu);

	if (cpu == 0) {
		mmio_write32(GICD_CTLR, 0x12); /* ARE_NS, EnableGrp1NS */
		for (u32 i = 32; i < ZV_A64_INTID_COUNT; i += 32) {
			mmio_write32(GICD(GICD_IGROUPR + i / 8), ~0u);
		}
	}
	mmio_write32(r + GICR_WAKER, mmio_read32(r + GICR_WAKER) & ~2u);
	while (mmio_read32(r + GICR_WAKER) & 4) {}
	mmio_write32(r + GICR_SGI + GICD_IGROUPR, ~0u);
	mmio_write32(r + GICR_SGI + GICD_ISENABLER, 0xffff);
	write_sysreg(s3_0_c12_c12_5, read_sysreg(s3_0_c12_c12_5) | 1); /* SRE */
	isb();
	write_sysreg(s3_0_c4_c6_0, 0xf0); /* ICC_PMR_EL1 */
	write_sysreg(s3_0_c12_c12_7, 1); /* ICC_IGRPEN1_EL1 */
	isb();
}

void gic_enable(u32 intid, u8 priority)
{
	u64 a = frame(intid) + GICD_IPRIORITYR + intid;

	__asm__ volatile("strb %w0, [%1]" ::"r"(priority), "r"(a) : "memory");
	set_bit(GICD_ISENABLER, intid);
}

void gic_disable(u32 intid)
{
	set_bit(GICD_ICENABLER, intid);
}

void gic_pend(u32 intid)
{
	set_bit(GICD_ISPENDR, intid);
}

void gic_route(u32 intid, u32 cpu)
{
	u64 a = GICD(GICD_IROUTER + 8ull * intid);

	__asm__ volatile("str %0, [%1]" ::"r"(cpu_mpidr(cpu)), "r"(a)
			 : "memory");
}

void gic_config_edge(u32 intid, bool edge)
{
	u64 a = frame(intid) + GICD_ICFGR + intid / 16 * 4;
	u32 bit = 2u << (intid % 16 * 2);
	u32 v = mmio_read32(a);

	mmio_write32(a, edge ? v | bit : v & ~bit);
}

/* ICC_SGI1R_EL1: target list of 16 within Aff1. */
void gic_sgi(u32 cpu, u32 intid)
{
	u64 v = (u64)intid << 24 | (u64)(cpu / 16) << 16 | 1ull << (cpu % 16);

	dsb();
	write_sysreg(s3_0_c12_c11_5, v);
	isb();
}

void irq_handler_set(irq_fn fn)
{
	handler = fn;
}

void guest_irq(void)
{
	u32 intid = (u32)read_sysreg(s3_0_c12_c12_0); /* ICC_IAR1_EL1 */
	u32 cpu = this_cpu();

	if (intid >= 1020) {
		return;
	}
	irq_last[cpu] = intid;
	irq_count[cpu]++;
	if (handler) {
		handler(intid);
	}
	write_sysreg(s3_0_c12_c12_1, intid); /* ICC_EOIR1_EL1 */
	isb();
}
