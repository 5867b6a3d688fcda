/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Virtual timer: loaded, the hardware runs it and its PPI is passed on by an LR
 * with HW=1.  The physical PPI is per pCPU while the vCPUs that share the pCPU
 * are several, so its active state is given and taken at load and put; away,
 * a software timer takes the hardware's place.
 */
#include "vgic_internal.h"

#include <zv/vtimer.h>

#include <zv/arch/time.h>
#include <zv/gicv3.h>
#include <zv/percpu.h>
#include <zv/sysreg.h>
#include <zv/vgic.h>
#include <zv/zone.h>

#define NS_PER_S 1000000000ull
#define CTL_MASK (CNT_CTL_ENABLE | CNT_CTL_IMASK)
/* Longer than this is for ever; the sum below cannot overflow. */
#define SECONDS_MAX 0xffffffffull

static struct vgic_irq *timer_irq(struct vcpu *v)
{
	return &v->arch.vgic.private[v->zone->arch.vtimer_intid];
}

/* When the count that is `now` reaches cval. */
static u64 deadline(u64 cval, u64 now)
{
	u64 freq = read_sysreg(cntfrq_el0) & UINT32_MAX;
	u64 ticks = cval > now ? cval - now : 0;
	u64 seconds = ticks / freq;

	if (seconds > SECONDS_MAX) {
		seconds = SECONDS_MAX;
	}
	return arch_time_ns() + seconds * NS_PER_S +
	       (ticks % freq) * NS_PER_S / freq;
}

static bool is_armed(const struct guest_timer *t)
{
	return (t->ctl & CTL_MASK) == CNT_CTL_ENABLE;
}

/* -------------------------------------------------------- virtual timer */

bool vtimer_level(void)
{
	return (read_sysreg(cntv_ctl_el0) & (CTL_MASK | CNT_CTL_ISTATUS)) ==
	       (CNT_CTL_ENABLE | CNT_CTL_ISTATUS);
}

void vtimer_irq(void)
{
	struct vcpu *v = this_cpu()->loaded;
	struct vgic_irq *q;

	if (v == NULL) {
		/* Signalled just before its vCPU was put. */
		gicv3_deactivate(gicv3_ppi.virt_timer);
		return;
	}
	q = timer_irq(v);
	spin_lock(&v->zone->arch.vgic.lock);
	q->line = true;
	q->phys = true;
	vgic_update_locked(v->zone, q);
	spin_unlock(&v->zone->arch.vgic.lock);
}

/* The vCPU is away and its timer fires. */
static void vtimer_expired(struct timer *t)
{
	struct vcpu *v = container_of(t, struct vcpu, arch.vtimer.soft);

	vgic_set_private_line(v, v->zone->arch.vtimer_intid, true);
}

static u64 virtual_count(const struct vcpu *v)
{
	return read_sysreg(cntpct_el0) - v->zone->arch.cntvoff;
}

void vtimer_load(struct vcpu *v)
{
	struct guest_timer *t = &v->arch.vtimer;
	struct vgic_irq *q = timer_irq(v);

	timer_cancel(&t->soft);
	write_sysreg(v->zone->arch.cntvoff, cntvoff_el2);
	write_sysreg(t->cval, cntv_cval_el0);
	isb();
	spin_lock(&v->zone->arch.vgic.lock);
	q->line = is_armed(t) && virtual_count(v) >= t->cval;
	/* Known already: the physical line must not signal it again. */
	q->phys = q->line || q->active;
	if (q->phys) {
		gicv3_set_active(gicv3_ppi.virt_timer, true);
	}
	if (q->line) {
		vgic_update_locked(v->zone, q);
	}
	spin_unlock(&v->zone->arch.vgic.lock);
	write_sysreg(t->ctl, cntv_ctl_el0);
}

void vtimer_put(struct vcpu *v)
{
	struct guest_timer *t = &v->arch.vtimer;
	struct vgic_irq *q = timer_irq(v);
	bool known;

	t->ctl = read_sysreg(cntv_ctl_el0) & CTL_MASK;
	t->cval = read_sysreg(cntv_cval_el0);
	write_sysreg(0, cntv_ctl_el0);
	isb();
	spin_lock(&v->zone->arch.vgic.lock);
	if (q->phys) {
		q->phys = false;
		gicv3_set_active(gicv3_ppi.virt_timer, false);
	}
	known = q->line;
	spin_unlock(&v->zone->arch.vgic.lock);
	if (is_armed(t) && !known) {
		timer_arm(&t->soft, deadline(t->cval, virtual_count(v)));
	}
}

/* ------------------------------------------------------- physical timer */

static void ptimer_update(struct vcpu *v)
{
	struct guest_timer *t = &v->arch.ptimer;
	u64 now = read_sysreg(cntpct_el0);
	bool level = is_armed(t) && now >= t->cval;

	if (is_armed(t) && !level) {
		timer_arm(&t->soft, deadline(t->cval, now));
	} else {
		timer_cancel(&t->soft);
	}
	vgic_set_private_line(v, v->zone->arch.ptimer_intid, level);
}

static void ptimer_expired(struct timer *t)
{
	struct vcpu *v = container_of(t, struct vcpu, arch.ptimer.soft);

	vgic_set_private_line(v, v->zone->arch.ptimer_intid, true);
}

u64 ptimer_read(struct vcpu *v, u32 op2)
{
	const struct guest_timer *t = &v->arch.ptimer;
	u64 now;

	isb();
	now = read_sysreg(cntpct_el0);
	switch (op2) {
	case 0: /* TVAL: 32 bits */
		return (u32)(t->cval - now);
	case 1:
		return t->ctl |
		       ((t->ctl & CNT_CTL_ENABLE) != 0 && now >= t->cval
				? CNT_CTL_ISTATUS
				: 0);
	default:
		return t->cval;
	}
}

void ptimer_write(struct vcpu *v, u32 op2, u64 value)
{
	struct guest_timer *t = &v->arch.ptimer;

	isb();
	switch (op2) {
	case 0:
		/* A signed offset from now (D12.2.4). */
		t->cval = read_sysreg(cntpct_el0) + (u64)(s64)(s32)value;
		break;
	case 1:
		t->ctl = value & CTL_MASK;
		break;
	default:
		t->cval = value;
		break;
	}
	ptimer_update(v);
}

/* ----------------------------------------------------------------- both */

void vtimer_init(struct vcpu *v)
{
	timer_init(&v->arch.vtimer.soft, vtimer_expired);
	timer_init(&v->arch.ptimer.soft, ptimer_expired);
}

void vtimer_reset(struct vcpu *v)
{
	vtimer_fini(v);
	v->arch.vtimer.ctl = 0;
	v->arch.vtimer.cval = 0;
	v->arch.ptimer.ctl = 0;
	v->arch.ptimer.cval = 0;
}

void vtimer_fini(struct vcpu *v)
{
	/* Another pCPU may be just in a callback: v must not change under it. */
	timer_cancel_wait(&v->arch.vtimer.soft);
	timer_cancel_wait(&v->arch.ptimer.soft);
}
