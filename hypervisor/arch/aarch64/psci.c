/* SPDX-License-Identifier: BSD-2-Clause */
/* PSCI 1.1 for every zone (DEN 0022). */
#include <zv/errno.h>
#include <zv/guest.h>
#include <zv/psci.h>
#include <zv/zone.h>

#define AFFINITY_MASK64 0xff00ffffffull

/* CPU_SUSPEND's power_state in the original format (5.4.2). */
#define POWER_STATE_RESERVED 0xfcfe0000ull

static bool entry_ok(struct zone *z, u64 entry)
{
	return IS_ALIGNED(entry, 4) && zone_mem_allows(z, entry, MAP_X);
}

/*
 * The target may still be on its way out of its pCPU, or the zone may be
 * stopping: then the call is made again until that is settled.  The guest
 * waits, nothing waits at EL2.
 */
static void call_again(struct vcpu *v, struct vcpu_exit *e)
{
	v->arch.regs.pc -= 4;
	e->kind = VCPU_EXIT_YIELD;
}

static s64 cpu_on(struct vcpu *v, const u64 arg[3], bool *ret_again)
{
	struct vcpu *target = vcpu_by_affinity(v->zone, arg[0]);

	if (target == NULL) {
		return PSCI_INVALID_PARAMETERS;
	}
	if (!entry_ok(v->zone, arg[1])) {
		return PSCI_INVALID_ADDRESS;
	}
	switch (vcpu_power_on(target, arg[1], arg[2])) {
	case 0:
		return PSCI_SUCCESS;
	case -EPERM:
		return PSCI_DENIED;
	case -EEXIST:
		return PSCI_ALREADY_ON;
	case -EAGAIN:
		*ret_again = true;
		return 0;
	default:
		return PSCI_INTERNAL_FAILURE;
	}
}

static bool affinity_matches(const struct vcpu *v, u64 affinity, u32 level)
{
	static const u64 mask[] = { 0xff00ffffff, 0xff00ffff00, 0xff00ff0000,
				    0xff00000000 };

	return ((v->arch.vmpidr ^ affinity) & mask[level]) == 0;
}

/* Levels above 0 may be asked for: ON if any CPU below is (5.7). */
static s64 affinity_info(struct zone *z, u64 affinity, u64 level)
{
	bool found = false;

	if ((affinity & ~AFFINITY_MASK64) != 0 || level > 3) {
		return PSCI_INVALID_PARAMETERS;
	}
	for (u32 i = 0; i < z->vcpu_count; i++) {
		if (!affinity_matches(z->vcpus[i], affinity, (u32)level)) {
			continue;
		}
		if (vcpu_is_on(z->vcpus[i])) {
			return PSCI_AFFINITY_ON;
		}
		found = true;
	}
	return found ? PSCI_AFFINITY_OFF : PSCI_INVALID_PARAMETERS;
}

static s64 features(u64 fn)
{
	switch (fn) {
	case PSCI_VERSION:
	case PSCI_CPU_SUSPEND:
	case PSCI_CPU_SUSPEND_64:
	case PSCI_CPU_OFF:
	case PSCI_CPU_ON:
	case PSCI_CPU_ON_64:
	case PSCI_AFFINITY_INFO:
	case PSCI_AFFINITY_INFO_64:
	case PSCI_MIGRATE_INFO_TYPE:
	case PSCI_SYSTEM_OFF:
	case PSCI_SYSTEM_RESET:
	case PSCI_SYSTEM_RESET2:
	case PSCI_SYSTEM_RESET2_64:
	case PSCI_FEATURES:
	case SMCCC_VERSION:
		return PSCI_SUCCESS;
	default:
		return PSCI_NOT_SUPPORTED;
	}
}

/*
 * A standby: the call returns with the next interrupt.  A powerdown request is
 * answered by the shallower state, which the specification allows (5.4.5).
 */
static s64 cpu_suspend(u64 power_state, struct vcpu_exit *e)
{
	if ((power_state & POWER_STATE_RESERVED) != 0) {
		return PSCI_INVALID_PARAMETERS;
	}
	e->kind = VCPU_EXIT_IDLE;
	return PSCI_SUCCESS;
}

/* Architectural resets only; type 0 is a warm reset, ours is no other. */
static s64 system_reset2(struct vcpu *v, u64 type, struct vcpu_exit *e)
{
	if (type != 0) {
		return (type & BIT(31)) != 0 ? PSCI_NOT_SUPPORTED
					     : PSCI_INVALID_PARAMETERS;
	}
	zone_guest_reset(v->zone);
	e->kind = VCPU_EXIT_YIELD;
	return PSCI_INTERNAL_FAILURE;
}

bool psci_call(struct vcpu *v, u32 fn, struct vcpu_exit *e)
{
	u64 *x = v->arch.regs.x;
	u64 arg[3] = { x[1], x[2], x[3] };
	bool again = false;
	s64 ret;

	if ((fn & SMCCC_CALL_64) == 0) {
		for (u32 i = 0; i < ARRAY_SIZE(arg); i++) {
			arg[i] = (u32)arg[i];
		}
	}
	switch (fn) {
	case PSCI_VERSION:
		ret = PSCI_VERSION_1_1;
		break;
	case PSCI_FEATURES:
		ret = features(arg[0]);
		break;
	case PSCI_CPU_ON:
	case PSCI_CPU_ON_64:
		ret = cpu_on(v, arg, &again);
		if (again) {
			call_again(v, e);
			return true;
		}
		break;
	case PSCI_CPU_OFF:
		vcpu_power_off_self(v);
		e->kind = VCPU_EXIT_YIELD;
		return true;
	case PSCI_CPU_SUSPEND:
	case PSCI_CPU_SUSPEND_64:
		ret = cpu_suspend(arg[0], e);
		break;
	case PSCI_AFFINITY_INFO:
	case PSCI_AFFINITY_INFO_64:
		ret = affinity_info(v->zone, arg[0], arg[1]);
		break;
	case PSCI_MIGRATE_INFO_TYPE:
		ret = PSCI_TRUSTED_OS_NONE;
		break;
	case PSCI_SYSTEM_OFF:
		zone_guest_off(v->zone);
		e->kind = VCPU_EXIT_YIELD;
		return true;
	case PSCI_SYSTEM_RESET:
		zone_guest_reset(v->zone);
		e->kind = VCPU_EXIT_YIELD;
		return true;
	case PSCI_SYSTEM_RESET2:
	case PSCI_SYSTEM_RESET2_64:
		ret = system_reset2(v, arg[0], e);
		break;
	default:
		return false;
	}
	x[0] = (u64)ret;
	return true;
}
