/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stage-2 faults (DDI 0487, D8.13 and the ISS encodings of ESR_EL2).
 *
 * What the fault gives: the syndrome names register and size for ordinary loads
 * and stores (ISV); HPFAR_EL2 gives the page, but not for a permission fault,
 * where the guest's own tables are asked once more.  Nothing the guest may have
 * changed meanwhile is trusted: where an answer is missing the guest simply
 * makes the access again.
 */
#include <zv/arch/mm.h>
#include <zv/arch/vcpu.h>
#include <zv/decode.h>
#include <zv/guest.h>
#include <zv/mmio.h>
#include <zv/sysreg.h>
#include <zv/zone.h>

#define SCTLR_EL1_E0E SYSREG_BIT(24)
#define PSR32_E SYSREG_BIT(9)
#define PAR_PA_MASK 0x000ffffffffff000ull

#define FSC_ADDRESS_SIZE 0x00
#define FSC_EXTERNAL_WALK 0x14
#define FSC_TLB_CONFLICT 0x30
#define FSC_UNSUPPORTED_EXCLUSIVE 0x35

/* Nothing mapped there, and the syndrome complete: emulated devices. */
#define FAST_MASK \
	(ESR_DABT_ISV | ESR_DABT_S1PTW | ESR_DABT_CM | ESR_FSC_TYPE_MASK)
#define FAST_VALUE (ESR_DABT_ISV | ESR_FSC_TRANSLATION)

static u64 fault_page(void)
{
	return (read_sysreg(hpfar_el2) & HPFAR_FIPA_MASK) << 8;
}

/* Stage 1 of the guest, as it stands now. */
static bool translate(u64 va, u64 (*at)(u64), u64 *ret_ipa)
{
	u64 saved = read_sysreg(par_el1);
	u64 par = at(va);

	write_sysreg(saved, par_el1);
	if ((par & PAR_F) != 0) {
		return false;
	}
	*ret_ipa = (par & PAR_PA_MASK) | (va & ~PAGE_MASK);
	return true;
}

static bool data_is_big_endian(const struct vcpu *v)
{
	u64 pstate = v->arch.regs.pstate;

	if ((pstate & PSR_MODE32) != 0) {
		return (pstate & PSR32_E) != 0;
	}
	return (read_sysreg(sctlr_el1) &
		(pstate_is_el0(pstate) ? SCTLR_EL1_E0E : SCTLR_EE)) != 0;
}

/* Faults that are not about what is mapped. */
static void other_fault(struct vcpu *v, u32 iss, u64 far, bool fetch)
{
	u32 fsc = iss & ESR_FSC_MASK;
	bool write = !fetch && (iss & ESR_DABT_WNR) != 0;
	u32 answer;

	switch (fsc) {
	case FSC_TLB_CONFLICT:
		arch_tlb_flush_vmid(v->zone->vmid);
		return;
	case FAULT_FSC_ALIGNMENT:
	case FSC_UNSUPPORTED_EXCLUSIVE:
		answer = fsc;
		break;
	case FSC_EXTERNAL_WALK ... FSC_EXTERNAL_WALK + 3:
		answer = FAULT_FSC_EXTERNAL_WALK;
		break;
	case FSC_ADDRESS_SIZE ... FSC_ADDRESS_SIZE + 3:
	case FAULT_FSC_EXTERNAL:
		answer = FAULT_FSC_EXTERNAL;
		break;
	default:
		zone_crash(v, ZV_REASON_BAD_TRAP, far, fault_page(),
			   read_sysreg(esr_el2));
		return;
	}
	if (fetch) {
		fault_fetch_abort(v, far, answer);
	} else {
		fault_data_abort(v, far, write, answer);
	}
}

static bool is_mapping_fault(u32 iss)
{
	u32 type = iss & ESR_FSC_TYPE_MASK;

	return type == ESR_FSC_TRANSLATION || type == ESR_FSC_PERMISSION ||
	       type == ESR_FSC_ACCESS;
}

static bool is_permission_fault(u32 iss)
{
	return (iss & ESR_FSC_TYPE_MASK) == ESR_FSC_PERMISSION;
}

/*
 * The guest's table walk hit something.  A table that is being moved at this
 * moment is walked again; tables outside RAM are an external abort.
 */
static bool walk_again(struct vcpu *v, u32 iss)
{
	return !is_permission_fault(iss) &&
	       zone_mem_allows(v->zone, fault_page(), MAP_R);
}

/* ------------------------------------------------------------ accesses */

void abort_access_exit(struct vcpu *v, struct vcpu_exit *e)
{
	const struct guest_access *a = &v->arch.access;
	u64 value = 0;

	if (a->write) {
		value = guest_reg(v, a->rt);
		if (a->swap) {
			value = __builtin_bswap64(value) >> (64 - 8 * a->size);
		} else if (a->size < 8) {
			value &= BIT(8 * a->size) - 1;
		}
	}
	e->kind = VCPU_EXIT_MMIO;
	e->mmio.gpa = a->gpa;
	e->mmio.value = value;
	e->mmio.size = a->size;
	e->mmio.write = a->write;
}

/* The syndrome says it all.  Field by field: this is the fast path. */
static void access_by_syndrome(struct vcpu *v, u32 iss, u64 far, u64 ipa,
			       struct vcpu_exit *e)
{
	struct guest_access *a = &v->arch.access;

	a->far = far;
	a->gpa = ipa;
	a->size = (u8)(1u << (iss >> ESR_DABT_SAS_SHIFT & 3));
	a->rt = (u8)(iss >> ESR_DABT_SRT_SHIFT & 31);
	a->length = (iss & ESR_IL) != 0 ? 4 : 2;
	a->write = (iss & ESR_DABT_WNR) != 0;
	a->sign_extend = (iss & ESR_DABT_SSE) != 0;
	a->wide = (iss & ESR_DABT_SF) != 0;
	a->swap = data_is_big_endian(v);
	a->pair = false;
	a->second = false;
	a->writeback = false;
	abort_access_exit(v, e);
}

static u64 base_register(const struct vcpu *v, u32 rn)
{
	if (rn != 31) {
		return v->arch.regs.x[rn];
	}
	return (v->arch.regs.pstate & PSR_MODE_MASK) == PSR_MODE_EL1H
		       ? read_sysreg(sp_el1)
		       : read_sysreg(sp_el0);
}

/* Addresses are compared without the byte that may be a tag. */
static bool same_address(u64 a, u64 b)
{
	return (a ^ b) << 8 == 0;
}

/* Ordinary loads and stores without a syndrome; anything else aborts. */
static void access_by_decoding(struct vcpu *v, u32 iss, u64 far, u64 ipa,
			       struct vcpu_exit *e)
{
	bool write = (iss & ESR_DABT_WNR) != 0;
	struct a64_ldst d;
	u64 pc_ipa;
	u64 base;
	u32 insn;

	if (zone_mem_allows(v->zone, ipa, write ? MAP_W : MAP_R)) {
		return;
	}
	if ((v->arch.regs.pstate & PSR_MODE32) != 0) {
		goto abort;
	}
	/* EL1 may read what EL0 may execute. */
	if (!translate(v->arch.regs.pc, guest_at_s1e1r, &pc_ipa)) {
		return;
	}
	if (copy_from_zone(v->zone, pc_ipa, &insn, sizeof(insn)) != 0 ||
	    !a64_decode_ldst(insn, &d) || d.load == write) {
		goto abort;
	}
	base = base_register(v, d.rn);
	/* The second half of a pair can be the one that faults: not ordinary. */
	if (!same_address(a64_ldst_address(&d, base), far) ||
	    (d.pair && (ipa & ~PAGE_MASK) + 2u * d.size > PAGE_SIZE)) {
		goto abort;
	}
	v->arch.access = (struct guest_access){
		.far = far,
		.gpa = ipa,
		.base = base + (u64)d.offset,
		.size = d.size,
		.rt = d.rt,
		.rt2 = d.rt2,
		.rn = d.rn,
		.length = 4,
		.write = write,
		.sign_extend = d.sign_extend,
		.wide = d.wide,
		.swap = data_is_big_endian(v),
		.pair = d.pair,
		.writeback = d.writeback,
	};
	abort_access_exit(v, e);
	return;
abort:
	fault_data_abort(v, far, write, FAULT_FSC_EXTERNAL);
}

/*
 * Cache maintenance by address.  There is nothing to maintain where no memory
 * is, but a page that is being replaced must see it.
 */
static void cache_maintenance(struct vcpu *v, u64 ipa)
{
	if (!zone_mem_allows(v->zone, ipa, MAP_R)) {
		guest_skip(v, 4);
	}
}

/* Apart from the fast path, which needs no stack frame without it. */
__attribute__((noinline)) static void data_fault(struct vcpu *v, u32 iss,
						 u64 far, struct vcpu_exit *e)
{
	bool write = (iss & ESR_DABT_WNR) != 0;
	bool el0 = pstate_is_el0(v->arch.regs.pstate);
	u64 ipa;

	if (!is_mapping_fault(iss)) {
		other_fault(v, iss, far, false);
		return;
	}
	if ((iss & ESR_DABT_S1PTW) != 0) {
		if (!walk_again(v, iss)) {
			fault_data_abort(v, far, write,
					 FAULT_FSC_EXTERNAL_WALK);
		}
		return;
	}
	if (!is_permission_fault(iss)) {
		ipa = fault_page() | (far & ~PAGE_MASK);
	} else if (!translate(far,
			      write ? (el0 ? guest_at_s1e0w : guest_at_s1e1w)
				    : (el0 ? guest_at_s1e0r : guest_at_s1e1r),
			      &ipa)) {
		return;
	}
	if ((iss & ESR_DABT_CM) != 0) {
		cache_maintenance(v, ipa);
	} else if ((iss & ESR_DABT_ISV) != 0) {
		access_by_syndrome(v, iss, far, ipa, e);
	} else {
		access_by_decoding(v, iss, far, ipa, e);
	}
}

void abort_data(struct vcpu *v, u32 iss, struct vcpu_exit *e)
{
	u64 far = read_sysreg(far_el2);

	if ((iss & FAST_MASK) == FAST_VALUE) {
		access_by_syndrome(v, iss, far,
				   fault_page() | (far & ~PAGE_MASK), e);
	} else {
		data_fault(v, iss, far, e);
	}
}

void abort_fetch(struct vcpu *v, u32 iss)
{
	u64 far = read_sysreg(far_el2);
	u64 ipa = 0;

	if (!is_mapping_fault(iss)) {
		other_fault(v, iss, far, true);
		return;
	}
	if ((iss & ESR_DABT_S1PTW) != 0) {
		if (!walk_again(v, iss)) {
			fault_fetch_abort(v, far, FAULT_FSC_EXTERNAL_WALK);
		}
		return;
	}
	if (!is_permission_fault(iss)) {
		ipa = fault_page();
	} else if (!translate(far, guest_at_s1e1r, &ipa)) {
		return;
	}
	if (!zone_mem_allows(v->zone, ipa, MAP_X)) {
		fault_fetch_abort(v, far, FAULT_FSC_EXTERNAL);
	}
}

/* ------------------------------------------------------------- answers */

static void set_result(struct vcpu *v, const struct guest_access *a, u64 value)
{
	u32 unused = 64 - 8u * a->size;

	value <<= unused;
	if (a->swap) {
		value = __builtin_bswap64(value) << unused;
	}
	value = a->sign_extend ? (u64)((s64)value >> unused) : value >> unused;
	guest_set_reg(v, a->rt, a->wide ? value : (u32)value);
}

void arch_vcpu_mmio_done(struct vcpu *v, const struct mmio_access *m)
{
	struct guest_access *a = &v->arch.access;

	if (!a->write) {
		set_result(v, a, m->value);
	}
	if (a->pair) {
		a->pair = false;
		a->second = true;
		a->rt = a->rt2;
		a->gpa += a->size;
		a->far += a->size;
		vcpu_work(v, VCPU_WORK_PAIR);
		return;
	}
	if (a->writeback) {
		if (a->rn != 31) {
			v->arch.regs.x[a->rn] = a->base;
		} else {
			vcpu_work(v, VCPU_WORK_BASE);
		}
	}
	guest_skip(v, a->length);
}

void arch_vcpu_mmio_abort(struct vcpu *v)
{
	vcpu_work(v, VCPU_WORK_ABORT);
}

void arch_vcpu_mmio_retry(struct vcpu *v)
{
	/* The first half of a pair has been done and is not done again. */
	if (v->arch.access.second) {
		vcpu_work(v, VCPU_WORK_PAIR);
	}
}
