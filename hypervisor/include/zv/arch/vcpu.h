/* SPDX-License-Identifier: BSD-2-Clause */
/* Arch contract: running guests. */
#ifndef ZV_ARCH_VCPU_H
#define ZV_ARCH_VCPU_H

#include <zv/types.h>
#include <zv/vcpu.h>
#include <zv/zone.h>

/* Zone part: stage-2 control value, time offset. 0 or -errno. */
int arch_zone_init(struct zone *z);
void arch_zone_fini(struct zone *z);
/* Zone start and reset: interrupt controller to its reset state, clock at 0. */
void arch_zone_reset(struct zone *z);
/* The zone's clock stood still for ns (pause). Zone is quiet. */
void arch_zone_skip_time(struct zone *z, u64 ns);

/* State only; the vCPU is off afterwards. */
int arch_vcpu_init(struct vcpu *v);
void arch_vcpu_fini(struct vcpu *v);
/* Architectural reset state, then pc and first argument. Vcpu not loaded. */
void arch_vcpu_reset(struct vcpu *v, u64 entry, u64 arg);

/* Hardware <-> struct.  Only the main loop, on the vCPU's pCPU. */
void arch_vcpu_load(struct vcpu *v);
/*
 * Also arms a software timer for the guest's timer while it is away.  After it
 * this pCPU walks the zone's stage-2 no more, not even speculatively: the
 * tables may be freed and the VMID used again before another vCPU is loaded.
 */
void arch_vcpu_put(struct vcpu *v);
/* Enters the (loaded) guest until the next exit that core must see. */
void arch_vcpu_run(struct vcpu *v, struct vcpu_exit *ret_exit);
/* True if the guest would take an interrupt now: do not idle. */
bool arch_vcpu_irq_pending(struct vcpu *v);

/* Answers to exits; the vCPU need not be loaded. */
void arch_vcpu_mmio_done(struct vcpu *v, const struct mmio_access *a);
/* External abort at the faulting instruction. */
void arch_vcpu_mmio_abort(struct vcpu *v);
/* The access will be made again (page was hidden): nothing is advanced. */
void arch_vcpu_mmio_retry(struct vcpu *v);
void arch_vcpu_hypercall_done(struct vcpu *v, s64 ret, const u64 out[3]);

/* SET uses pc and x0..x3; GET fills all (vCPU not loaded). */
void arch_vcpu_set_state(struct vcpu *v, const struct zv_vcpu_state *s);
void arch_vcpu_get_state(const struct vcpu *v, struct zv_vcpu_state *ret);

#endif /* ZV_ARCH_VCPU_H */
