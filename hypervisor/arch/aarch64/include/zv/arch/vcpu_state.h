/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * aarch64 part of struct vcpu.  While the vCPU is loaded the hardware holds
 * `el1`, `fp`, the timer and the CPU interface; `regs` is true between an exit
 * and the next entry.  Only the vCPU's own pCPU touches any of it while it is
 * loaded, but for `work` and what the vgic lock guards.
 */
#ifndef ZV_AARCH64_VCPU_STATE_H
#define ZV_AARCH64_VCPU_STATE_H

#include <zv/time.h>
#include <zv/types.h>
#include <zv/vgic.h>

/* What entry.S saves and loads. */
struct guest_regs {
	u64 x[31];
	u64 pc; /* ELR_EL2 */
	u64 pstate; /* SPSR_EL2 */
};

struct guest_fp {
	_Alignas(16) u64 v[64]; /* Q0..Q31 */
	u64 fpsr;
	u64 fpcr;
};

/*
 * EL1 and EL0 context.  AArch32 runs at EL0 only, so that the registers that
 * only an AArch32 EL1 uses (DACR, IFSR, FPEXC, banked SPSRs) are not in it.
 */
#define EL1_REGISTERS(X)              \
	X(sctlr, sctlr_el1)           \
	X(cpacr, cpacr_el1)           \
	X(ttbr0, ttbr0_el1)           \
	X(ttbr1, ttbr1_el1)           \
	X(tcr, tcr_el1)               \
	X(mair, mair_el1)             \
	X(amair, amair_el1)           \
	X(vbar, vbar_el1)             \
	X(contextidr, contextidr_el1) \
	X(elr, elr_el1)               \
	X(spsr, spsr_el1)             \
	X(esr, esr_el1)               \
	X(far, far_el1)               \
	X(afsr0, afsr0_el1)           \
	X(afsr1, afsr1_el1)           \
	X(sp_el0, sp_el0)             \
	X(sp_el1, sp_el1)             \
	X(tpidr_el0, tpidr_el0)       \
	X(tpidrro_el0, tpidrro_el0)   \
	X(tpidr_el1, tpidr_el1)       \
	X(par, par_el1)               \
	X(cntkctl, cntkctl_el1)       \
	X(csselr, csselr_el1)         \
	X(mdscr, mdscr_el1)

#define EL1_FIELD(field, name) u64 field;
struct guest_el1 {
	EL1_REGISTERS(EL1_FIELD)
};
#undef EL1_FIELD

/* A trapped access on its way: what to do with the answer. */
struct guest_access {
	u64 far;
	u64 gpa;
	u64 base; /* writeback: new value of rn */
	u8 size;
	u8 rt;
	u8 rt2;
	u8 rn;
	u8 length; /* of the instruction */
	bool write;
	bool sign_extend;
	bool wide; /* 64-bit target register */
	bool swap; /* the guest's data is big-endian */
	bool pair; /* rt2 at gpa + size still to do */
	bool second; /* this is rt2's */
	bool writeback;
};

struct guest_timer {
	u64 ctl; /* ENABLE and IMASK */
	u64 cval;
	struct timer soft;
};

/* arch_vcpu.work: looked at before each entry. */
#define VCPU_WORK_VGIC BIT(0) /* LRs are out of date */
#define VCPU_WORK_ABORT BIT(1) /* inject the abort of `access` */
#define VCPU_WORK_PAIR BIT(2) /* second half of an LDP or STP */
#define VCPU_WORK_BASE BIT(3) /* write the base register of `access` back */

struct arch_vcpu {
	struct guest_regs regs;
	u32 work; /* atomic; any pCPU */
	bool wfi_trapped; /* as HCR_EL2 has it */
	u64 hcr;
	u64 vmpidr;
	u64 boot_pc; /* a fetch abort there means a bad entry point */
	u64 abort_pc; /* last abort inside the guest's vectors */
	u32 abort_count;
	struct guest_access access;
	struct guest_timer vtimer;
	struct guest_timer ptimer;
	struct guest_el1 el1;
	struct guest_fp fp;
	struct vgic_cpu vgic;
};

#endif /* ZV_AARCH64_VCPU_STATE_H */
