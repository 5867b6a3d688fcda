/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exceptions that EL2 makes a guest take at EL1, as AArch64.TakeException()
 * would (DDI 0487, J1.3).  An UNDEFINED instruction, and aborts that say
 * "external" so that no guest takes them for its own page tables' fault.
 */
#include <zv/guest.h>
#include <zv/sysreg.h>
#include <zv/zone.h>

#define SCTLR_EL1_SPAN SYSREG_BIT(23)
#define SCTLR_EL1_DSSBS SYSREG_BIT(44)
#define PSR_NZCV SYSREG_VAL(0xf, 28)
#define PSR_DIT SYSREG_BIT(24)
#define PSR_DAIF (PSR_D | PSR_A | PSR_I | PSR_F)
/* An AArch32 PSTATE has DIT where an AArch64 one has SS. */
#define PSR32_DIT SYSREG_BIT(21)

#define VECTOR_CURRENT_SP0 0x000
#define VECTOR_CURRENT_SPX 0x200
#define VECTOR_LOWER_64 0x400
#define VECTOR_LOWER_32 0x600
#define VECTORS_SIZE 0x800

/* More aborts in a row than any handler needs to find a working stack. */
#define ABORT_LOOP_MAX 16

static u64 vector_offset(u64 pstate)
{
	if ((pstate & PSR_MODE32) != 0) {
		return VECTOR_LOWER_32;
	}
	switch (pstate & PSR_MODE_MASK) {
	case PSR_MODE_EL0T:
		return VECTOR_LOWER_64;
	case PSR_MODE_EL1T:
		return VECTOR_CURRENT_SP0;
	default:
		return VECTOR_CURRENT_SPX;
	}
}

static u64 pstate_at_entry(u64 old, u64 sctlr)
{
	u64 new = PSR_MODE_EL1H | PSR_DAIF;

	new |= old &(PSR_NZCV | PSR_PAN);
	new |= (old & PSR_MODE32) == 0	? old &PSR_DIT
	       : (old & PSR32_DIT) != 0 ? PSR_DIT
					: 0;
	/* Both bits are RES1 or RES0 where the CPU has not got the feature. */
	if ((sctlr & SCTLR_EL1_SPAN) == 0) {
		new |= PSR_PAN;
	}
	if ((sctlr & SCTLR_EL1_DSSBS) != 0) {
		new |= PSR_SSBS;
	}
	return new;
}

/* ec is the one for an exception from a lower EL; from EL1 it is one more. */
static void take(struct vcpu *v, u64 esr)
{
	struct guest_regs *r = &v->arch.regs;
	u64 old = r->pstate;

	write_sysreg(esr, esr_el1);
	write_sysreg(r->pc, elr_el1);
	write_sysreg(old, spsr_el1);
	r->pc = read_sysreg(vbar_el1) + vector_offset(old);
	r->pstate = pstate_at_entry(old, read_sysreg(sctlr_el1));
}

static u64 abort_esr(const struct vcpu *v, u64 ec, u64 iss)
{
	if (!pstate_is_el0(v->arch.regs.pstate)) {
		ec++;
	}
	return ec << ESR_EC_SHIFT | ESR_IL | iss;
}

/*
 * A guest whose abort handler cannot run aborts for ever: its stack, or the
 * handler itself, is where nothing is.  That is no progress, so its zone ends.
 */
static bool hopeless(struct vcpu *v, bool fetch, u64 far)
{
	u64 ipa = (read_sysreg(hpfar_el2) & HPFAR_FIPA_MASK) << 8;
	struct arch_vcpu *a = &v->arch;
	u64 pc = a->regs.pc;
	bool inside = pc - read_sysreg(vbar_el1) < VECTORS_SIZE &&
		      !pstate_is_el0(a->regs.pstate);

	if (fetch && pc == a->boot_pc) {
		zone_crash(v, ZV_REASON_BAD_ENTRY, far, ipa,
			   read_sysreg(esr_el2));
		return true;
	}
	if (!inside) {
		a->abort_count = 0;
		return false;
	}
	/* The vector itself is not there, or its code came back to its fault. */
	if (pc != a->abort_pc || read_sysreg(elr_el1) != pc) {
		a->abort_pc = pc;
		a->abort_count = 0;
	}
	if (++a->abort_count < ABORT_LOOP_MAX) {
		return false;
	}
	zone_crash(v, ZV_REASON_ABORT_LOOP, far, ipa, read_sysreg(esr_el2));
	return true;
}

void fault_undefined(struct vcpu *v)
{
	zone_count(v->zone, exits[ZV_EXIT_FAULT]);
	take(v, (u64)ESR_EC_UNKNOWN << ESR_EC_SHIFT | ESR_IL);
}

void fault_data_abort(struct vcpu *v, u64 far, bool write, u32 fsc)
{
	zone_count(v->zone, exits[ZV_EXIT_FAULT]);
	if (hopeless(v, false, far)) {
		return;
	}
	write_sysreg(far, far_el1);
	take(v,
	     abort_esr(v, ESR_EC_DABT_LOW, fsc | (write ? ESR_DABT_WNR : 0)));
}

void fault_fetch_abort(struct vcpu *v, u64 far, u32 fsc)
{
	zone_count(v->zone, exits[ZV_EXIT_FAULT]);
	if (hopeless(v, true, far)) {
		return;
	}
	write_sysreg(far, far_el1);
	take(v, abort_esr(v, ESR_EC_IABT_LOW, fsc));
}
