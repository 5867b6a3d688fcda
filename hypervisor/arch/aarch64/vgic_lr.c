/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The CPU interface of the loaded vCPU: list registers, their overflow, and the
 * registers that trap meanwhile (IHI 0069, chapters 6 and 12.4).
 *
 * More interrupts than LRs: the LRs get the best pending one and then the best
 * of the rest.  While pending ones are left out, "no pending LR" asks for
 * maintenance; while active ones are left out, the count of EOIs that found no
 * LR does (EOImode 0), and writes to ICC_DIR_EL1 trap (EOImode 1).
 */
#include "vgic_internal.h"

#include <zv/atomic.h>
#include <zv/guest.h>
#include <zv/percpu.h>
#include <zv/sysreg.h>
#include <zv/vtimer.h>

#define ICH_HCR_EOICOUNT_SHIFT 27
#define ICH_HCR_EOICOUNT_MASK 0x1f
#define ICH_VTR_LISTREGS_MASK 0x1f
#define ICH_VTR_TDS SYSREG_BIT(19)
#define ICH_VTR_A3V SYSREG_BIT(21)
#define ICH_VTR_SEIS SYSREG_BIT(22)
#define ICH_VTR_IDBITS_SHIFT 23
#define ICH_VTR_PREBITS_SHIFT 26
#define ICH_VTR_PRIBITS_SHIFT 29
#define ICH_VMCR_VENG0 SYSREG_BIT(0)
#define ICH_VMCR_VENG1 SYSREG_BIT(1)
#define ICH_VMCR_VCBPR SYSREG_BIT(4)
#define ICH_VMCR_VEOIM SYSREG_BIT(9)
#define ICH_VMCR_VPMR_SHIFT 24
#define ICH_LR_STATE (ICH_LR_PENDING | ICH_LR_ACTIVE)

#define ICC_CTLR_PRIBITS_SHIFT 8
#define ICC_CTLR_IDBITS_SHIFT 11
#define ICC_CTLR_SEIS SYSREG_BIT(14)
#define ICC_CTLR_A3V SYSREG_BIT(15)

#define PRIORITY_IDLE 0xffu
#define GICD_CTLR_GROUP0 BIT(0)
#define GICD_CTLR_GROUP1 BIT(1)

/* The same on all CPUs that may run guests together. */
static u32 lr_count;
static u32 apr_count;
static u32 preemption_bits;
static u64 hcr_trap_dir; /* ICH_HCR_EL2.TDIR, or TC where it is not there */
static u64 vtr;

void vgic_cpu_init(void)
{
	vtr = read_sysreg(ICH_VTR_EL2);
	lr_count = (u32)(vtr & ICH_VTR_LISTREGS_MASK) + 1;
	preemption_bits = ((u32)(vtr >> ICH_VTR_PREBITS_SHIFT) & 7) + 1;
	/* 5, 6 or 7 bits (12.4.9) need 1, 2 or 4 registers. */
	preemption_bits = MIN(MAX(preemption_bits, 5u), 7u);
	apr_count = 1u << (preemption_bits - 5);
	hcr_trap_dir = (vtr & ICH_VTR_TDS) != 0 ? ICH_HCR_TDIR : ICH_HCR_TC;
	if (lr_count > VGIC_LRS_MAX) {
		lr_count = VGIC_LRS_MAX;
	}
	write_sysreg(0, ICH_HCR_EL2);
	/* ICC_SRE_EL1 traps: a guest cannot leave the system registers. */
	write_sysreg(ICC_SRE_SRE | ICC_SRE_DFB | ICC_SRE_DIB, ICC_SRE_EL2);
	isb();
}

/* ----------------------------------------------------------- registers */

#define EACH_LR(X) \
	X(0)       \
	X(1)       \
	X(2)       \
	X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)

static u64 lr_read(u32 i)
{
	switch (i) {
#define READ_LR(n) \
	case n:    \
		return read_sysreg(ICH_LR##n##_EL2);
		EACH_LR(READ_LR)
#undef READ_LR
	default:
		return 0;
	}
}

static void lr_write(u32 i, u64 value)
{
	switch (i) {
#define WRITE_LR(n)                                   \
	case n:                                       \
		write_sysreg(value, ICH_LR##n##_EL2); \
		break;
		EACH_LR(WRITE_LR)
#undef WRITE_LR
	default:
		break;
	}
}

static u64 apr_read(u32 group, u32 n)
{
	switch (group * 4 + n) {
	case 0:
		return read_sysreg(ICH_AP0R0_EL2);
	case 1:
		return read_sysreg(ICH_AP0R1_EL2);
	case 2:
		return read_sysreg(ICH_AP0R2_EL2);
	case 3:
		return read_sysreg(ICH_AP0R3_EL2);
	case 4:
		return read_sysreg(ICH_AP1R0_EL2);
	case 5:
		return read_sysreg(ICH_AP1R1_EL2);
	case 6:
		return read_sysreg(ICH_AP1R2_EL2);
	default:
		return read_sysreg(ICH_AP1R3_EL2);
	}
}

static void apr_write(u32 group, u32 n, u64 value)
{
	switch (group * 4 + n) {
	case 0:
		write_sysreg(value, ICH_AP0R0_EL2);
		break;
	case 1:
		write_sysreg(value, ICH_AP0R1_EL2);
		break;
	case 2:
		write_sysreg(value, ICH_AP0R2_EL2);
		break;
	case 3:
		write_sysreg(value, ICH_AP0R3_EL2);
		break;
	case 4:
		write_sysreg(value, ICH_AP1R0_EL2);
		break;
	case 5:
		write_sysreg(value, ICH_AP1R1_EL2);
		break;
	case 6:
		write_sysreg(value, ICH_AP1R2_EL2);
		break;
	default:
		write_sysreg(value, ICH_AP1R3_EL2);
		break;
	}
}

/* ---------------------------------------------------------------- fold */

static struct vgic_irq *irq_of(struct list *n)
{
	return container_of(n, struct vgic_irq, node);
}

/* The active interrupt outside the LRs that an EOI without LR must be for. */
static struct vgic_irq *best_active_outside(struct vgic_cpu *c)
{
	struct vgic_irq *best = NULL;

	list_for_each (n, &c->queue) {
		struct vgic_irq *q = irq_of(n);

		if (q->active && !q->in_lr &&
		    (best == NULL || q->priority < best->priority)) {
			best = q;
		}
	}
	return best;
}

/* EOImode 0: interrupts end in the order of their priority. */
static void count_eois(struct vgic_cpu *c)
{
	u64 hcr;
	u32 count;

	hcr = read_sysreg(ICH_HCR_EL2);
	count = (u32)(hcr >> ICH_HCR_EOICOUNT_SHIFT) & ICH_HCR_EOICOUNT_MASK;
	if (count == 0) {
		return;
	}
	write_sysreg(c->hcr, ICH_HCR_EL2);
	while (count-- > 0) {
		struct vgic_irq *q = best_active_outside(c);

		if (q == NULL) {
			return;
		}
		q->active = false;
	}
}

static void fold_one(struct vgic_irq *q, u64 lr)
{
	bool pending = (lr & ICH_LR_PENDING) != 0;
	bool active = (lr & ICH_LR_ACTIVE) != 0;

	if (pending && q->lr_latch && !q->drop_latch) {
		q->latch = true;
	}
	if (active && !q->drop_active) {
		q->active = true;
	}
	/* Otherwise the guest's deactivation ended the physical one. */
	if (q->lr_hw && (pending || active)) {
		q->phys = true;
	}
	q->in_lr = false;
	q->lr_latch = false;
	q->lr_active = false;
	q->lr_hw = false;
	q->drop_latch = false;
	q->drop_active = false;
}

/* The timer's line is the one input that only the hardware knows. */
static void sample_timer(struct vcpu *v)
{
	struct vgic_irq *q = &v->arch.vgic.private[v->zone->arch.vtimer_intid];

	if (q->queued_on != NULL || q->phys) {
		q->line = v->arch.vgic.sampled ? v->arch.vgic.timer_level
					       : vtimer_level();
	}
	if (q->queued_on == NULL && q->phys) {
		vgic_settle_locked(v, q);
	}
}

static void fold_all(struct vcpu *v)
{
	struct vgic_cpu *c = &v->arch.vgic;

	if ((c->hcr & ICH_HCR_LRENPIE) != 0) {
		count_eois(c);
	}
	for (u32 i = 0; i < c->lr_used; i++) {
		if (c->lr_irq[i] != NULL) {
			fold_one(c->lr_irq[i],
				 c->sampled ? c->lr[i] : lr_read(i));
			c->lr_irq[i] = NULL;
		}
	}
	sample_timer(v);
	/* lr_used stays: the hardware still has what fill must overwrite. */
}

void vgic_fold_locked(struct vcpu *v)
{
	if (v->arch.vgic.live && this_cpu()->loaded == v) {
		fold_all(v);
		vcpu_work(v, VCPU_WORK_VGIC);
	}
}

/* ---------------------------------------------------------------- fill */

static bool group_enabled(const struct vgic *g, const struct vgic_irq *q)
{
	return (g->ctlr & (q->group1 ? GICD_CTLR_GROUP1 : GICD_CTLR_GROUP0)) !=
	       0;
}

/* What the guest can take now.  An active level waits for its end. */
__attribute__((always_inline)) static inline bool
shows_pending(const struct vgic *g, const struct vgic_irq *q)
{
	return q->enabled && vgic_is_pending(q) && group_enabled(g, q) &&
	       !(q->active && !q->edge);
}

static void lr_give(struct vcpu *v, u32 i, struct vgic_irq *q, bool pending)
{
	u64 lr = q->intid | (u64)q->priority << ICH_LR_PRIORITY_SHIFT;

	lr |= q->group1 ? ICH_LR_GROUP1 : 0;
	lr |= pending ? ICH_LR_PENDING : 0;
	lr |= q->active ? ICH_LR_ACTIVE : 0;
	/* A linked LR has no "active and pending" (12.4.8). */
	if (q->phys && !(pending && q->active)) {
		lr |= ICH_LR_HW | (u64)vgic_phys_intid(v->zone, q)
					  << ICH_LR_PINTID_SHIFT;
		q->lr_hw = true;
		q->phys = false;
	} else if (q->phys || (q->line && !q->edge)) {
		/* Its end is the moment to look at the line again. */
		lr |= ICH_LR_EOI;
	}
	q->in_lr = true;
	q->lr_latch = pending && q->latch;
	q->lr_active = q->active;
	q->latch = q->latch && !pending;
	q->active = false;
	v->arch.vgic.lr_irq[i] = q;
	v->arch.vgic.lr[i] = lr;
}

static bool goes_before(const struct vgic_irq *a, const struct vgic_irq *b)
{
	return a->priority < b->priority ||
	       (a->priority == b->priority && a->active && !b->active);
}

/*
 * The best lr_count interrupts of the queue, which is longer than that.  Returns
 * how many.
 */
static u32 choose(struct vcpu *v, struct vgic_irq *top[VGIC_LRS_MAX])
{
	const struct vgic *g = vgic_of(v);
	struct vgic_irq *best = NULL;
	bool best_inside = false;
	u32 n = 0;

	list_for_each (node, &v->arch.vgic.queue) {
		struct vgic_irq *q = irq_of(node);
		bool pending = shows_pending(g, q);
		u32 at;

		if (!pending && !q->active) {
			continue;
		}
		if (pending && !q->active &&
		    (best == NULL || q->priority < best->priority)) {
			best = q;
		}
		for (at = n; at > 0 && goes_before(q, top[at - 1]); at--) {
			if (at < lr_count) {
				top[at] = top[at - 1];
			}
		}
		if (at < lr_count) {
			top[at] = q;
			n += n < lr_count;
		}
	}
	for (u32 i = 0; i < n; i++) {
		best_inside = best_inside || top[i] == best;
	}
	/* Or what could be taken next would wait for an end that needs it. */
	if (best != NULL && !best_inside) {
		top[n - 1] = best;
	}
	return n;
}

/* ICH_HCR_EL2 bits for what had to stay outside. */
static u64 left_out(const struct vcpu *v)
{
	const struct vgic *g = vgic_of(v);
	u64 hcr = 0;

	list_for_each (node, &v->arch.vgic.queue) {
		const struct vgic_irq *q = irq_of(node);

		if (q->in_lr) {
			continue;
		}
		/* One that is active, too, waits for its end, not for room. */
		if (q->active) {
			hcr |= ICH_HCR_LRENPIE | hcr_trap_dir;
		} else if (shows_pending(g, q)) {
			hcr |= ICH_HCR_NPIE;
		}
	}
	return hcr;
}

static void settle_queue(struct vcpu *v)
{
	struct vgic_cpu *c = &v->arch.vgic;

	for (struct list *node = c->queue.next; node != &c->queue;) {
		struct vgic_irq *q = irq_of(node);

		node = node->next;
		vgic_settle_locked(v, q);
	}
}

/* There is room for all. */
static u32 fill_all(struct vcpu *v)
{
	const struct vgic *g = vgic_of(v);
	struct vgic_cpu *c = &v->arch.vgic;
	u32 n = 0;

	for (struct list *node = c->queue.next; node != &c->queue;) {
		struct vgic_irq *q = irq_of(node);
		bool pending;

		node = node->next;
		vgic_settle_locked(v, q);
		if (q->queued_on != v) {
			continue;
		}
		pending = shows_pending(g, q);
		if (pending || q->active) {
			lr_give(v, n++, q, pending);
		}
	}
	return n;
}

static u32 fill_best(struct vcpu *v)
{
	struct vgic_irq *top[VGIC_LRS_MAX];
	u32 n = choose(v, top);

	for (u32 i = 0; i < n; i++) {
		lr_give(v, i, top[i], shows_pending(vgic_of(v), top[i]));
	}
	return n;
}

static void fill_locked(struct vcpu *v)
{
	struct vgic_cpu *c = &v->arch.vgic;
	u64 hcr = ICH_HCR_EN;
	u32 n;

	if (c->queued <= lr_count) {
		n = fill_all(v);
	} else {
		settle_queue(v);
		n = fill_best(v);
		hcr |= left_out(v);
	}
	for (u32 i = n; i < c->lr_used; i++) {
		c->lr[i] = 0;
	}
	c->lr_used = n;
	c->hcr = hcr;
}

/*
 * The zone's lock is held over plain memory only: the registers are read before
 * and written after it.  They can be slow, and other vCPUs wait for the lock.
 * Nobody else touches them, and who changes an interrupt meanwhile leaves
 * VCPU_WORK_VGIC, which is looked at again before the guest is entered.
 */
void vgic_flush(struct vcpu *v)
{
	struct vgic *g = vgic_of(v);
	struct vgic_cpu *c = &v->arch.vgic;
	u32 used = c->lr_used;
	u64 hcr = c->hcr;

	for (u32 i = 0; i < used; i++) {
		c->lr[i] = lr_read(i);
	}
	c->timer_level = vtimer_level();
	c->sampled = true;
	spin_lock(&g->lock);
	fold_all(v);
	(void)__atomic_fetch_and(&v->arch.work, ~(u32)VCPU_WORK_VGIC,
				 __ATOMIC_RELAXED);
	g->rwp &= ~(1u << v->index);
	fill_locked(v);
	spin_unlock(&g->lock);
	c->sampled = false;
	for (u32 i = 0; i < MAX(used, c->lr_used); i++) {
		lr_write(i, c->lr[i]);
	}
	if (hcr != c->hcr) {
		write_sysreg(c->hcr, ICH_HCR_EL2);
	}
}

void vgic_maintenance(void)
{
	struct vcpu *v = this_cpu()->loaded;

	if (v == NULL || !v->arch.vgic.live) {
		/* Came with a vCPU's last LRs; they are gone. */
		return;
	}
	/* At once: the line is a level and would come again. */
	vgic_flush(v);
}

/* ------------------------------------------------------- load and put */

void vgic_load(struct vcpu *v)
{
	struct vgic_cpu *c = &v->arch.vgic;

	write_sysreg(c->vmcr, ICH_VMCR_EL2);
	for (u32 i = 0; i < MIN(apr_count, VGIC_APRS_MAX); i++) {
		apr_write(0, i, c->apr[0][i]);
		apr_write(1, i, c->apr[1][i]);
	}
	c->lr_used = 0;
	c->hcr = ICH_HCR_EN;
	write_sysreg(c->hcr, ICH_HCR_EL2);
	c->live = true;
	/* Others look at the queue under the lock only; so do we. */
	vcpu_work(v, VCPU_WORK_VGIC);
}

void vgic_put(struct vcpu *v)
{
	struct vgic *g = vgic_of(v);
	struct vgic_cpu *c = &v->arch.vgic;
	struct vgic_irq *timer = &c->private[v->zone->arch.vtimer_intid];
	bool risen;

	spin_lock(&g->lock);
	risen = !timer->line;
	fold_all(v);
	risen = risen && timer->line;
	settle_queue(v);
	g->rwp &= ~(1u << v->index);
	c->live = false;
	spin_unlock(&g->lock);

	for (u32 i = 0; i < c->lr_used; i++) {
		lr_write(i, 0);
	}
	c->lr_used = 0;
	c->hcr = 0;
	c->vmcr = read_sysreg(ICH_VMCR_EL2);
	for (u32 i = 0; i < MIN(apr_count, VGIC_APRS_MAX); i++) {
		c->apr[0][i] = apr_read(0, i);
		c->apr[1][i] = apr_read(1, i);
	}
	write_sysreg(0, ICH_HCR_EL2);
	/*
	 * The timer fired after the vCPU had found nothing to wait up for: no
	 * interrupt comes from it any more, and none was taken.
	 */
	if (risen) {
		vcpu_kick(v);
	}
}

/* -------------------------------------------- what the guest would see */

static u64 vmcr_of(const struct vgic_cpu *c)
{
	return c->live ? read_sysreg(ICH_VMCR_EL2) : c->vmcr;
}

/* Priority of what the guest is handling (12.2.20), from the APRs. */
static u32 running_priority(const struct vgic_cpu *c)
{
	for (u32 i = 0; i < MIN(apr_count, VGIC_APRS_MAX); i++) {
		u32 bits = (u32)(c->live ? apr_read(0, i) | apr_read(1, i)
					 : c->apr[0][i] | c->apr[1][i]);

		if (bits != 0) {
			u32 level = i * 32 + (u32)__builtin_ctz(bits);

			return level << (8 - preemption_bits);
		}
	}
	return PRIORITY_IDLE;
}

bool vgic_pending(struct vcpu *v)
{
	struct vgic *g = vgic_of(v);
	struct vgic_cpu *c = &v->arch.vgic;
	bool found = false;
	u64 vmcr = vmcr_of(c);
	u32 limit = MIN((u32)(vmcr >> ICH_VMCR_VPMR_SHIFT) & 0xff,
			running_priority(c));

	spin_lock(&g->lock);
	vgic_fold_locked(v);
	list_for_each (n, &c->queue) {
		const struct vgic_irq *q = irq_of(n);
		u64 enable = q->group1 ? ICH_VMCR_VENG1 : ICH_VMCR_VENG0;

		if (shows_pending(g, q) && (vmcr & enable) != 0 &&
		    q->priority < limit) {
			found = true;
			break;
		}
	}
	spin_unlock(&g->lock);
	return found;
}

void vgic_write_dir(struct vcpu *v, u64 value)
{
	struct vgic *g = vgic_of(v);
	struct vgic_irq *q = vgic_get(v, (u32)value & 0xffffff);

	/* With EOImode 0 the write has no effect (12.2.10). */
	if (q == NULL || (read_sysreg(ICH_VMCR_EL2) & ICH_VMCR_VEOIM) == 0) {
		return;
	}
	spin_lock(&g->lock);
	vgic_fold_locked(v);
	if (q->active && q->queued_on == v) {
		q->active = false;
		vgic_update_locked(v->zone, q);
	}
	spin_unlock(&g->lock);
}

u64 vgic_read_ctlr(struct vcpu *v)
{
	u64 vmcr = vmcr_of(&v->arch.vgic);
	u64 ctlr = 0;

	ctlr |= (vmcr & ICH_VMCR_VCBPR) != 0 ? ICC_CTLR_CBPR : 0;
	ctlr |= (vmcr & ICH_VMCR_VEOIM) != 0 ? ICC_CTLR_EOIMODE : 0;
	ctlr |= (vtr >> ICH_VTR_PRIBITS_SHIFT & 7) << ICC_CTLR_PRIBITS_SHIFT;
	ctlr |= (vtr >> ICH_VTR_IDBITS_SHIFT & 7) << ICC_CTLR_IDBITS_SHIFT;
	ctlr |= (vtr & ICH_VTR_SEIS) != 0 ? ICC_CTLR_SEIS : 0;
	ctlr |= (vtr & ICH_VTR_A3V) != 0 ? ICC_CTLR_A3V : 0;
	return ctlr;
}

void vgic_write_ctlr(struct vcpu *v, u64 value)
{
	u64 vmcr = vmcr_of(&v->arch.vgic) & ~(ICH_VMCR_VCBPR | ICH_VMCR_VEOIM);

	vmcr |= (value & ICC_CTLR_CBPR) != 0 ? ICH_VMCR_VCBPR : 0;
	vmcr |= (value & ICC_CTLR_EOIMODE) != 0 ? ICH_VMCR_VEOIM : 0;
	write_sysreg(vmcr, ICH_VMCR_EL2);
}

u64 vgic_read_pmr(struct vcpu *v)
{
	return vmcr_of(&v->arch.vgic) >> ICH_VMCR_VPMR_SHIFT & 0xff;
}

void vgic_write_pmr(struct vcpu *v, u64 value)
{
	u64 vmcr = vmcr_of(&v->arch.vgic) & ~(0xffull << ICH_VMCR_VPMR_SHIFT);

	write_sysreg(vmcr | (value & 0xff) << ICH_VMCR_VPMR_SHIFT,
		     ICH_VMCR_EL2);
}

u64 vgic_read_rpr(struct vcpu *v)
{
	return running_priority(&v->arch.vgic);
}
