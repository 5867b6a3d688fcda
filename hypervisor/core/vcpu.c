// SPDX-License-Identifier: BSD-2-Clause
/* vCPUs: power, kicks, and the end of an access that waited. */
#include <zv/arch/vcpu.h>
#include <zv/atomic.h>
#include <zv/errno.h>
#include <zv/sched.h>
#include <zv/zone.h>

bool vcpu_is_on(const struct vcpu *v)
{
	return atomic_load_relaxed(&v->run) != VCPU_OFF;
}

int vcpu_power_on(struct vcpu *v, u64 entry, u64 arg)
{
	struct zone *z = v->zone;
	int err = 0;

	spin_lock(&z->lock);
	if (vcpu_is_on(v)) {
		err = -EEXIST;
	} else if (v->index >= z->vcpu_limit) {
		err = -EPERM;
	} else if (z->state != ZV_ZONE_RUNNING ||
		   (atomic_load_acquire(&z->loaded) & (1u << v->index)) != 0) {
		err = -EAGAIN;
	} else {
		arch_vcpu_reset(v, entry, arg);
		sched_attach(v);
		sched_wake(v);
	}
	spin_unlock(&z->lock);
	return err;
}

void vcpu_power_off_self(struct vcpu *v)
{
	struct zone *z = v->zone;
	bool last = true;

	spin_lock(&z->lock);
	sched_detach(v);
	for (u32 i = 0; i < z->vcpu_count; i++) {
		last = last && !vcpu_is_on(z->vcpus[i]);
	}
	spin_unlock(&z->lock);
	if (last) {
		zone_all_off(z);
	}
}

void vcpu_kick(struct vcpu *v)
{
	struct percpu *cpu = percpu_get(atomic_load_relaxed(&v->pcpu));
	bool fresh = !atomic_exchange(&v->kicked, true);

	/*
	 * Its own pCPU clears `kicked` before each entry and looks for work
	 * after that; going to sleep it sees `kicked`.
	 */
	if (cpu == this_cpu() && cpu->rq.current == v &&
	    v->run == VCPU_RUNNING) {
		return;
	}
	sched_kick(v, fresh);
}

void vcpu_io_wake(struct vcpu *v)
{
	sched_wake(v);
}

void vcpu_io_finish(struct vcpu *v)
{
	enum vcpu_io_result result = v->io_result;

	if (__builtin_expect(result == VCPU_IO_PENDING, 1)) {
		return;
	}
	v->io_result = VCPU_IO_PENDING;
	switch (result) {
	case VCPU_IO_DONE:
		arch_vcpu_mmio_done(v, &v->io_access);
		break;
	case VCPU_IO_ABORT:
		arch_vcpu_mmio_abort(v);
		break;
	case VCPU_IO_RETRY:
		arch_vcpu_mmio_retry(v);
		break;
	case VCPU_IO_PENDING:
		break;
	}
}
