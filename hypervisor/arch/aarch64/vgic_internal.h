/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shared by vgic.c, vgic_lr.c and vgic_mmio.c.  Functions ending in _locked
 * need the zone's vgic lock.
 */
#ifndef ZV_AARCH64_VGIC_INTERNAL_H
#define ZV_AARCH64_VGIC_INTERNAL_H

#include <zv/gicv3.h>
#include <zv/vgic.h>
#include <zv/zone.h>

static inline struct vgic *vgic_of(const struct vcpu *v)
{
	return &v->zone->arch.vgic;
}

static inline bool vgic_is_pending(const struct vgic_irq *q)
{
	return q->latch || (q->line && !q->edge);
}

/* INTID of the physical line behind it; only for lines that have one. */
static inline u32 vgic_phys_intid(const struct zone *z,
				  const struct vgic_irq *q)
{
	return q->intid == z->arch.vtimer_intid ? gicv3_ppi.virt_timer
						: q->intid;
}

/* True for an SPI of the zone that is a line of the machine. */
bool vgic_is_phys_spi(const struct zone *z, u32 intid);
/* The SPI as the zone sees it, or NULL: none, or another zone's. */
struct vgic_irq *vgic_spi(struct zone *z, u32 intid);
/* The same with v's private ones. */
struct vgic_irq *vgic_get(struct vcpu *v, u32 intid);

/* v's LRs are out of date: it sees to that, kicked if need be. */
void vgic_touch_locked(struct vcpu *v);
/*
 * After a change of state: queues the interrupt if it concerns its target, has
 * the LRs looked at and kicks whoever has to.
 */
void vgic_update_locked(struct zone *z, struct vgic_irq *q);
void vgic_dequeue_locked(struct vgic_irq *q);
/*
 * Neither pending nor active any more (or nothing the guest may see): gives
 * the physical line back and leaves the queue.
 */
void vgic_unsettled_locked(struct vcpu *v, struct vgic_irq *q);

static inline void vgic_settle_locked(struct vcpu *v, struct vgic_irq *q)
{
	if (!q->active &&
	    !(q->enabled && q->target == v && vgic_is_pending(q))) {
		vgic_unsettled_locked(v, q);
	}
}

/* Where GICD_IROUTER says; router and router_any are set. */
void vgic_route_locked(struct zone *z, struct vgic_irq *q);

/* vgic_lr.c: the LRs' state back into the interrupts, if v is loaded here. */
void vgic_fold_locked(struct vcpu *v);

/* vgic_mmio.c */
int vgic_mmio_init(struct zone *z);

/* vgic.c */
struct vgic_layout {
	u64 dist_base;
	u64 dist_size;
	u32 redist_count;
	struct {
		u64 base;
		u64 size;
	} redist[VGIC_REDISTS_MAX];
};
extern struct vgic_layout vgic_host;

#endif /* ZV_AARCH64_VGIC_INTERNAL_H */
