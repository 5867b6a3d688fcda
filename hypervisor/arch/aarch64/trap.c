/* SPDX-License-Identifier: BSD-2-Clause */
/* Synchronous exits by exception class (DDI 0487, ESR_EL2). */
#include <zv/guest.h>
#include <zv/log.h>
#include <zv/sysreg.h>
#include <zv/zone.h>

#define ESR_EC_CP14_32 0x05
#define ESR_EC_CP14_64 0x06
#define ESR_EC_VMRS 0x08
#define ESR_EC_PAUTH 0x09
#define ESR_EC_LS64 0x0a
#define ESR_EC_CP14_LS 0x0c
#define ESR_EC_BTI 0x0d
#define ESR_EC_SME 0x1d
#define ESR_EC_FPAC 0x1c
#define ESR_EC_MOPS 0x27

#define ISS_WFX_TI_MASK 0x3
#define ISS_WFX_WFI 0
#define ISS_CV SYSREG_BIT(24)
#define ISS_COND_SHIFT 20

#define PSR32_THUMB SYSREG_BIT(5)
#define PSR_N_SHIFT 31
#define PSR_Z_SHIFT 30
#define PSR_C_SHIFT 29
#define PSR_V_SHIFT 28

/* Condition of an AArch32 instruction (DDI 0487, F2.3.1). */
static bool condition_holds(u64 pstate, u32 cond)
{
	bool n = (pstate >> PSR_N_SHIFT & 1) != 0;
	bool z = (pstate >> PSR_Z_SHIFT & 1) != 0;
	bool c = (pstate >> PSR_C_SHIFT & 1) != 0;
	bool o = (pstate >> PSR_V_SHIFT & 1) != 0;
	bool holds;

	switch (cond >> 1) {
	case 0:
		holds = z;
		break;
	case 1:
		holds = c;
		break;
	case 2:
		holds = n;
		break;
	case 3:
		holds = o;
		break;
	case 4:
		holds = c && !z;
		break;
	case 5:
		holds = n == o;
		break;
	case 6:
		holds = n == o && !z;
		break;
	default:
		return true;
	}
	return holds != ((cond & 1) != 0);
}

/* ITSTATE is in bits 15:10 and 26:25 of an AArch32 PSTATE (F1.2.2). */
static u64 it_advance(u64 pstate)
{
	u32 it = (u32)((pstate >> 25 & 3) | (pstate >> 10 & 0x3f) << 2);

	it = (it & 7) == 0 ? 0 : (it & 0xe0) | (it << 1 & 0x1f);
	pstate &= ~(SYSREG_VAL(3, 25) | SYSREG_VAL(0x3f, 10));
	return pstate | (u64)(it & 3) << 25 | (u64)(it >> 2) << 10;
}

void guest_skip(struct vcpu *v, u32 length)
{
	struct guest_regs *r = &v->arch.regs;

	r->pc += length;
	if ((r->pstate & PSR_MODE32) == 0) {
		/* The instruction is over: BTYPE and the step are, too. */
		r->pstate &= ~(PSR_SS | PSR_BTYPE_MASK);
		return;
	}
	/* AArch32 has DIT in the place of SS. */
	if ((r->pstate & PSR32_THUMB) != 0) {
		r->pstate = it_advance(r->pstate);
	}
}

static u32 instruction_length(u64 esr)
{
	return (esr & ESR_IL) != 0 ? 4 : 2;
}

static void trap_wfx(struct vcpu *v, u64 esr, struct vcpu_exit *e)
{
	guest_skip(v, instruction_length(esr));
	/* WFE is not trapped; WFIT is hidden, and may end at once anyway. */
	if ((esr & ISS_WFX_TI_MASK) == ISS_WFX_WFI) {
		e->kind = VCPU_EXIT_IDLE;
	}
}

/*
 * AArch32 at EL0 touched a coprocessor register that is not there.  The trap
 * may be taken although the condition fails; the instruction is a NOP then.
 */
static void trap_aarch32(struct vcpu *v, u64 esr)
{
	u64 pstate = v->arch.regs.pstate;

	if ((esr & ISS_CV) != 0 &&
	    !condition_holds(pstate, (u32)(esr >> ISS_COND_SHIFT) & 0xf)) {
		guest_skip(v, instruction_length(esr));
		return;
	}
	fault_undefined(v);
}

void trap_sync(struct vcpu *v, struct vcpu_exit *e)
{
	u64 esr = read_sysreg(esr_el2);
	u32 iss = (u32)esr & (ESR_ISS_MASK | ESR_IL);

	switch (esr >> ESR_EC_SHIFT & ESR_EC_MASK) {
	case ESR_EC_DABT_LOW:
		abort_data(v, iss, e);
		break;
	case ESR_EC_SYS64:
		sysreg_trap(v, iss);
		break;
	case ESR_EC_HVC64:
		zone_count(v->zone, exits[ZV_EXIT_HVC]);
		if ((esr & 0xffff) == 0) {
			smccc_call(v, true, e);
		} else {
			/* Only immediate 0 is allocated (DEN 0028, 2.9). */
			v->arch.regs.x[0] = UINT64_MAX;
		}
		break;
	case ESR_EC_SMC64:
		/* The PC is the SMC's own: HCR_EL2.TSC trapped it. */
		zone_count(v->zone, exits[ZV_EXIT_SMC]);
		guest_skip(v, 4);
		smccc_call(v, false, e);
		break;
	case ESR_EC_WFX:
		trap_wfx(v, esr, e);
		break;
	case ESR_EC_IABT_LOW:
		abort_fetch(v, iss);
		break;
	case ESR_EC_CP15_32:
	case ESR_EC_CP15_64:
	case ESR_EC_CP14_32:
	case ESR_EC_CP14_64:
	case ESR_EC_CP14_LS:
	case ESR_EC_VMRS:
		trap_aarch32(v, esr);
		break;
	case ESR_EC_UNKNOWN:
	case ESR_EC_FP:
	case ESR_EC_PAUTH:
	case ESR_EC_LS64:
	case ESR_EC_SVE:
	case ESR_EC_SME:
	case ESR_EC_MOPS:
		/* What the ID registers do not offer. */
		fault_undefined(v);
		break;
	default:
		log_ratelimited("zone %u vcpu %u: exception 0x%lx at 0x%lx",
				v->zone->id, v->index, esr, v->arch.regs.pc);
		zone_crash(v, ZV_REASON_BAD_TRAP, read_sysreg(far_el2), 0, esr);
		break;
	}
}

/*
 * A physical SError while the guest ran: it is told by a virtual one, which its
 * kernel takes as the end or not.  The bit goes when the guest takes it.
 */
void trap_serror(struct vcpu *v)
{
	log_ratelimited("zone %u vcpu %u: SError 0x%lx at 0x%lx", v->zone->id,
			v->index, read_sysreg(esr_el2), v->arch.regs.pc);
	zone_count(v->zone, exits[ZV_EXIT_FAULT]);
	write_sysreg(read_sysreg(hcr_el2) | HCR_VSE, hcr_el2);
}
