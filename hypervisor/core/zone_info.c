// SPDX-License-Identifier: BSD-2-Clause
/* What zone0 is told about a zone. */
#include <zv/arch/time.h>
#include <zv/arch/vcpu.h>
#include <zv/atomic.h>
#include <zv/errno.h>
#include <zv/sched.h>
#include <zv/string.h>
#include <zv/zone.h>

static void vcpus_info(struct zone *z, struct zv_zone_info *ret)
{
	struct zv_vcpu_times times;

	for (u32 i = 0; i < z->vcpu_count; i++) {
		const struct vcpu *v = z->vcpus[i];

		ret->vcpus_on |= vcpu_is_on(v) ? 1u << i : 0;
		ret->pcpu[i] = atomic_load_relaxed(&v->place);
		sched_times(v, &times);
		ret->cpu_time_ns += times.guest_ns;
	}
	ret->vcpus_loaded = atomic_load_relaxed(&z->loaded);
}

static void memory_info(struct zone *z, struct zv_zone_info *ret)
{
	spin_lock(&z->s2_lock);
	ret->map_1g = z->s2.stats.leaf_1g;
	ret->map_2m = z->s2.stats.leaf_2m;
	ret->map_4k = z->s2.stats.leaf_4k;
	ret->pages = z->pages;
	ret->pages_granted = z->pages_granted;
	ret->pages_overhead = z->pages_overhead + z->s2.stats.tables;
	spin_unlock(&z->s2_lock);
}

void zone_info(struct zone *z, struct zv_zone_info *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->id = z->id;
	ret->vcpu_count = z->vcpu_count;
	ret->created_ns = z->created_ns;
	ret->event_index = z->event_index;
	memcpy(ret->uuid, z->uuid, sizeof(ret->uuid));
	memcpy(ret->name, z->name, sizeof(ret->name));

	spin_lock(&z->lock);
	ret->state = z->state;
	ret->reason = z->reason;
	ret->state_seq = z->state_seq;
	ret->fault_vcpu = z->fault.vcpu;
	ret->fault_pc = z->fault.pc;
	ret->fault_addr = z->fault.addr;
	ret->fault_ipa = z->fault.ipa;
	ret->fault_syndrome = z->fault.syndrome;
	ret->shadow_count = z->io.shadow_count;
	ret->iopage = z->io.page != NULL ? z->io.page_pa.v : 0;
	vcpus_info(z, ret);
	memory_info(z, ret);
	spin_unlock(&z->lock);
}

void zone_counters(struct zone *z, struct zv_counters *ret)
{
	/* All these fields are counters of 64 bits. */
	const u64 *from = (const u64 *)(const void *)&z->counters;
	u64 *to = (u64 *)(void *)ret;

	memset(ret, 0, sizeof(*ret));
	for (size_t i = 0; i < sizeof(z->counters) / sizeof(*to); i++) {
		to[i] = atomic_load_relaxed(&from[i]);
	}
	ret->vcpu_count = z->vcpu_count;
	for (u32 i = 0; i < z->vcpu_count; i++) {
		sched_times(z->vcpus[i], &ret->vcpu[i]);
		ret->guest_ns += ret->vcpu[i].guest_ns;
		ret->steal_ns += ret->vcpu[i].steal_ns;
	}
}

int zone_vcpu_set(struct zone *z, u32 vcpu, const struct zv_vcpu_state *s)
{
	struct vcpu *v;
	int err = 0;

	if (vcpu >= z->vcpu_count || (s->flags & ~ZV_VCPU_ON) != 0 ||
	    s->reserved != 0) {
		return -EINVAL;
	}
	v = z->vcpus[vcpu];
	spin_lock(&z->lock);
	if (z->state != ZV_ZONE_CREATED && z->state != ZV_ZONE_OFF &&
	    z->state != ZV_ZONE_RESETTING) {
		err = -EBUSY;
	} else if ((atomic_load_acquire(&z->loaded) & (1u << vcpu)) != 0) {
		err = -EAGAIN;
	} else {
		arch_vcpu_reset(v, s->pc, s->x[0]);
		arch_vcpu_set_state(v, s);
		v->boot_on = (s->flags & ZV_VCPU_ON) != 0;
	}
	spin_unlock(&z->lock);
	return err;
}

s64 zone_vcpu_limit(struct zone *z, u64 limit)
{
	if (limit > z->vcpu_count) {
		return -EINVAL;
	}
	if (limit != 0) {
		/* Against vcpu_power_on(): it is refused from now on. */
		spin_lock(&z->lock);
		z->vcpu_limit = (u32)limit;
		spin_unlock(&z->lock);
	}
	return atomic_load_relaxed(&z->vcpu_limit);
}

int zone_vcpu_get(struct zone *z, u32 vcpu, struct zv_vcpu_state *ret)
{
	const struct vcpu *v;
	int err = 0;

	if (vcpu >= z->vcpu_count) {
		return -EINVAL;
	}
	v = z->vcpus[vcpu];
	spin_lock(&z->lock);
	if (z->state == ZV_ZONE_RUNNING ||
	    (atomic_load_acquire(&z->loaded) & (1u << vcpu)) != 0) {
		err = -EBUSY;
	} else {
		memset(ret, 0, sizeof(*ret));
		arch_vcpu_get_state(v, ret);
		ret->flags = vcpu_is_on(v) ? ZV_VCPU_ON : 0;
	}
	spin_unlock(&z->lock);
	return err;
}
