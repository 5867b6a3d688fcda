/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Registers of the virtual distributor and redistributors (IHI 0069, 12.9 to
 * 12.11).  One security state (GICD_CTLR.DS), affinity routing always on, no
 * LPIs, no message-based SPIs, no 1 of N.  What is reserved, another zone's, or
 * accessed with a size the register does not have, reads as zero and ignores
 * writes.
 *
 * SPIs that are lines of the machine (zone0's) are enabled, configured, made
 * pending and routed in hardware as well.  Their priority is not: EL2 takes
 * whatever is pending in one go, and the virtual priorities order it after.
 */
#include "vgic_internal.h"

#include <zv/atomic.h>
#include <zv/gicv3.h>
#include <zv/mmio.h>
#include <zv/platform_aarch64.h>
#include <zv/sysreg.h>

#define GICD_SIZE ZV_A64_GICD_SIZE /* as on any GICv3 (12.8) */
#define GICD_CTLR 0x0000
#define GICD_TYPER 0x0004
#define GICD_IIDR 0x0008
#define GICD_IROUTER 0x6000
#define GICR_CTLR 0x0000
#define GICR_IIDR 0x0004
#define GICR_TYPER 0x0008
#define GICR_WAKER 0x0014
#define GICR_SGI_FRAME 0x10000
#define GIC_ID_REGISTERS 0xffd0
#define GIC_PIDR2 0xffe8
#define GIC_CIDR0 0xfff0

/* The same offsets in GICD and in the SGI frame of GICR. */
#define GIC_IGROUPR 0x080
#define GIC_ISENABLER 0x100
#define GIC_ICENABLER 0x180
#define GIC_ISPENDR 0x200
#define GIC_ICPENDR 0x280
#define GIC_ISACTIVER 0x300
#define GIC_ICACTIVER 0x380
#define GIC_IPRIORITYR 0x400
#define GIC_ITARGETSR 0x800
#define GIC_ICFGR 0xc00
#define GIC_IGRPMODR 0xd00
#define GIC_BITS_SIZE 0x80 /* of each of the bit registers */

#define CTLR_ENABLES 0x3u /* groups 0 and 1 */
#define CTLR_ARE BIT(4)
#define CTLR_DS BIT(6)
#define CTLR_RWP BIT(31)
#define TYPER_A3V BIT(24)
#define TYPER_NO1N BIT(25)
#define TYPER_IDBITS_SHIFT 19
#define IDBITS 9 /* INTIDs have 10 bits */
#define GICR_TYPER_LAST BIT(4)
#define GICR_TYPER_NUMBER_SHIFT 8
#define WAKER_PROCESSOR_SLEEP BIT(1)
#define WAKER_CHILDREN_ASLEEP BIT(2)
#define IROUTER_ANY BIT(31)
#define IROUTER_AFFINITY 0xff00ffffffull

/* Implementer Arm as the JEP106 code wants one, product 'Z'. */
#define IIDR_VALUE 0x5a00043bu
#define PIDR2_GICV3 0x3bu
/* Five priority bits, as every GICv3 CPU interface has at least. */
#define PRIORITY_MASK 0xf8u

#define FRAME_SIZE ZV_A64_GICR_STRIDE

/* ------------------------------------------------- one bit per INTID */

static bool irq_bit(struct zone *z, const struct vgic_irq *q, u32 reg)
{
	switch (reg) {
	case GIC_IGROUPR:
		return q->group1;
	case GIC_ISENABLER:
	case GIC_ICENABLER:
		return q->enabled;
	case GIC_ISPENDR:
	case GIC_ICPENDR:
		return vgic_is_pending(q) || (q->lr_latch && !q->drop_latch) ||
		       (!q->enabled && vgic_is_phys_spi(z, q->intid) &&
			gicv3_is_pending(q->intid));
	default:
		return q->active || (q->lr_active && !q->drop_active);
	}
}

static void set_enabled(struct zone *z, struct vgic_irq *q, bool on)
{
	if (q->enabled == on) {
		return;
	}
	q->enabled = on;
	/* In the LR of a vCPU that runs elsewhere: done when it has seen it. */
	if (!on && q->in_lr) {
		z->arch.vgic.rwp |= 1u << q->queued_on->index;
	}
	if (vgic_is_phys_spi(z, q->intid)) {
		if (on) {
			gicv3_enable(q->intid);
		} else {
			gicv3_disable(q->intid);
		}
	}
	vgic_update_locked(z, q);
}

static void set_pending(struct zone *z, struct vgic_irq *q, bool on)
{
	bool phys = vgic_is_phys_spi(z, q->intid);

	if (phys) {
		gicv3_set_pending(q->intid, on);
	}
	if (!on) {
		q->latch = false;
		q->drop_latch = q->in_lr;
	} else if (!phys) {
		q->latch = true;
	}
	vgic_update_locked(z, q);
}

static void set_active(struct zone *z, struct vgic_irq *q, bool on)
{
	q->active = on;
	if (!on) {
		q->drop_active = q->in_lr;
	} else if (vgic_is_phys_spi(z, q->intid) && !q->phys && !q->lr_hw) {
		gicv3_set_active(q->intid, true);
		q->phys = true;
	}
	vgic_update_locked(z, q);
}

static void irq_write_bit(struct zone *z, struct vgic_irq *q, u32 reg, bool bit)
{
	if (reg == GIC_IGROUPR) {
		if (q->group1 != bit) {
			q->group1 = bit;
			vgic_update_locked(z, q);
		}
		return;
	}
	if (!bit) {
		return;
	}
	switch (reg) {
	case GIC_ISENABLER:
		set_enabled(z, q, true);
		break;
	case GIC_ICENABLER:
		set_enabled(z, q, false);
		break;
	case GIC_ISPENDR:
		set_pending(z, q, true);
		break;
	case GIC_ICPENDR:
		set_pending(z, q, false);
		break;
	case GIC_ISACTIVER:
		set_active(z, q, true);
		break;
	default:
		set_active(z, q, false);
		break;
	}
}

static void bits_access(struct vcpu *v, u32 offset, struct mmio_access *a)
{
	u32 reg = (offset - GIC_IGROUPR) / GIC_BITS_SIZE * GIC_BITS_SIZE +
		  GIC_IGROUPR;
	u32 first = (offset - reg) * 8;
	u32 value = 0;

	if (a->size != 4) {
		return;
	}
	for (u32 i = 0; i < 32; i++) {
		struct vgic_irq *q = vgic_get(v, first + i);

		if (q == NULL) {
			continue;
		}
		if (a->write) {
			irq_write_bit(v->zone, q, reg,
				      (a->value >> i & 1) != 0);
		} else {
			value |= (u32)irq_bit(v->zone, q, reg) << i;
		}
	}
	a->value = a->write ? a->value : value;
}

/* ---------------------------------------------- other per-INTID fields */

static void priority_access(struct vcpu *v, u32 offset, struct mmio_access *a)
{
	u64 value = 0;

	if (a->size != 1 && a->size != 4) {
		return;
	}
	for (u32 i = 0; i < a->size; i++) {
		struct vgic_irq *q = vgic_get(v, offset - GIC_IPRIORITYR + i);
		u8 priority;

		if (q == NULL) {
			continue;
		}
		if (!a->write) {
			value |= (u64)q->priority << (8 * i);
			continue;
		}
		priority = (u8)(a->value >> (8 * i)) & PRIORITY_MASK;
		if (q->priority != priority) {
			q->priority = priority;
			vgic_update_locked(v->zone, q);
		}
	}
	a->value = a->write ? a->value : value;
}

/* SGIs are edges and the PPIs here levels, unalterably; SPIs are free. */
static void config_access(struct vcpu *v, u32 offset, struct mmio_access *a)
{
	u32 first = (offset - GIC_ICFGR) * 4;
	u32 value = 0;

	if (a->size != 4) {
		return;
	}
	for (u32 i = 0; i < 16; i++) {
		struct vgic_irq *q = vgic_get(v, first + i);
		bool edge = (a->value >> (2 * i + 1) & 1) != 0;

		if (q == NULL) {
			continue;
		}
		if (!a->write) {
			value |= (u32)q->edge << (2 * i + 1);
		} else if (q->intid >= VGIC_PRIVATE && q->edge != edge) {
			q->edge = edge;
			if (vgic_is_phys_spi(v->zone, q->intid)) {
				gicv3_set_edge(q->intid, edge);
			}
			vgic_update_locked(v->zone, q);
		}
	}
	a->value = a->write ? a->value : value;
}

static u64 router_value(const struct vgic_irq *q)
{
	return (u64)(q->router >> 24) << 32 | (q->router & 0xffffff) |
	       (q->router_any ? IROUTER_ANY : 0);
}

static void router_access(struct vcpu *v, u32 offset, struct mmio_access *a)
{
	u32 shift = (offset & 4) * 8;
	struct vgic_irq *q = vgic_spi(v->zone, (offset - GICD_IROUTER) / 8);
	u64 mask = a->size == 8 ? UINT64_MAX : (u64)UINT32_MAX << shift;
	u64 value;

	if (q == NULL || (a->size != 8 && a->size != 4)) {
		return;
	}
	value = router_value(q);
	if (!a->write) {
		a->value = (value & mask) >> shift;
		return;
	}
	value = (value & ~mask) | (a->value << shift & mask);
	q->router = (u32)(value & 0xffffff) | (u32)(value >> 32 & 0xff) << 24;
	q->router_any = (value & IROUTER_ANY) != 0;
	vgic_route_locked(v->zone, q);
	vgic_update_locked(v->zone, q);
}

/* --------------------------------------------------------- distributor */

static void dist_control(struct vcpu *v, struct mmio_access *a)
{
	struct zone *z = v->zone;
	struct vgic *g = &z->arch.vgic;
	u32 ctlr = (u32)a->value & CTLR_ENABLES;

	if (!a->write) {
		a->value = atomic_load_relaxed(&g->ctlr) | CTLR_ARE | CTLR_DS |
			   (atomic_load_relaxed(&g->rwp) != 0 ? CTLR_RWP : 0);
		return;
	}
	if (g->ctlr == ctlr) {
		return;
	}
	g->ctlr = ctlr;
	for (u32 i = 0; i < z->vcpu_count; i++) {
		if (z->vcpus[i]->arch.vgic.queued != 0) {
			vgic_touch_locked(z->vcpus[i]);
		}
	}
}

static u32 typer_value(const struct vgic *g)
{
	u32 lines = MIN(ALIGN_UP(g->intid_count, 32u) / 32, 32u) - 1;

	return lines | IDBITS << TYPER_IDBITS_SHIFT | (u32)TYPER_A3V |
	       (u32)TYPER_NO1N;
}

/* PIDR2 says GICv3; the component ID is the same for all. */
static u32 id_register(u32 offset)
{
	static const u8 cidr[] = { 0x0d, 0xf0, 0x05, 0xb1 };
	u32 i = (offset - GIC_CIDR0) / 4;

	if (offset >= GIC_CIDR0) {
		/* A host's distributor may be given more than its 64 KiB. */
		return i < ARRAY_SIZE(cidr) ? cidr[i] : 0;
	}
	return offset == GIC_PIDR2 ? PIDR2_GICV3 : 0;
}

/* Registers of one word that are only read; others are 0. */
static void word_read(struct mmio_access *a, u32 value)
{
	if (!a->write && a->size == 4) {
		a->value = value;
	}
}

static void interrupts_access(struct vcpu *v, u32 offset, struct mmio_access *a)
{
	if (offset < GIC_IPRIORITYR) {
		bits_access(v, offset, a);
	} else if (offset < GIC_ITARGETSR) {
		priority_access(v, offset, a);
	} else if (offset >= GIC_ICFGR && offset < GIC_IGRPMODR) {
		config_access(v, offset, a);
	}
}

/* Per-INTID registers of INTIDs below 32 are in the redistributor. */
static bool is_private_offset(u32 offset)
{
	if (offset < GIC_IPRIORITYR) {
		return (offset & (GIC_BITS_SIZE - 1)) < 4;
	}
	if (offset < GIC_ITARGETSR) {
		return offset < GIC_IPRIORITYR + VGIC_PRIVATE;
	}
	return offset < GIC_ICFGR + VGIC_PRIVATE / 4;
}

/* Reading these needs no lock: each is one word. */
static void dist_word(struct vcpu *v, u32 offset, struct mmio_access *a)
{
	switch (offset) {
	case GICD_CTLR:
		if (a->size == 4) {
			dist_control(v, a);
		}
		break;
	case GICD_TYPER:
		word_read(a, typer_value(vgic_of(v)));
		break;
	case GICD_IIDR:
		word_read(a, IIDR_VALUE);
		break;
	default:
		break;
	}
}

static void dist_register(struct vcpu *v, u32 offset, struct mmio_access *a)
{
	if (offset >= GIC_ID_REGISTERS) {
		word_read(a, id_register(offset));
	} else if (offset >= GICD_IROUTER) {
		router_access(v, offset, a);
	} else if (offset < GIC_IGRPMODR && !is_private_offset(offset)) {
		interrupts_access(v, offset, a);
	}
}

__attribute__((noinline)) static void dist_locked(struct vcpu *v, u32 offset,
						  struct mmio_access *a)
{
	spin_lock(&vgic_of(v)->lock);
	if (offset < GIC_IGROUPR) {
		dist_word(v, offset, a);
	} else {
		/* Some of the state may be in this vCPU's LRs. */
		vgic_fold_locked(v);
		dist_register(v, offset, a);
	}
	spin_unlock(&vgic_of(v)->lock);
}

static enum mmio_result dist_access(struct vcpu *v, struct mmio_access *a,
				    void *ctx)
{
	u32 offset = (u32)(a->gpa - *(const u64 *)ctx);

	zone_count(v->zone, exits[ZV_EXIT_MMIO_VIC]);
	if (!a->write) {
		a->value = 0;
	}
	if (!a->write && offset < GIC_IGROUPR) {
		dist_word(v, offset, a);
	} else {
		dist_locked(v, offset, a);
	}
	return MMIO_DONE;
}

bool vgic_mmio(struct vcpu *v, struct mmio_access *a)
{
	u64 *base = &vgic_of(v)->dist_base;

	if (a->gpa - *base >= GICD_SIZE || !IS_ALIGNED(a->gpa, (u64)a->size)) {
		return false;
	}
	(void)dist_access(v, a, base);
	return true;
}

/* ------------------------------------------------------ redistributors */

/* Where zone0's frames are: the host's regions, filled in order. */
static u32 frames_in(u32 region)
{
	return (u32)(vgic_host.redist[region].size / FRAME_SIZE);
}

/* True if no frame of a vCPU follows in the region of frame `index`. */
static bool is_last_frame(const struct zone *z, u32 index)
{
	u32 end = 0;

	if (index + 1 == z->vcpu_count) {
		return true;
	}
	for (u32 i = 0; z->id == ZV_ZONE0 && i < vgic_host.redist_count; i++) {
		end += frames_in(i);
		if (index + 1 == end) {
			return true;
		}
	}
	return false;
}

static u64 redist_typer(const struct vcpu *target)
{
	u64 aff = target->arch.vmpidr & MPIDR_AFF_MASK;

	return ((aff & 0xffffff) | aff >> 32 << 24) << 32 |
	       (u64)target->index << GICR_TYPER_NUMBER_SHIFT |
	       (is_last_frame(target->zone, target->index) ? GICR_TYPER_LAST
							   : 0);
}

static void redist_waker(struct vcpu *target, struct mmio_access *a)
{
	struct vgic_cpu *c = &target->arch.vgic;

	if (a->size != 4) {
		return;
	}
	if (a->write) {
		c->asleep = (a->value & WAKER_PROCESSOR_SLEEP) != 0;
	} else if (c->asleep) {
		a->value = WAKER_PROCESSOR_SLEEP | WAKER_CHILDREN_ASLEEP;
	}
}

static void redist_control(struct vcpu *target, u32 offset,
			   struct mmio_access *a)
{
	switch (offset) {
	case GICR_IIDR:
		word_read(a, IIDR_VALUE);
		break;
	case GICR_TYPER:
		if (!a->write && a->size >= 4) {
			a->value = redist_typer(target);
			a->value = a->size == 8 ? a->value : (u32)a->value;
		}
		break;
	case GICR_TYPER + 4:
		word_read(a, (u32)(redist_typer(target) >> 32));
		break;
	case GICR_WAKER:
		redist_waker(target, a);
		break;
	default:
		if (offset >= GIC_ID_REGISTERS) {
			word_read(a, id_register(offset));
		}
		break;
	}
}

/* The SGI frame has the first 32 INTIDs only. */
static void redist_interrupts(struct vcpu *target, u32 offset,
			      struct mmio_access *a)
{
	if (offset >= GIC_IGROUPR && offset < GIC_IGRPMODR &&
	    is_private_offset(offset)) {
		interrupts_access(target, offset, a);
	}
}

/* ctx: base of the region, and which frame is its first. */
static enum mmio_result redist_access(struct vcpu *v, struct mmio_access *a,
				      void *ctx)
{
	const struct vgic_region *r = ctx;
	u64 offset = a->gpa - r->base;
	u32 frame = r->first + (u32)(offset / FRAME_SIZE);
	struct vcpu *target;

	zone_count(v->zone, exits[ZV_EXIT_MMIO_VIC]);
	if (!a->write) {
		a->value = 0;
	}
	/* The machine may have frames of CPUs that zone0 has not. */
	if (frame >= v->zone->vcpu_count) {
		return MMIO_DONE;
	}
	target = v->zone->vcpus[frame];
	offset %= FRAME_SIZE;
	spin_lock(&vgic_of(v)->lock);
	if (offset < GICR_SGI_FRAME) {
		redist_control(target, (u32)offset, a);
	} else {
		vgic_fold_locked(target);
		redist_interrupts(target, (u32)offset - GICR_SGI_FRAME, a);
	}
	spin_unlock(&vgic_of(v)->lock);
	return MMIO_DONE;
}

int vgic_mmio_init(struct zone *z)
{
	struct vgic *g = &z->arch.vgic;
	u32 first = 0;
	int err;

	if (z->id != ZV_ZONE0) {
		g->dist_base = ZV_A64_GICD_BASE;
		g->redist[0].base = ZV_A64_GICR_BASE;
		err = mmio_register(&z->mmio, ZV_A64_GICD_BASE,
				    ZV_A64_GICD_SIZE, dist_access,
				    &g->dist_base);
		if (err != 0) {
			return err;
		}
		return mmio_register(&z->mmio, ZV_A64_GICR_BASE,
				     z->vcpu_count * ZV_A64_GICR_STRIDE,
				     redist_access, &g->redist[0]);
	}
	g->dist_base = vgic_host.dist_base;
	err = mmio_register(&z->mmio, vgic_host.dist_base, vgic_host.dist_size,
			    dist_access, &g->dist_base);
	for (u32 i = 0; err == 0 && i < vgic_host.redist_count; i++) {
		g->redist[i].base = vgic_host.redist[i].base;
		g->redist[i].first = first;
		first += frames_in(i);
		err = mmio_register(&z->mmio, vgic_host.redist[i].base,
				    vgic_host.redist[i].size, redist_access,
				    &g->redist[i]);
	}
	return err;
}
