// SPDX-License-Identifier: BSD-2-Clause
/* Fake interrupts: a pCPU's are counters, a zone's a table. */
#include <zv/arch/harness.h>
#include <zv/arch/irq.h>
#include <zv/arch/time.h>
#include <zv/errno.h>
#include <zv/mmio.h>
#include <zv/percpu.h>
#include <zv/sched.h>
#include <zv/time.h>
#include <zv/trace.h>
#include <zv/platform_aarch64.h>

int arch_irq_init(void)
{
	return 0;
}

u32 arch_irq_count(void)
{
	return FAKE_INTIDS;
}

void arch_irq_handle(void)
{
	struct arch_percpu *a = &this_cpu()->arch;

	if (a->kicks != 0) {
		a->kicks = 0;
		sched_ipi();
	}
	if (a->timer_deadline <= arch_time_ns()) {
		a->timer_deadline = UINT64_MAX;
		timer_run();
	}
}

int arch_virq_inject(struct zone *z, u32 intid, enum virq_op op)
{
	if (intid < 32 || intid >= FAKE_INTIDS) {
		return -EINVAL;
	}
	if (op == VIRQ_LOWER) {
		z->arch.level[intid] = false;
		return 0;
	}
	if (op == VIRQ_RAISE) {
		z->arch.level[intid] = true;
	} else {
		z->arch.edges[intid]++;
		fake_record.pulses += z == zone0;
	}
	trace_vcpu(ZV_TRACE_INJECT, z->vcpus[0], 0, intid, 0);
	z->vcpus[0]->arch.irq_pending = true;
	vcpu_kick(z->vcpus[0]);
	return 0;
}

static enum mmio_result vic_access(struct vcpu *v, struct mmio_access *a,
				   void *ctx)
{
	(void)ctx;
	zone_count(v->zone, exits[ZV_EXIT_MMIO_VIC]);
	a->value = a->write ? a->value : 0x3b;
	return MMIO_DONE;
}

int arch_vic_init(struct zone *z)
{
	int err = 0;

	if (z->id != ZV_ZONE0) {
		err = mmio_register(&z->mmio, ZV_A64_GICD_BASE,
				    ZV_A64_GICD_SIZE, vic_access, z);
	}
	z->arch.vic_live = err == 0;
	return err;
}

void arch_vic_fini(struct zone *z)
{
	z->arch.vic_live = false;
}
