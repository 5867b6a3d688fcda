/* SPDX-License-Identifier: BSD-2-Clause */
/* State of the interrupts, queues, and the sources that make them pending. */
#include "vgic_internal.h"

#include <zv/arch/irq.h>
#include <zv/atomic.h>
#include <zv/boot.h>
#include <zv/errno.h>
#include <zv/gicv3.h>
#include <zv/guest.h>
#include <zv/io.h>
#include <zv/irq.h>
#include <zv/mm.h>
#include <zv/percpu.h>
#include <zv/platform_aarch64.h>
#include <zv/trace.h>

struct vgic_layout vgic_host;

void vgic_host_layout(const struct host_facts *facts)
{
	vgic_host.dist_base = facts->gic.dist.start;
	vgic_host.dist_size = facts->gic.dist.size;
	vgic_host.redist_count = facts->gic.redist_count;
	for (u32 i = 0; i < facts->gic.redist_count; i++) {
		vgic_host.redist[i].base = facts->gic.redist[i].start;
		vgic_host.redist[i].size = facts->gic.redist[i].size;
	}
}

/* ------------------------------------------------------------- look-up */

bool vgic_is_phys_spi(const struct zone *z, u32 intid)
{
	return intid >= VGIC_PRIVATE && intid < irq_table_count() &&
	       irq_owner(intid) == z->id;
}

/*
 * zone0's distributor stands for the machine's: of its lines it sees those it
 * owns, and above them the event lines, which are no hardware's.
 */
struct vgic_irq *vgic_spi(struct zone *z, u32 intid)
{
	struct vgic *g = &z->arch.vgic;

	if (intid < VGIC_PRIVATE || intid >= g->intid_count) {
		return NULL;
	}
	if (z->id == ZV_ZONE0 && intid < irq_table_count() &&
	    irq_owner(intid) != ZV_ZONE0) {
		return NULL;
	}
	return &g->spi[intid - VGIC_PRIVATE];
}

struct vgic_irq *vgic_get(struct vcpu *v, u32 intid)
{
	if (intid < VGIC_PRIVATE) {
		return &v->arch.vgic.private[intid];
	}
	return vgic_spi(v->zone, intid);
}

/* -------------------------------------------------------------- queues */

static bool runs_here(const struct vcpu *v)
{
	return this_cpu()->loaded == v &&
	       atomic_load_relaxed(&v->run) == VCPU_RUNNING;
}

/* v's LRs are out of date.  v itself sees to that before it is entered. */
void vgic_touch_locked(struct vcpu *v)
{
	vcpu_work(v, VCPU_WORK_VGIC);
	if (!runs_here(v)) {
		vcpu_kick(v);
	}
}

void vgic_dequeue_locked(struct vgic_irq *q)
{
	if (q->queued_on != NULL) {
		list_remove(&q->node);
		q->queued_on->arch.vgic.queued--;
		q->queued_on = NULL;
	}
}

/* Apart, so that its caller needs no frame. */
__attribute__((cold, noinline)) static void
touch_traced_locked(struct vcpu *v, const struct vgic_irq *q)
{
	trace_put_vcpu(ZV_TRACE_INJECT, v, 0, q->intid, 0);
	vgic_touch_locked(v);
}

void vgic_update_locked(struct zone *z, struct vgic_irq *q)
{
	struct vcpu *v = q->queued_on;
	bool wanted =
		q->active || (q->enabled && (vgic_is_pending(q) || q->phys));

	if (v != NULL && !q->in_lr && !q->active && v != q->target) {
		vgic_dequeue_locked(q);
		v = NULL;
	}
	if (v == NULL) {
		v = q->target;
		if (!wanted || v == NULL) {
			return;
		}
		list_push_back(&v->arch.vgic.queue, &q->node);
		v->arch.vgic.queued++;
		q->queued_on = v;
		zone_count(z, injected);
		if (trace_on(ZV_TRACE_INJECT)) {
			touch_traced_locked(v, q);
			return;
		}
	}
	vgic_touch_locked(v);
}

static void end_phys(struct vcpu *v, struct vgic_irq *q)
{
	if (q->phys) {
		q->phys = false;
		gicv3_deactivate(vgic_phys_intid(v->zone, q));
	}
}

/*
 * A line that the guest disabled after EL2 had taken its interrupt: the
 * interrupt goes back to the GIC, where a level may drop and an edge waits
 * until the guest enables it.
 */
static void hand_back(struct vcpu *v, struct vgic_irq *q)
{
	if (!q->phys || q->intid < VGIC_PRIVATE || q->enabled) {
		return;
	}
	if (q->edge && q->latch) {
		gicv3_set_pending(q->intid, true);
	}
	q->latch = false;
	end_phys(v, q);
}

void vgic_unsettled_locked(struct vcpu *v, struct vgic_irq *q)
{
	hand_back(v, q);
	if (!vgic_is_pending(q)) {
		end_phys(v, q);
		vgic_dequeue_locked(q);
	} else if (!q->enabled) {
		vgic_dequeue_locked(q);
	} else if (q->target != v) {
		vgic_update_locked(v->zone, q);
	}
}

void vgic_route_locked(struct zone *z, struct vgic_irq *q)
{
	u64 affinity = (u64)(q->router >> 24) << 32 | (q->router & 0xffffff);

	/* "Any": there is no 1 of N here (GICD_TYPER.No1N), so the first. */
	q->target = q->router_any ? z->vcpus[0] : vcpu_by_affinity(z, affinity);
	if (q->target != NULL && vgic_is_phys_spi(z, q->intid)) {
		gicv3_route(q->intid, q->target->pcpu);
	}
}

/* ------------------------------------------------------------- sources */

int arch_virq_inject(struct zone *z, u32 intid, enum virq_op op)
{
	struct vgic_irq *q = vgic_spi(z, intid);

	/* A line of the machine is nobody's to raise. */
	if (q == NULL || vgic_is_phys_spi(z, intid)) {
		return -EINVAL;
	}
	spin_lock(&z->arch.vgic.lock);
	switch (op) {
	case VIRQ_PULSE:
		q->latch = true;
		break;
	case VIRQ_RAISE:
		q->latch = q->latch || (q->edge && !q->line);
		q->line = true;
		break;
	case VIRQ_LOWER:
		q->line = false;
		break;
	}
	/* Nothing to take out of an LR, nothing to put into one. */
	if (q->in_lr || q->queued_on != NULL || vgic_is_pending(q)) {
		vgic_update_locked(z, q);
	}
	spin_unlock(&z->arch.vgic.lock);
	return 0;
}

void vgic_set_private_line(struct vcpu *v, u32 intid, bool level)
{
	struct vgic_irq *q = &v->arch.vgic.private[intid];

	spin_lock(&vgic_of(v)->lock);
	if (q->line != level) {
		q->line = level;
		vgic_update_locked(v->zone, q);
	}
	spin_unlock(&vgic_of(v)->lock);
}

void vgic_inject_phys(struct zone *z, u32 intid)
{
	struct vgic_irq *q = vgic_spi(z, intid);

	if (q == NULL) {
		gicv3_deactivate(intid);
		return;
	}
	spin_lock(&z->arch.vgic.lock);
	q->latch = true;
	q->phys = true;
	vgic_update_locked(z, q);
	spin_unlock(&z->arch.vgic.lock);
}

/* ICC_SGI1R_EL1 (IHI 0069, 12.2.21) */
#define SGI_INTID(v) ((u32)((v) >> 24) & 0xf)
#define SGI_ALL_BUT_SELF(v) (((v) >> 40 & 1) != 0)
/* Affinity of the first of the sixteen that the list is about. */
#define SGI_AFFINITY(v)                                        \
	(((v) >> 48 & 0xff) << 32 | ((v) >> 32 & 0xff) << 16 | \
	 ((v) >> 16 & 0xff) << 8 | ((v) >> 44 & 0xf) << 4)

static void sgi_pend_locked(struct vcpu *target, u32 intid, bool all_groups)
{
	struct vgic_irq *q = &target->arch.vgic.private[intid];

	/* A group 0 request reaches no group 1 interrupt. */
	if (all_groups || !q->group1) {
		q->latch = true;
		vgic_update_locked(target->zone, q);
	}
}

void vgic_sgi(struct vcpu *v, u64 value, bool all_groups)
{
	struct zone *z = v->zone;
	u32 intid = SGI_INTID(value);
	u64 first = SGI_AFFINITY(value);
	bool others = SGI_ALL_BUT_SELF(value);

	spin_lock(&z->arch.vgic.lock);
	for (u32 i = 0; i < z->vcpu_count; i++) {
		struct vcpu *target = z->vcpus[i];
		/* A bit of the list, or beyond it. */
		u64 bit = (target->arch.vmpidr & MPIDR_AFF_MASK) - first;

		if (others ? target != v
			   : bit < 16 && (value >> bit & 1) != 0) {
			sgi_pend_locked(target, intid, all_groups);
		}
	}
	spin_unlock(&z->arch.vgic.lock);
}

/* ----------------------------------------------------- init and reset */

static void irq_init(struct vgic_irq *q, u32 intid, struct vcpu *target)
{
	*q = (struct vgic_irq){
		.intid = intid,
		.target = target,
		.edge = intid < VGIC_SGIS,
	};
	list_init(&q->node);
}

void vgic_vcpu_init(struct vcpu *v)
{
	struct vgic_cpu *c = &v->arch.vgic;

	list_init(&c->queue);
	c->queued = 0;
	c->asleep = true;
	for (u32 i = 0; i < VGIC_PRIVATE; i++) {
		irq_init(&c->private[i], i, v);
	}
}

/* The vCPU is off its pCPU: no LR, and no physical PPI is active for it. */
static void drop_state_locked(struct vgic_irq *q)
{
	q->latch = false;
	q->line = false;
	q->active = false;
	q->phys = false;
	vgic_dequeue_locked(q);
}

void vgic_vcpu_reset(struct vcpu *v)
{
	struct vgic_cpu *c = &v->arch.vgic;

	spin_lock(&vgic_of(v)->lock);
	/* Another CPU may have set its redistributor up: that stays. */
	for (u32 i = 0; i < VGIC_PRIVATE; i++) {
		drop_state_locked(&c->private[i]);
	}
	c->vmcr = 0;
	for (u32 i = 0; i < VGIC_APRS_MAX; i++) {
		c->apr[0][i] = 0;
		c->apr[1][i] = 0;
	}
	/* An SPI it was handling when it went off would never end. */
	for (struct list *n = c->queue.next; n != &c->queue;) {
		struct vgic_irq *q = container_of(n, struct vgic_irq, node);

		n = n->next;
		q->active = false;
		vgic_settle_locked(v, q);
	}
	spin_unlock(&vgic_of(v)->lock);
}

static void spi_reset_locked(struct zone *z, struct vgic_irq *q)
{
	u32 intid = q->intid;

	vgic_dequeue_locked(q);
	if (vgic_is_phys_spi(z, intid)) {
		gicv3_disable(intid);
		if (q->phys) {
			gicv3_deactivate(intid);
		}
	}
	irq_init(q, intid, NULL);
	q->router = (u32)(z->vcpus[0]->arch.vmpidr & 0xffffff) |
		    (u32)(z->vcpus[0]->arch.vmpidr >> 32 & 0xff) << 24;
	q->target = z->vcpus[0];
}

void vgic_reset(struct zone *z)
{
	struct vgic *g = &z->arch.vgic;

	spin_lock(&g->lock);
	g->ctlr = 0;
	g->rwp = 0;
	for (u32 i = VGIC_PRIVATE; i < g->intid_count; i++) {
		spi_reset_locked(z, &g->spi[i - VGIC_PRIVATE]);
	}
	for (u32 i = 0; i < z->vcpu_count; i++) {
		vgic_vcpu_init(z->vcpus[i]);
	}
	spin_unlock(&g->lock);
}

static size_t spi_bytes(const struct vgic *g)
{
	return (g->intid_count - VGIC_PRIVATE) * sizeof(struct vgic_irq);
}

int arch_vic_init(struct zone *z)
{
	struct vgic *g = &z->arch.vgic;
	u32 count = ZV_A64_INTID_COUNT;
	int err;

	spin_init(&g->lock);
	if (z->id == ZV_ZONE0) {
		/* Event lines: one per vCPU above the machine's own. */
		count = ALIGN_UP(irq_table_count(), 32u) +
			ALIGN_UP(z->vcpu_count, 32u);
	}
	g->intid_count = MIN(count, VGIC_INTIDS_MAX);
	g->spi = hv_alloc(spi_bytes(g), z->id);
	if (g->spi == NULL) {
		return -ENOMEM;
	}
	for (u32 i = VGIC_PRIVATE; i < g->intid_count; i++) {
		g->spi[i - VGIC_PRIVATE].intid = i;
		list_init(&g->spi[i - VGIC_PRIVATE].node);
	}
	vgic_reset(z);
	err = vgic_mmio_init(z);
	if (err != 0) {
		hv_free(g->spi, spi_bytes(g));
		g->spi = NULL;
	}
	return err;
}

void arch_vic_fini(struct zone *z)
{
	struct vgic *g = &z->arch.vgic;

	if (g->spi != NULL) {
		/* No line of the machine stays active or enabled. */
		vgic_reset(z);
		hv_free(g->spi, spi_bytes(g));
		g->spi = NULL;
	}
}
