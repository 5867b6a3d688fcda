// SPDX-License-Identifier: BSD-2-Clause
/* Fake guests. */
#include <zv/sched.h>
#include <zv/arch/harness.h>
#include <zv/arch/time.h>
#include <zv/arch/vcpu.h>
#include <zv/check.h>
#include <zv/percpu.h>
#include <zv/string.h>
#include <zv/trace.h>

void (*fake_guest)(struct vcpu *v, struct vcpu_exit *ret_exit);

int arch_zone_init(struct zone *z)
{
	z->arch.live = true;
	return 0;
}

void arch_zone_fini(struct zone *z)
{
	z->arch.live = false;
}

void arch_zone_reset(struct zone *z)
{
	CHECK(z->loaded == 0);
	z->arch.resets++;
	memset(z->arch.edges, 0, sizeof(z->arch.edges));
	memset(z->arch.level, 0, sizeof(z->arch.level));
	for (u32 i = 0; i < z->vcpu_count; i++) {
		z->vcpus[i]->arch.irq_pending = false;
	}
}

void arch_zone_skip_time(struct zone *z, u64 ns)
{
	CHECK(z->loaded == 0);
	z->arch.skipped_ns += ns;
}

int arch_vcpu_init(struct vcpu *v)
{
	v->arch.live = true;
	return 0;
}

void arch_vcpu_fini(struct vcpu *v)
{
	CHECK(v->arch.live && !v->arch.loaded);
	v->arch.live = false;
}

void arch_vcpu_reset(struct vcpu *v, u64 entry, u64 arg)
{
	CHECK(!v->arch.loaded);
	v->arch.pc = entry;
	memset(v->arch.x, 0, sizeof(v->arch.x));
	v->arch.x[0] = arg;
}

void arch_vcpu_load(struct vcpu *v)
{
	CHECK(v->arch.live && !v->arch.loaded);
	CHECK(v->pcpu == this_cpu()->id && this_cpu()->loaded == v);
	v->arch.loaded = true;
}

void arch_vcpu_put(struct vcpu *v)
{
	CHECK(v->arch.loaded && v->pcpu == this_cpu()->id);
	v->arch.loaded = false;
}

static bool irq_waits(void)
{
	const struct arch_percpu *a = &this_cpu()->arch;

	return a->kicks != 0 || a->timer_deadline <= arch_time_ns();
}

static u32 leave_reason(enum vcpu_exit_kind kind)
{
	switch (kind) {
	case VCPU_EXIT_IRQ:
		return ZV_LEAVE_IRQ;
	case VCPU_EXIT_IDLE:
		return ZV_LEAVE_WFX;
	case VCPU_EXIT_MMIO:
		return ZV_LEAVE_ACCESS;
	case VCPU_EXIT_HYPERCALL:
		return ZV_LEAVE_HVC;
	default:
		return ZV_LEAVE_OTHER;
	}
}

void arch_vcpu_run(struct vcpu *v, struct vcpu_exit *ret_exit)
{
	CHECK(v->arch.loaded && (v->zone->loaded & (1u << v->index)) != 0);
	this_cpu()->arch.idle = false;
	sched_send_ipis();
	memset(ret_exit, 0, sizeof(*ret_exit));
	/* A kick may still be on its way, but then it ends the entry at once. */
	if (irq_waits()) {
		ret_exit->kind = VCPU_EXIT_IRQ;
		return;
	}
	CHECK(v->zone->state == ZV_ZONE_RUNNING && !v->held &&
	      v->run == VCPU_RUNNING && v->io_wait == VCPU_IO_NONE);
	v->arch.runs++;
	trace_vcpu(ZV_TRACE_ENTER, v, 0, 0, 0);
	if (fake_guest != NULL) {
		fake_guest(v, ret_exit);
	} else {
		v->arch.irq_pending = false;
		ret_exit->kind = VCPU_EXIT_IDLE;
	}
	trace_vcpu(ZV_TRACE_LEAVE, v, leave_reason(ret_exit->kind), 0, 0);
}

bool arch_vcpu_irq_pending(struct vcpu *v)
{
	return v->arch.irq_pending;
}

void arch_vcpu_mmio_done(struct vcpu *v, const struct mmio_access *a)
{
	v->arch.mmio_done++;
	v->arch.mmio_value = a->value;
}

void arch_vcpu_mmio_abort(struct vcpu *v)
{
	v->arch.mmio_aborts++;
}

void arch_vcpu_mmio_retry(struct vcpu *v)
{
	v->arch.mmio_retries++;
}

void arch_vcpu_hypercall_done(struct vcpu *v, s64 ret, const u64 out[3])
{
	v->arch.hypercalls++;
	v->arch.hypercall_ret = ret;
	memcpy(v->arch.hypercall_out, out, sizeof(v->arch.hypercall_out));
}

void arch_vcpu_set_state(struct vcpu *v, const struct zv_vcpu_state *s)
{
	v->arch.pc = s->pc;
	memcpy(v->arch.x, s->x, sizeof(v->arch.x));
}

void arch_vcpu_get_state(const struct vcpu *v, struct zv_vcpu_state *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->pc = v->arch.pc;
	memcpy(ret->x, v->arch.x, sizeof(v->arch.x));
}
