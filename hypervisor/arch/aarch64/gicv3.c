/* SPDX-License-Identifier: BSD-2-Clause */
#include <zv/arch/irq.h>
#include <zv/arch/time.h>
#include <zv/boot.h>
#include <zv/check.h>
#include <zv/el2.h>
#include <zv/errno.h>
#include <zv/gicv3.h>
#include <zv/log.h>
#include <zv/percpu.h>
#include <zv/spinlock.h>
#include <zv/sysreg.h>
#include <zv/vgic.h>

/* Distributor, and from IGROUPR on the SGI frame of a redistributor too. */
#define GICD_CTLR 0x0000
#define GICD_TYPER 0x0004
#define GICD_IGROUPR 0x0080
#define GICD_ISENABLER 0x0100
#define GICD_ICENABLER 0x0180
#define GICD_ISPENDR 0x0200
#define GICD_ICPENDR 0x0280
#define GICD_ISACTIVER 0x0300
#define GICD_ICACTIVER 0x0380
#define GICD_IPRIORITYR 0x0400
#define GICD_ICFGR 0x0c00
#define GICD_IROUTER 0x6000
#define GICD_CTLR_GROUP1 BIT(1)
#define GICD_CTLR_ARE BIT(4)
#define GICD_CTLR_RWP BIT(31)
#define GICD_TYPER_LINES_MASK 0x1fu

#define GICR_CTLR 0x0000
#define GICR_TYPER 0x0008
#define GICR_WAKER 0x0014
#define GICR_SGI_FRAME 0x10000
#define GICR_CTLR_RWP BIT(3)
#define GICR_TYPER_VLPIS BIT(1)
#define GICR_TYPER_LAST BIT(4)
#define GICR_WAKER_SLEEP BIT(1)
#define GICR_WAKER_CHILD_ASLEEP BIT(2)
#define GICR_SIZE 0x20000ull
#define GICR_SIZE_VLPIS 0x40000ull

#define SPI_LIMIT 1020u
#define PRIORITY_MASK_ALL 0xff
#define SGIS_ENABLED (BIT(GIC_SGI_KICK) | BIT(GIC_SGI_STOP))
/* Registers take effect within microseconds, or the hardware is broken. */
#define SETTLE_NS 100000000ull

static volatile u8 *dist;
static struct {
	volatile u8 *base;
	u64 size;
} redist[8];
static u32 redist_count;
static u32 line_count;
static bool dist_ready;
static struct spinlock cfg_lock = SPINLOCK_INIT; /* ICFGR: two bits per line */

struct gicv3_ppis gicv3_ppi;

static u32 read32(const volatile u8 *p)
{
	return *(const volatile u32 *)(const volatile void *)p;
}

static void write32(u64 v, volatile u8 *p)
{
	*(volatile u32 *)(volatile void *)p = (u32)v;
}

static u64 read64(const volatile u8 *p)
{
	return *(const volatile u64 *)(const volatile void *)p;
}

static void write64(u64 v, volatile u8 *p)
{
	*(volatile u64 *)(volatile void *)p = v;
}

static void wait_clear(const volatile u8 *reg, u64 mask, const char *what)
{
	u64 deadline = arch_time_ns() + SETTLE_NS;

	while ((read32(reg) & mask) != 0) {
		if (arch_time_ns() > deadline) {
			panic("GICv3: %s does not settle", what);
		}
	}
}

/* The frame with the registers of a line. */
static volatile u8 *frame_of(u32 intid)
{
	CHECK(intid < line_count);
	return intid < GIC_SPI_FIRST ? this_cpu()->arch.gicr + GICR_SGI_FRAME
				     : dist;
}

static void set_bit(u32 intid, u32 reg)
{
	write32(BIT(intid % 32), frame_of(intid) + reg + intid / 32 * 4);
}

static bool get_bit(u32 intid, u32 reg)
{
	u32 v = read32(frame_of(intid) + reg + intid / 32 * 4);

	return (v & BIT(intid % 32)) != 0;
}

static void wait_write(u32 intid)
{
	if (intid < GIC_SPI_FIRST) {
		wait_clear(this_cpu()->arch.gicr + GICR_CTLR, GICR_CTLR_RWP,
			   "redistributor");
	} else {
		wait_clear(dist + GICD_CTLR, GICD_CTLR_RWP, "distributor");
	}
}

void gicv3_enable(u32 intid)
{
	set_bit(intid, GICD_ISENABLER);
}

void gicv3_disable(u32 intid)
{
	set_bit(intid, GICD_ICENABLER);
	wait_write(intid);
}

void gicv3_set_pending(u32 intid, bool on)
{
	set_bit(intid, on ? GICD_ISPENDR : GICD_ICPENDR);
}

void gicv3_set_active(u32 intid, bool on)
{
	set_bit(intid, on ? GICD_ISACTIVER : GICD_ICACTIVER);
}

bool gicv3_is_pending(u32 intid)
{
	return get_bit(intid, GICD_ISPENDR);
}

bool gicv3_is_active(u32 intid)
{
	return get_bit(intid, GICD_ISACTIVER);
}

bool gicv3_is_edge(u32 intid)
{
	u32 v = read32(frame_of(intid) + GICD_ICFGR + intid / 16 * 4);

	return (v & BIT(intid % 16 * 2 + 1)) != 0;
}

void gicv3_set_edge(u32 intid, bool edge)
{
	volatile u8 *reg = frame_of(intid) + GICD_ICFGR + intid / 16 * 4;
	u32 mask = (u32)BIT(intid % 16 * 2 + 1);
	u32 v;

	spin_lock(&cfg_lock);
	v = read32(reg);
	write32(edge ? v | mask : v & ~mask, reg);
	spin_unlock(&cfg_lock);
}

void gicv3_set_priority(u32 intid, u32 priority)
{
	frame_of(intid)[GICD_IPRIORITYR + intid] = (u8)priority;
}

void gicv3_route(u32 intid, u32 cpu)
{
	CHECK(intid >= GIC_SPI_FIRST && cpu < percpu_count);
	write64(percpu_get(cpu)->arch.mpidr,
		frame_of(intid) + GICD_IROUTER + (u64)intid * 8);
}

u32 gicv3_ack(void)
{
	u32 intid = (u32)read_sysreg(ICC_IAR1_EL1) & 0xffffff;

	/* What the interrupt announces, before it is looked at. */
	dsb(sy);
	return intid;
}

void gicv3_drop(u32 intid)
{
	write_sysreg(intid, ICC_EOIR1_EL1);
	isb();
}

void gicv3_deactivate(u32 intid)
{
	write_sysreg(intid, ICC_DIR_EL1);
	isb();
}

void gicv3_send_sgi(u32 cpu, u32 sgi)
{
	u64 mpidr = percpu_get(cpu)->arch.mpidr;
	u64 aff0 = mpidr & 0xff;
	u64 v = BIT(aff0 & 15) | (mpidr >> 8 & 0xff) << 16 | (u64)sgi << 24 |
		(mpidr >> 16 & 0xff) << 32 | (aff0 >> 4) << 44 |
		(mpidr >> 32 & 0xff) << 48;

	/* Our stores, before the other pCPU can see the interrupt. */
	dsb(ishst);
	write_sysreg(v, ICC_SGI1R_EL1);
	isb();
}

u32 arch_irq_count(void)
{
	return line_count;
}

int gicv3_setup(const struct host_facts *facts)
{
	if (!facts->gic.present) {
		log_error("the device tree has no arm,gic-v3 controller");
		return -ENODEV;
	}
	gicv3_ppi = (struct gicv3_ppis){
		.hyp_timer = facts->timer_ppi[3],
		.virt_timer = facts->timer_ppi[2],
		.phys_timer = facts->timer_ppi[1],
		.maintenance = facts->gic.maintenance,
	};
	dist = map_device(pa_make(facts->gic.dist.start), facts->gic.dist.size);
	redist_count = facts->gic.redist_count;
	for (u32 i = 0; i < redist_count; i++) {
		const struct mem_range *r = &facts->gic.redist[i];

		redist[i].base = map_device(pa_make(r->start), r->size);
		redist[i].size = r->size;
	}
	return 0;
}

/* The lines of one register frame from `first`: group 1, off, quiet, level. */
static void reset_lines(volatile u8 *frame, u32 first, u32 count)
{
	for (u32 i = first; i < first + count; i += 32) {
		write32(UINT32_MAX, frame + GICD_ICENABLER + i / 8);
		write32(UINT32_MAX, frame + GICD_IGROUPR + i / 8);
		write32(UINT32_MAX, frame + GICD_ICPENDR + i / 8);
		write32(UINT32_MAX, frame + GICD_ICACTIVER + i / 8);
	}
	for (u32 i = first; i < first + count; i += 4) {
		write32(GIC_PRIORITY_DEFAULT * 0x01010101u,
			frame + GICD_IPRIORITYR + i);
	}
}

static void dist_init(void)
{
	u64 self = this_cpu()->arch.mpidr;
	u32 lines =
		((read32(dist + GICD_TYPER) & GICD_TYPER_LINES_MASK) + 1) * 32;

	line_count = MIN(lines, SPI_LIMIT);
	write32(0, dist + GICD_CTLR);
	wait_clear(dist + GICD_CTLR, GICD_CTLR_RWP, "distributor");
	/* Affinity routing first: IROUTER exists only with it. */
	write32(GICD_CTLR_ARE, dist + GICD_CTLR);
	wait_clear(dist + GICD_CTLR, GICD_CTLR_RWP, "distributor");
	reset_lines(dist, GIC_SPI_FIRST, lines - GIC_SPI_FIRST);
	for (u32 i = GIC_SPI_FIRST; i < line_count; i++) {
		write64(self, dist + GICD_IROUTER + (u64)i * 8);
	}
	wait_clear(dist + GICD_CTLR, GICD_CTLR_RWP, "distributor");
	write32(GICD_CTLR_ARE | GICD_CTLR_GROUP1, dist + GICD_CTLR);
	wait_clear(dist + GICD_CTLR, GICD_CTLR_RWP, "distributor");
}

/* The redistributor whose affinity is this pCPU's, or NULL. */
static volatile u8 *redist_find(void)
{
	u64 mpidr = this_cpu()->arch.mpidr;
	u64 affinity = (mpidr >> 32 & 0xff) << 24 | (mpidr & 0xffffff);

	for (u32 i = 0; i < redist_count; i++) {
		u64 off = 0;
		u64 typer = 0;

		while (off + GICR_SIZE <= redist[i].size &&
		       (typer & GICR_TYPER_LAST) == 0) {
			typer = read64(redist[i].base + off + GICR_TYPER);
			if (typer >> 32 == affinity) {
				return redist[i].base + off;
			}
			off += (typer & GICR_TYPER_VLPIS) != 0 ? GICR_SIZE_VLPIS
							       : GICR_SIZE;
		}
	}
	return NULL;
}

static int redist_init(void)
{
	volatile u8 *rd = redist_find();
	u32 ppis[] = { gicv3_ppi.hyp_timer, gicv3_ppi.virt_timer,
		       gicv3_ppi.maintenance };

	if (rd == NULL) {
		log_error("no GICv3 redistributor for MPIDR %lx",
			  this_cpu()->arch.mpidr);
		return -ENODEV;
	}
	this_cpu()->arch.gicr = rd;
	write32(read32(rd + GICR_WAKER) & ~GICR_WAKER_SLEEP, rd + GICR_WAKER);
	wait_clear(rd + GICR_WAKER, GICR_WAKER_CHILD_ASLEEP, "GICR_WAKER");
	reset_lines(rd + GICR_SGI_FRAME, 0, GIC_SPI_FIRST);
	wait_clear(rd + GICR_CTLR, GICR_CTLR_RWP, "redistributor");

	gicv3_set_priority(GIC_SGI_KICK, GIC_PRIORITY_IPI);
	gicv3_set_priority(GIC_SGI_STOP, GIC_PRIORITY_IPI);
	write32(SGIS_ENABLED, rd + GICR_SGI_FRAME + GICD_ISENABLER);
	for (u32 i = 0; i < ARRAY_SIZE(ppis); i++) {
		gicv3_enable(ppis[i]);
	}
	return 0;
}

static int cpu_interface_init(void)
{
	write_sysreg(ICC_SRE_SRE | ICC_SRE_DFB | ICC_SRE_DIB | ICC_SRE_ENABLE,
		     ICC_SRE_EL2);
	isb();
	if ((read_sysreg(ICC_SRE_EL2) & ICC_SRE_SRE) == 0) {
		log_error("the firmware keeps the GICv3 system registers off");
		return -ENOTSUP;
	}
	write_sysreg(PRIORITY_MASK_ALL, ICC_PMR_EL1);
	write_sysreg(0, ICC_BPR1_EL1);
	/* Priority drop and deactivation are two steps. */
	write_sysreg(ICC_CTLR_EOIMODE, ICC_CTLR_EL1);
	write_sysreg(1, ICC_IGRPEN1_EL1);
	isb();
	return 0;
}

int arch_irq_init(void)
{
	int err;

	if (!dist_ready) {
		dist_init();
		dist_ready = true;
	}
	err = redist_init();
	if (err == 0) {
		err = cpu_interface_init();
	}
	if (err == 0) {
		vgic_cpu_init();
	}
	return err;
}
