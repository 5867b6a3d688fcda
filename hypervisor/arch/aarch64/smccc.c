/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls by HVC and SMC (SMC Calling Convention, DEN 0028).  Nothing of a
 * guest's reaches the firmware: what is known is answered here, all else is
 * NOT_SUPPORTED.  PSCI and the architecture calls do not mind which instruction
 * was used; hypercalls are HVC only.
 */
#include <zv/arch/vcpu.h>
#include <zv/guest.h>
#include <zv/idreg.h>
#include <zv/psci.h>
#include <zv/zone.h>

#define HYPERCALL_NUMBER_MASK 0xffffu
#define ID_AA64PFR0_CSV2_SHIFT 56

/* Branch predictors that other contexts cannot train need no workaround. */
static s64 arch_features(u32 fn)
{
	switch (fn) {
	case SMCCC_VERSION:
	case SMCCC_ARCH_FEATURES:
		return SMCCC_SUCCESS;
	case SMCCC_ARCH_WORKAROUND_1:
		return (idreg_read(IDREG(4, 0)) >> ID_AA64PFR0_CSV2_SHIFT &
			0xf) != 0
			       ? SMCCC_WORKAROUND_UNAFFECTED
			       : SMCCC_NOT_SUPPORTED;
	default:
		return SMCCC_NOT_SUPPORTED;
	}
}

static void hypercall(struct vcpu *v, u32 fn, struct vcpu_exit *e)
{
	e->kind = VCPU_EXIT_HYPERCALL;
	e->hypercall.nr = fn & HYPERCALL_NUMBER_MASK;
	for (u32 i = 0; i < ARRAY_SIZE(e->hypercall.arg); i++) {
		e->hypercall.arg[i] = v->arch.regs.x[1 + i];
	}
}

static void vendor_identity(u64 *x, u32 fn)
{
	if (fn == ZV_HC_UID_CALL) {
		x[0] = ZV_UID_0;
		x[1] = ZV_UID_1;
		x[2] = ZV_UID_2;
		x[3] = ZV_UID_3;
	} else {
		x[0] = ZV_ABI_MAJOR;
		x[1] = ZV_ABI_MINOR;
	}
}

void smccc_call(struct vcpu *v, bool from_hvc, struct vcpu_exit *e)
{
	u64 *x = v->arch.regs.x;
	u32 fn = (u32)x[0];

	if (from_hvc && (fn & ~HYPERCALL_NUMBER_MASK) == ZV_HC_BASE) {
		hypercall(v, fn, e);
		return;
	}
	if (psci_call(v, fn, e)) {
		return;
	}
	switch (fn) {
	case SMCCC_VERSION:
		x[0] = SMCCC_VERSION_1_1;
		break;
	case SMCCC_ARCH_FEATURES:
		x[0] = (u64)arch_features((u32)x[1]);
		break;
	case ZV_HC_UID_CALL:
	case ZV_HC_REVISION_CALL:
		vendor_identity(x, fn);
		break;
	default:
		x[0] = (u64)SMCCC_NOT_SUPPORTED;
		break;
	}
}

void arch_vcpu_hypercall_done(struct vcpu *v, s64 ret, const u64 out[3])
{
	u64 *x = v->arch.regs.x;

	x[0] = (u64)ret;
	x[1] = out[0];
	x[2] = out[1];
	x[3] = out[2];
}
