/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtual GIC under a guest that writes what it likes, devices, the timer
 * and a scheduler.  The input is a program, an operation per byte.  Oracle:
 * after each entry the list registers are a sound picture of the software's
 * state; the physical GIC is never asked to end what is not active (machine.c);
 * in the end, with devices quiet and everything acknowledged and ended, no
 * interrupt that could be taken is left, and a reset leaves no line active.
 */
#include "machine.h"

#include <zv/arch/irq.h>
#include <zv/gicv3.h>
#include <zv/percpu.h>
#include <zv/sysreg.h>
#include <zv/vgic.h>
#include <zv/vtimer.h>

#include <stdio.h>
#include <stdlib.h>

#include "fuzz_input.h"

#define VCPUS 3u /* the last shares pCPU 0 with the first */
#define STEPS_MAX 2000u
#define NESTED_MAX 64u
#define DRAIN_MAX 4000u
#define SPI_FIRST 32u
#define SPI_SPAN 24u /* few, so that operations meet */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct zone *zone;
static struct {
	u32 intid[NESTED_MAX];
	u32 count;
} nested[VCPUS]; /* acknowledged, not ended */
static bool split_eoi; /* EOImode 1 */

/* A macro, so that the trace of a failure names the line. */
#define check(ok)                       \
	do {                            \
		if (!(ok)) {            \
			fail(__LINE__); \
		}                       \
	} while (0)

static void fail(int line)
{
	fprintf(stderr, "vgic_fuzz.c:%d\n", line);
	abort();
}

static struct vcpu *loaded(u32 cpu)
{
	return percpu_get(cpu)->loaded;
}

static struct vgic_irq *irq(struct vcpu *v, u32 intid)
{
	return intid < 32 ? &v->arch.vgic.private[intid]
			  : &zone->arch.vgic.spi[intid - 32];
}

static bool is_phys(u32 intid)
{
	return zone->id == 0 && intid >= 32 && intid < A64_PHYS_INTIDS;
}

/* ---------------------------------------------------------------- oracle */

static void check_queue(struct vcpu *v)
{
	struct vgic_cpu *c = &v->arch.vgic;
	u32 count = 0;

	list_for_each (n, &c->queue) {
		struct vgic_irq *q = container_of(n, struct vgic_irq, node);

		check(q->queued_on == v);
		check(q->intid >= 32 || q == &c->private[q->intid]);
		check(++count <= 1024);
	}
	check(count == c->queued);
}

static u64 lr_of(u32 i)
{
	switch (i) {
	case 0:
		return read_sysreg(ICH_LR0_EL2);
	case 1:
		return read_sysreg(ICH_LR1_EL2);
	case 2:
		return read_sysreg(ICH_LR2_EL2);
	default:
		return read_sysreg(ICH_LR3_EL2);
	}
}

static bool waits_outside(const struct vgic_irq *q)
{
	u32 group = q->group1 ? 2 : 1;

	return !q->in_lr && !q->active && q->enabled &&
	       (q->latch || (q->line && !q->edge)) &&
	       (zone->arch.vgic.ctlr & group) != 0;
}

/* Right after an entry. */
static void check_lrs(struct vcpu *v)
{
	struct vgic_cpu *c = &v->arch.vgic;
	u32 seen[A64_LRS];
	u32 best = 0x100; /* of the pending ones inside */

	for (u32 i = 0; i < A64_LRS; i++) {
		u64 lr = lr_of(i);
		u32 intid = (u32)lr;
		struct vgic_irq *q;

		seen[i] = A64_SPURIOUS;
		if ((lr >> 62) == 0) {
			continue;
		}
		check(i < c->lr_used);
		q = c->lr_irq[i];
		check(q != NULL && q->intid == intid && q->in_lr);
		check(q == irq(v, intid) && q->queued_on == v);
		for (u32 k = 0; k < i; k++) {
			check(seen[k] != intid);
		}
		seen[i] = intid;
		if ((lr & ICH_LR_HW) != 0) {
			u32 phys = (u32)(lr >> 32) & 0x3ff;

			/* Active and pending is not allowed with HW. */
			check(lr >> 62 != 3 && q->lr_hw && !q->phys);
			check(phys < 32 ? a64.ppi[a64.cpu][phys].active
					: a64.spi[phys].active);
		}
		/* Nothing may be taken that has been switched off. */
		check((lr & ICH_LR_PENDING) == 0 ||
		      (q->enabled &&
		       (zone->arch.vgic.ctlr & (q->group1 ? 2 : 1)) != 0));
		check(((lr & ICH_LR_GROUP1) != 0) == q->group1);
		check((u8)(lr >> ICH_LR_PRIORITY_SHIFT) == q->priority);
		if ((lr & ICH_LR_PENDING) != 0 && (lr & ICH_LR_ACTIVE) == 0) {
			best = MIN(best, (u32)q->priority);
		}
	}
	list_for_each (n, &c->queue) {
		struct vgic_irq *q = container_of(n, struct vgic_irq, node);

		if (waits_outside(q)) {
			/* Somebody will ask for it, and it is not the best. */
			check((c->hcr & ICH_HCR_NPIE) != 0);
			check(q->priority >= best);
		}
		if (q->active && !q->in_lr) {
			check((c->hcr & ICH_HCR_LRENPIE) != 0);
			check((c->hcr & ICH_HCR_TDIR) != 0);
		}
	}
}

/* Every active line of the machine has somebody who will end it. */
static void check_phys(void)
{
	for (u32 i = 32; i < A64_PHYS_INTIDS; i++) {
		const struct vgic_irq *q;

		if (!a64.spi[i].active) {
			continue;
		}
		check(zone->id == 0 && a64.owner[i] == 0);
		q = &zone->arch.vgic.spi[i - 32];
		check(q->phys || q->lr_hw);
	}
}

/* ------------------------------------------------------------ operations */

static void enter(struct vcpu *v)
{
	a64_on(v->pcpu);
	if (a64_maintenance()) {
		vgic_maintenance();
	}
	a64_enter(v);
	/* Its conditions are gone, or it would come for ever. */
	check(!a64_maintenance());
	check_queue(v);
	check_lrs(v);
	check_phys();
}

static u32 pick_intid(struct fuzz_input *in)
{
	u8 b = fuzz_u8(in);

	if (b < 160) {
		return SPI_FIRST + b % SPI_SPAN;
	}
	if (b < 224) {
		return b % 32;
	}
	return b < 240 ? A64_PHYS_INTIDS + b % 8 : b * 5u;
}

static void do_registers(struct fuzz_input *in, struct vcpu *v)
{
	static const u16 base[] = { 0x080, 0x100, 0x180, 0x200,
				    0x280, 0x300, 0x380 };
	u8 b = fuzz_u8(in);
	u32 intid = pick_intid(in);
	u64 frame =
		intid < 32 ? a64_gicr((b >> 5) % VCPUS) + 0x10000 : a64_gicd;

	switch (b & 15) {
	case 0 ... 6:
		a64_mmio_write(v, frame + base[b & 15] + intid / 32 * 4, 4,
			       (b & 16) != 0 ? fuzz_u32(in) : BIT(intid % 32));
		break;
	case 7:
		a64_mmio_write(v, frame + 0x400 + intid, 1, fuzz_u8(in));
		break;
	case 8:
		a64_mmio_write(v, frame + 0xc00 + intid / 16 * 4, 4,
			       fuzz_u32(in));
		break;
	case 9:
		a64_mmio_write(v, a64_gicd + 0x6000 + intid * 8ull, 8,
			       fuzz_u8(in) % 5);
		break;
	case 10:
		a64_mmio_write(v, a64_gicd, 4, fuzz_u8(in));
		break;
	case 11:
		/* Anywhere, any size. */
		intid = fuzz_u16(in);
		b = (u8)(1u << (b >> 6));
		a64_mmio_write(v, a64_gicd + ALIGN_DOWN(intid, (u32)b), b,
			       fuzz_u32(in) * 0x100000001ull);
		break;
	default:
		(void)a64_mmio_read(v, frame + base[b % 7] + intid / 32 * 4, 4);
		(void)a64_mmio_read(v, a64_gicd, 4);
		break;
	}
}

static void do_take(struct vcpu *v)
{
	u32 intid;

	a64_on(v->pcpu);
	if (nested[v->index].count == NESTED_MAX) {
		return;
	}
	intid = a64_ack();
	if (intid == A64_SPURIOUS) {
		return;
	}
	check(intid < zone->arch.vgic.intid_count);
	nested[v->index].intid[nested[v->index].count++] = intid;
	if (split_eoi) {
		a64_drop(intid);
	}
}

static void do_end(struct vcpu *v, u8 which)
{
	u32 *count = &nested[v->index].count;
	u32 at;

	if (*count == 0) {
		return;
	}
	enter(v);
	if (!split_eoi) {
		a64_eoi(nested[v->index].intid[--*count]);
		return;
	}
	at = which % *count;
	a64_dir(v, nested[v->index].intid[at]);
	nested[v->index].intid[at] = nested[v->index].intid[--*count];
}

/* Another vCPU of the pCPU gets it. */
static void do_switch(u32 cpu)
{
	struct vcpu *v = loaded(cpu);
	u32 next;

	a64_on(cpu);
	if (v != NULL) {
		a64_put(v);
		check_queue(v);
		check(!a64.ppi[cpu][27].active);
		next = v->index + A64_PCPUS;
	} else {
		next = cpu;
	}
	a64_load(zone->vcpus[next < VCPUS ? next : cpu]);
}

static void do_timer(struct fuzz_input *in)
{
	u8 b = fuzz_u8(in);

	switch (b & 3) {
	case 0:
		write_sysreg(a64.count + b, cntv_cval_el0);
		write_sysreg((b >> 2) & 3, cntv_ctl_el0);
		break;
	case 1:
		a64.count += b;
		break;
	case 2:
		(void)a64_fire_timer();
		break;
	default:
		for (u32 i = 0; i < VCPUS; i++) {
			struct timer *t = &zone->vcpus[i]->arch.vtimer.soft;

			a64_on(zone->vcpus[i]->pcpu);
			if (t->queued && a64.count >= t->deadline) {
				t->queued = false;
				t->fn(t);
			}
		}
		break;
	}
}

static void step(struct fuzz_input *in)
{
	u8 op = fuzz_u8(in);
	u32 cpu = op >> 7;
	struct vcpu *v;
	u32 intid;

	a64_on(cpu);
	if (loaded(cpu) == NULL) {
		do_switch(cpu);
	}
	v = loaded(cpu);
	switch (op & 15) {
	case 0:
		do_registers(in, v);
		break;
	case 1:
	case 2:
		enter(v);
		do_take(v);
		break;
	case 3:
	case 4:
		do_end(v, fuzz_u8(in));
		break;
	case 5:
	case 6:
		(void)arch_virq_inject(zone, pick_intid(in),
				       (enum virq_op)(fuzz_u8(in) % 3));
		break;
	case 7:
		vgic_sgi(v, (u64)fuzz_u32(in) << 8 | (fuzz_u8(in) & 7),
			 (op & 16) != 0);
		break;
	case 8:
		intid = pick_intid(in);
		if (is_phys(intid) && a64.owner[intid] == 0) {
			(void)a64_fire_spi(intid);
		}
		break;
	case 9:
		do_switch(cpu);
		break;
	case 10:
	case 11:
		do_timer(in);
		break;
	case 12:
		(void)vgic_pending(v);
		break;
	case 13:
		/* Powered off and on again by another vCPU. */
		a64_put(v);
		nested[v->index].count = 0;
		vgic_vcpu_reset(v);
		a64_load(v);
		write_sysreg(0xffull << 24 | 3 | (split_eoi ? BIT(9) : 0),
			     ICH_VMCR_EL2);
		break;
	default:
		enter(v);
		break;
	}
}

/* -------------------------------------------------------------- the end */

static void quiet_devices(void)
{
	struct vgic *g = &zone->arch.vgic;

	for (u32 i = 32; i < g->intid_count; i++) {
		(void)arch_virq_inject(zone, i, VIRQ_LOWER);
	}
	for (u32 i = 0; i < VCPUS; i++) {
		zone->vcpus[i]->arch.vtimer.ctl = 0;
		zone->vcpus[i]->arch.vtimer.soft.queued = false;
	}
}

/* Takes and ends everything on v; whatever was acknowledged first. */
static void drain(struct vcpu *v)
{
	u32 turns = 0;

	write_sysreg(0, cntv_ctl_el0);
	while (nested[v->index].count > 0) {
		enter(v);
		do_end(v, 0);
	}
	/* EOIs that the guest left out, or made too many of, end here. */
	a64_mmio_write(v, a64_gicr(v->index) + 0x10380, 4, UINT32_MAX);
	for (u32 i = 32; i < zone->arch.vgic.intid_count; i += 32) {
		a64_mmio_write(v, a64_gicd + 0x380 + i / 8, 4, UINT32_MAX);
	}
	write_sysreg(0, ICH_AP0R0_EL2);
	write_sysreg(0, ICH_AP1R0_EL2);
	for (;;) {
		u32 before = nested[v->index].count;

		check(++turns < DRAIN_MAX);
		enter(v);
		do_take(v);
		if (nested[v->index].count == before) {
			break;
		}
		do_end(v, 0);
	}
	/* Has the LRs read back: an EOI alone makes no exit. */
	(void)vgic_pending(v);
	enter(v);
	/* What is left cannot be taken: lowest priority, or no group. */
	list_for_each (n, &v->arch.vgic.queue) {
		const struct vgic_irq *q =
			container_of(n, struct vgic_irq, node);
		u32 group = q->group1 ? 2 : 1;

		check(!q->active && !q->lr_active);
		check((zone->arch.vgic.ctlr & group) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	u8 kind = fuzz_u8(&in);

	zone = a64_setup(kind & 1, VCPUS);
	split_eoi = (kind & 2) != 0;
	for (u32 i = 0; i < VCPUS; i++) {
		nested[i].count = 0;
		zone->vcpus[i]->arch.vgic.vmcr =
			0xffull << 24 | 3 | (split_eoi ? BIT(9) : 0);
	}
	for (u32 cpu = 0; cpu < A64_PCPUS; cpu++) {
		do_switch(cpu);
	}
	if ((kind & 4) != 0) {
		/* As a kernel leaves it; otherwise the input has to. */
		struct vcpu *v = loaded(0);

		a64_mmio_write(v, a64_gicd, 4, 3);
		for (u32 i = 0; i < VCPUS; i++) {
			a64_mmio_write(v, a64_gicr(i) + 0x10100, 4, UINT32_MAX);
		}
		a64_mmio_write(v, a64_gicd + 0x104, 4, UINT32_MAX);
	}
	for (u32 i = 0; i < STEPS_MAX && in.left > 0; i++) {
		step(&in);
	}
	quiet_devices();
	for (u32 i = 0; i < 2 * VCPUS; i++) {
		u32 cpu = i % A64_PCPUS;

		do_switch(cpu);
		drain(loaded(cpu));
	}
	a64_teardown();
	return 0;
}
