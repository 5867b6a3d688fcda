// SPDX-License-Identifier: BSD-2-Clause
/* The life cycle of a zone: see the table of transitions in zone.h. */
#include <zv/arch/cpu.h>
#include <zv/arch/time.h>
#include <zv/arch/vcpu.h>
#include <zv/atomic.h>
#include <zv/errno.h>
#include <zv/log.h>
#include <zv/sched.h>
#include <zv/trace.h>
#include <zv/zone.h>

static const char *const state_name[] = {
	[ZV_ZONE_CREATED] = "created",	   [ZV_ZONE_RUNNING] = "running",
	[ZV_ZONE_PAUSED] = "paused",	   [ZV_ZONE_OFF] = "off",
	[ZV_ZONE_RESETTING] = "resetting", [ZV_ZONE_CRASHED] = "crashed",
	[ZV_ZONE_DYING] = "dying",
};

static const char *const reason_name[] = {
	[ZV_REASON_GUEST_OFF] = "powered off by the guest",
	[ZV_REASON_STOPPED] = "stopped",
	[ZV_REASON_GUEST_RESET] = "reset by the guest",
	[ZV_REASON_FORCED_RESET] = "reset",
	[ZV_REASON_ALL_OFF] = "its last vCPU went off",
	[ZV_REASON_BAD_ENTRY] = "no memory at a vCPU's entry point",
	[ZV_REASON_BAD_TRAP] = "an exception that cannot be handled",
	[ZV_REASON_ABORT_LOOP] = "an abort inside its abort handler",
	[ZV_REASON_INTERNAL] = "the hypervisor ran out of a resource",
};

static void log_state(const struct zone *z)
{
	if (z->reason == ZV_REASON_NONE) {
		log_ratelimited("zone %u (%s): %s", z->id, z->name,
				state_name[z->state]);
	} else {
		log_ratelimited("zone %u (%s): %s, reason %u: %s", z->id,
				z->name, state_name[z->state], z->reason,
				reason_name[z->reason]);
	}
}

static void state_set_locked(struct zone *z, u32 state, u32 reason)
{
	atomic_store_release(&z->state, state);
	z->reason = reason;
	z->state_seq++;
	log_state(z);
	trace_zone(ZV_TRACE_STATE, z, state, reason);
	io_state_changed(z);
}

/* After a change of state, against a vCPU that leaves at this moment. */
static int quiet_or_again(struct zone *z)
{
	atomic_fence();
	return atomic_load_acquire(&z->loaded) == 0 ? 0 : -EAGAIN;
}

static void hold_all(struct zone *z)
{
	for (u32 i = 0; i < z->vcpu_count; i++) {
		sched_hold(z->vcpus[i]);
	}
}

static void power_off_all(struct zone *z)
{
	for (u32 i = 0; i < z->vcpu_count; i++) {
		sched_detach(z->vcpus[i]);
		z->vcpus[i]->boot_on = false;
	}
}

/* From RUNNING or any halted state to a halted state. */
static void halt_locked(struct zone *z, u32 state, u32 reason)
{
	hold_all(z);
	if (state != ZV_ZONE_CRASHED) {
		power_off_all(z);
		io_zone_reset(z);
	}
	state_set_locked(z, state, reason);
}

static bool state_is_live(u32 state)
{
	return state == ZV_ZONE_RUNNING || state == ZV_ZONE_PAUSED ||
	       state == ZV_ZONE_OFF || state == ZV_ZONE_RESETTING ||
	       state == ZV_ZONE_CRASHED;
}

static bool state_may_start(u32 state)
{
	return state == ZV_ZONE_CREATED || state == ZV_ZONE_OFF ||
	       state == ZV_ZONE_RESETTING;
}

static bool any_boot_vcpu(const struct zone *z)
{
	for (u32 i = 0; i < z->vcpu_count; i++) {
		if (z->vcpus[i]->boot_on) {
			return true;
		}
	}
	return false;
}

int zone_start(struct zone *z)
{
	int err = 0;

	spin_lock(&z->lock);
	if (!state_may_start(z->state)) {
		err = -EBUSY;
		goto out;
	}
	if (!any_boot_vcpu(z)) {
		err = -EINVAL;
		goto out;
	}
	err = quiet_or_again(z);
	if (err != 0) {
		goto out;
	}
	/* Likewise when nobody has stopped it before: it went off by itself. */
	io_zone_reset(z);
	arch_zone_reset(z);
	state_set_locked(z, ZV_ZONE_RUNNING, ZV_REASON_NONE);
	for (u32 i = 0; i < z->vcpu_count; i++) {
		struct vcpu *v = z->vcpus[i];

		sched_release(v);
		if (v->boot_on) {
			v->boot_on = false;
			sched_attach(v);
			sched_wake(v);
		}
	}
out:
	spin_unlock(&z->lock);
	return err;
}

int zone_pause(struct zone *z)
{
	int err = 0;

	spin_lock(&z->lock);
	if (z->state == ZV_ZONE_RUNNING) {
		z->paused_ns = arch_time_ns();
		hold_all(z);
		state_set_locked(z, ZV_ZONE_PAUSED, ZV_REASON_NONE);
	} else if (z->state != ZV_ZONE_PAUSED) {
		err = -EBUSY;
	}
	if (err == 0) {
		err = quiet_or_again(z);
	}
	spin_unlock(&z->lock);
	return err;
}

int zone_resume(struct zone *z)
{
	int err = -EBUSY;

	spin_lock(&z->lock);
	if (z->state == ZV_ZONE_PAUSED) {
		err = quiet_or_again(z);
	}
	if (err == 0) {
		arch_zone_skip_time(z, arch_time_ns() - z->paused_ns);
		state_set_locked(z, ZV_ZONE_RUNNING, ZV_REASON_NONE);
		for (u32 i = 0; i < z->vcpu_count; i++) {
			sched_release(z->vcpus[i]);
		}
	}
	spin_unlock(&z->lock);
	return err;
}

static int zone_halt(struct zone *z, u32 state, u32 reason)
{
	int err = -EBUSY;

	spin_lock(&z->lock);
	if (state_is_live(z->state)) {
		/* Calling again while it becomes quiet changes nothing. */
		if (z->state != state) {
			halt_locked(z, state, reason);
		}
		err = quiet_or_again(z);
		if (err == 0) {
			/*
			 * A vCPU that was still leaving may have made an access
			 * since: device models are reset next, and must not
			 * find it afterwards.
			 */
			io_zone_reset(z);
		}
	}
	spin_unlock(&z->lock);
	return err;
}

int zone_stop(struct zone *z)
{
	return zone_halt(z, ZV_ZONE_OFF, ZV_REASON_STOPPED);
}

int zone_reset(struct zone *z)
{
	return zone_halt(z, ZV_ZONE_RESETTING, ZV_REASON_FORCED_RESET);
}

/* The guest's own doing: nothing happens if zone0 was faster. */
static void zone_halt_self(struct zone *z, u32 state, u32 reason)
{
	spin_lock(&z->lock);
	if (z->state == ZV_ZONE_RUNNING || z->state == ZV_ZONE_PAUSED) {
		halt_locked(z, state, reason);
	}
	spin_unlock(&z->lock);
}

void zone_guest_off(struct zone *z)
{
	if (z == zone0) {
		log_info("zone0 powers the machine off");
		arch_reset(ARCH_RESET_OFF);
	}
	zone_halt_self(z, ZV_ZONE_OFF, ZV_REASON_GUEST_OFF);
}

void zone_guest_reset(struct zone *z)
{
	if (z == zone0) {
		log_info("zone0 resets the machine");
		arch_reset(ARCH_RESET_REBOOT);
	}
	zone_halt_self(z, ZV_ZONE_RESETTING, ZV_REASON_GUEST_RESET);
}

void zone_all_off(struct zone *z)
{
	bool any_on = false;

	if (z == zone0) {
		zone_guest_off(z);
	}
	spin_lock(&z->lock);
	for (u32 i = 0; i < z->vcpu_count; i++) {
		any_on = any_on || vcpu_is_on(z->vcpus[i]);
	}
	if (!any_on &&
	    (z->state == ZV_ZONE_RUNNING || z->state == ZV_ZONE_PAUSED)) {
		halt_locked(z, ZV_ZONE_OFF, ZV_REASON_ALL_OFF);
	}
	spin_unlock(&z->lock);
}

void zone_crash(struct vcpu *v, u32 reason, u64 addr, u64 ipa, u64 syndrome)
{
	struct zone *z = v->zone;
	struct zv_vcpu_state s;

	arch_vcpu_get_state(v, &s);
	spin_lock(&z->lock);
	if (z->state == ZV_ZONE_RUNNING || z->state == ZV_ZONE_PAUSED) {
		z->fault.vcpu = v->index;
		z->fault.pc = s.pc;
		z->fault.addr = addr;
		z->fault.ipa = ipa;
		z->fault.syndrome = syndrome;
		halt_locked(z, ZV_ZONE_CRASHED, reason);
		if (z == zone0) {
			/* The other zones go on; nobody can command them. */
			log_error(
				"zone0 crashed: vcpu %u pc %lx addr %lx syndrome %lx",
				v->index, s.pc, addr, syndrome);
		}
	}
	spin_unlock(&z->lock);
}

int zone_destroy_step(struct zone *z)
{
	int err;

	spin_lock(&z->lock);
	if (z->state != ZV_ZONE_DYING) {
		halt_locked(z, ZV_ZONE_DYING, z->reason);
	}
	err = quiet_or_again(z);
	if (err == 0 && z->pages_granted != 0) {
		err = -EBUSY;
	}
	if (err == 0) {
		err = zone_mem_destroy_step(z);
	}
	if (err == 0) {
		io_zone_hide(z);
	}
	spin_unlock(&z->lock);
	return err != 0 ? err : zone_remove(z);
}
