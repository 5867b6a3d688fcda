/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files that run guests share: entry, decoding of exits, exceptions
 * injected into EL1, answers to calls.  All of it acts on the loaded vCPU, on
 * its own pCPU, between an exit and the next entry, unless said otherwise.
 */
#ifndef ZV_AARCH64_GUEST_H
#define ZV_AARCH64_GUEST_H

/* Result of guest_enter(): which vector it came back by. */
#define GUEST_EXIT_SYNC 0
#define GUEST_EXIT_IRQ 1
#define GUEST_EXIT_FIQ 2
#define GUEST_EXIT_SERROR 3

#ifndef __ASSEMBLY__

#include <zv/sysreg.h>
#include <zv/types.h>
#include <zv/vcpu.h>

/* entry.S */
u64 guest_enter(struct guest_regs *regs);
u64 guest_at_s1e1r(u64 va);
u64 guest_at_s1e1w(u64 va);
u64 guest_at_s1e0r(u64 va);
u64 guest_at_s1e0w(u64 va);
/* fp.S */
void guest_fp_save(struct guest_fp *fp);
void guest_fp_load(const struct guest_fp *fp);

static inline bool pstate_is_el0(u64 pstate)
{
	return (pstate & (PSR_MODE32 | PSR_MODE_MASK)) == PSR_MODE_EL0T ||
	       (pstate & PSR_MODE32) != 0;
}

/* vcpu.c: traps of this pCPU; at the end of arch_cpu_init(). */
void guest_cpu_init(void);
/* The vCPU with these affinity fields (MPIDR layout), or NULL. */
struct vcpu *vcpu_by_affinity(struct zone *z, u64 affinity);

/* trap.c */
void trap_sync(struct vcpu *v, struct vcpu_exit *e);
void trap_serror(struct vcpu *v);
/* PC past the instruction of `length` bytes, with the IT state and PSTATE.SS */
void guest_skip(struct vcpu *v, u32 length);

static inline u64 guest_reg(const struct vcpu *v, u32 n)
{
	return n == 31 ? 0 : v->arch.regs.x[n];
}

static inline void guest_set_reg(struct vcpu *v, u32 n, u64 value)
{
	if (n != 31) {
		v->arch.regs.x[n] = value;
	}
}

static inline void vcpu_work(struct vcpu *v, u32 bits)
{
	__atomic_fetch_or(&v->arch.work, bits, __ATOMIC_RELEASE);
}

/* abort.c: stage-2 faults */
void abort_data(struct vcpu *v, u32 iss, struct vcpu_exit *e);
void abort_fetch(struct vcpu *v, u32 iss);
/* The access of v->arch.access, as an exit. */
void abort_access_exit(struct vcpu *v, struct vcpu_exit *e);

/* fault.c: exceptions into EL1 */
void fault_undefined(struct vcpu *v);
void fault_data_abort(struct vcpu *v, u64 far, bool write, u32 fsc);
void fault_fetch_abort(struct vcpu *v, u64 far, u32 fsc);
#define FAULT_FSC_EXTERNAL 0x10u
#define FAULT_FSC_EXTERNAL_WALK 0x17u /* on a level 3 table walk */
#define FAULT_FSC_ALIGNMENT 0x21u

/* sysreg.c */
void sysreg_trap(struct vcpu *v, u32 iss);

/* smccc.c: from_hvc is false for SMC */
void smccc_call(struct vcpu *v, bool from_hvc, struct vcpu_exit *e);
/* psci.c: true if `fn` was one of its calls; results are in place. */
bool psci_call(struct vcpu *v, u32 fn, struct vcpu_exit *e);

#endif /* __ASSEMBLY__ */

#endif /* ZV_AARCH64_GUEST_H */
