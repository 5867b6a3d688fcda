/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Trapped MSR and MRS.  What a guest has no business with is UNDEFINED, as the
 * ID registers say; the debug registers, which the architecture does not let an
 * implementation leave out, read as zero and ignore writes.
 */
#include <zv/guest.h>
#include <zv/idreg.h>
#include <zv/sysreg.h>
#include <zv/vgic.h>
#include <zv/vtimer.h>
#include <zv/zone.h>

/* The ISS as it names a register: op0 21:20, op2 19:17, op1 16:14, … */
#define ISS_REG(op0, op1, crn, crm, op2)                          \
	((u32)(op0) << 20 | (u32)(op2) << 17 | (u32)(op1) << 14 | \
	 (u32)(crn) << 10 | (u32)(crm) << 1)
#define ISS_REG_MASK ISS_REG(3, 7, 15, 15, 7)
#define ISS_OP0(iss) ((iss) >> 20 & 3)
#define ISS_OP2(iss) ((iss) >> 17 & 7)
#define ISS_OP1(iss) ((iss) >> 14 & 7)
#define ISS_CRN(iss) ((iss) >> 10 & 15)
#define ISS_CRM(iss) ((iss) >> 1 & 15)
#define ISS_RT(iss) ((iss) >> 5 & 31)
#define ISS_READ BIT(0)

#define REG_ICC_PMR ISS_REG(3, 0, 4, 6, 0)
#define REG_ICC_DIR ISS_REG(3, 0, 12, 11, 1)
#define REG_ICC_RPR ISS_REG(3, 0, 12, 11, 3)
#define REG_ICC_SGI1R ISS_REG(3, 0, 12, 11, 5)
#define REG_ICC_ASGI1R ISS_REG(3, 0, 12, 11, 6)
#define REG_ICC_SGI0R ISS_REG(3, 0, 12, 11, 7)
#define REG_ICC_CTLR ISS_REG(3, 0, 12, 12, 4)
#define REG_ICC_SRE ISS_REG(3, 0, 12, 12, 5)
#define REG_ACTLR ISS_REG(3, 0, 1, 0, 1)
#define REG_PMUSERENR ISS_REG(3, 3, 9, 14, 0)
#define REG_CNTP_TVAL ISS_REG(3, 3, 14, 2, 0)
#define REG_CNTP_CTL ISS_REG(3, 3, 14, 2, 1)
#define REG_CNTP_CVAL ISS_REG(3, 3, 14, 2, 2)
#define REG_MDSCR ISS_REG(2, 0, 0, 2, 2)
#define REG_OSLSR ISS_REG(2, 0, 1, 1, 4)

#define OSLSR_OSLM_IMPLEMENTED BIT(3)
/* Of MDSCR_EL1: software step, and the trap of EL0's debug channel. */
#define MDSCR_SS BIT(0)
#define MDSCR_TDCC BIT(12)
#define MDSCR_KDE BIT(13)

/* Result of a handler: false makes the access UNDEFINED. */

static bool id_register(u32 iss, u64 *value)
{
	u32 crm = ISS_CRM(iss);

	if (crm < IDREG_CRM_FIRST || crm > 7 || ISS_OP1(iss) != 0) {
		return false;
	}
	*value = idreg_read(IDREG(crm, ISS_OP2(iss)));
	return true;
}

/*
 * Debug (op1 0, 3, 4) is RAZ/WI but for the lock status, which says "unlocked",
 * and MDSCR_EL1, whose software step needs nothing from EL2 and is the only
 * part that debuggers inside the guest cannot do without.  Trace (op1 1) is
 * not there.
 */
static bool debug_read(u32 reg, u64 *value)
{
	if (ISS_OP1(reg) == 1) {
		return false;
	}
	*value = 0;
	if (reg == REG_OSLSR) {
		*value = OSLSR_OSLM_IMPLEMENTED;
	} else if (reg == REG_MDSCR) {
		*value = read_sysreg(mdscr_el1);
	}
	return true;
}

static bool debug_write(u32 reg, u64 value)
{
	if (ISS_OP1(reg) == 1) {
		return false;
	}
	if (reg == REG_MDSCR) {
		write_sysreg(value & (MDSCR_SS | MDSCR_TDCC | MDSCR_KDE),
			     mdscr_el1);
	}
	return true;
}

static bool other_read(struct vcpu *v, u32 reg, u64 *value)
{
	switch (reg) {
	case REG_CNTP_TVAL:
	case REG_CNTP_CTL:
	case REG_CNTP_CVAL:
		zone_count(v->zone, exits[ZV_EXIT_TIMER]);
		*value = ptimer_read(v, ISS_OP2(reg));
		return true;
	case REG_ICC_SRE:
		/* System registers only; IRQ and FIQ bypass do not exist. */
		*value = ICC_SRE_SRE | ICC_SRE_DFB | ICC_SRE_DIB;
		return true;
	case REG_ICC_PMR:
		*value = vgic_read_pmr(v);
		return true;
	case REG_ICC_RPR:
		*value = vgic_read_rpr(v);
		return true;
	case REG_ICC_CTLR:
		*value = vgic_read_ctlr(v);
		return true;
	case REG_ACTLR:
	case REG_PMUSERENR:
		*value = 0;
		return true;
	default:
		return ISS_OP0(reg) == 2 && debug_read(reg, value);
	}
}

static bool sys_write(struct vcpu *v, u32 reg, u64 value)
{
	switch (reg) {
	case REG_ICC_SGI1R:
		vgic_sgi(v, value, true);
		return true;
	case REG_ICC_SGI0R:
	case REG_ICC_ASGI1R:
		vgic_sgi(v, value, false);
		return true;
	case REG_CNTP_TVAL:
	case REG_CNTP_CTL:
	case REG_CNTP_CVAL:
		zone_count(v->zone, exits[ZV_EXIT_TIMER]);
		ptimer_write(v, ISS_OP2(reg), value);
		return true;
	case REG_ICC_DIR:
		vgic_write_dir(v, value);
		return true;
	case REG_ICC_PMR:
		vgic_write_pmr(v, value);
		return true;
	case REG_ICC_CTLR:
		vgic_write_ctlr(v, value);
		return true;
	case REG_ICC_SRE:
	case REG_ACTLR:
	case REG_PMUSERENR:
		return true;
	default:
		return ISS_OP0(reg) == 2 && debug_write(reg, value);
	}
}

static bool sys_read(struct vcpu *v, u32 iss, u64 *value)
{
	if ((iss & ISS_REG(3, 7, 15, 8, 0)) == ISS_REG(3, 0, 0, 0, 0)) {
		return id_register(iss, value);
	}
	return other_read(v, iss & ISS_REG_MASK, value);
}

void sysreg_trap(struct vcpu *v, u32 iss)
{
	u32 rt = ISS_RT(iss);
	bool done;

	zone_count(v->zone, exits[ZV_EXIT_SYSREG]);
	if ((iss & ISS_READ) != 0) {
		u64 value = 0;

		done = sys_read(v, iss, &value);
		if (done) {
			guest_set_reg(v, rt, value);
		}
	} else {
		done = sys_write(v, iss & ISS_REG_MASK, guest_reg(v, rt));
	}
	if (done) {
		guest_skip(v, 4);
	} else {
		fault_undefined(v);
	}
}
