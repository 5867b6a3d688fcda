/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vCPUs and zones of aarch64: reset state, switching, the run loop.
 *
 * While a vCPU is loaded HCR_EL2 and VTTBR_EL2 are its own at EL2, too: they do
 * not concern EL2 (E2H and TGE are 0), and address translation for the guest
 * (AT S1E1*) then works at any time.
 */
#include <zv/arch/vcpu.h>

#include <zv/atomic.h>
#include <zv/el2.h>
#include <zv/guest.h>
#include <zv/idreg.h>
#include <zv/percpu.h>
#include <zv/platform_aarch64.h>
#include <zv/gicv3.h>
#include <zv/sched.h>
#include <zv/sysreg.h>
#include <zv/trace.h>
#include <zv/vtimer.h>

/*
 * Not trapped on purpose: WFE (bounded by the event stream and by our timer),
 * cache maintenance by set/way (with SWIO a clean and invalidate of what
 * belongs to this CPU, harmless to others), CTR/CCSIDR/CLIDR, translation
 * control.  API, APK, ATA, EnSCXT are 0: pointer authentication, MTE and
 * SCXTNUM are hidden.
 */
#define HCR_GUEST                                                          \
	(HCR_VM | HCR_SWIO | HCR_FMO | HCR_IMO | HCR_AMO | HCR_FB |        \
	 HCR_BSU_IS | HCR_TID3 | HCR_TSC | HCR_TIDCP | HCR_TACR | HCR_RW | \
	 HCR_TLOR)

#define PSTATE_RESET (PSR_MODE_EL1H | PSR_D | PSR_A | PSR_I | PSR_F)
#define MPIDR_RES1 BIT(31)
#define VMPIDR_AFF0_COUNT 16u

#define ID_AA64PFR0_RAS 28
#define ID_AA64PFR0_MPAM 40
#define ID_AA64PFR1_MTE 8
#define ID_AA64DFR0_PMU 8
#define ID_AA64MMFR0_FGT 56
#define ID_AA64MMFR1_HCX 40
#define HCR_TID5 SYSREG_BIT(58)
#define MPAM2_TRAP_EL1 (SYSREG_BIT(48) | SYSREG_BIT(49))

/* HCR_EL2 bits that this machine's features add. */
static u64 hcr_features;

/* --------------------------------------------------------------- traps */

static void debug_traps(u64 dfr0)
{
	u32 pmu = sysreg_field(dfr0, ID_AA64DFR0_PMU);
	u64 mdcr = MDCR_TPMCR | MDCR_TPM | MDCR_TDA | MDCR_TDOSA | MDCR_TDRA |
		   MDCR_TPMS | MDCR_TTRF;

	/* All counters stay the guests', as after reset; access traps. */
	if (pmu != 0 && pmu != 0xf) {
		mdcr |= read_sysreg(pmcr_el0) >> 11 & MDCR_HPMN_MASK;
	}
	/* Not TDE: breakpoint instructions and steps are the guest's own. */
	write_sysreg(mdcr, mdcr_el2);
}

/* Extensions whose traps are armed by zeros, or by a register of their own. */
static void extension_traps(u64 pfr0)
{
	if (sysreg_field(read_sysreg(id_aa64mmfr1_el1), ID_AA64MMFR1_HCX) !=
	    0) {
		write_sysreg(0, S3_4_C1_C2_2); /* HCRX_EL2 */
	}
	if (sysreg_field(read_sysreg(id_aa64mmfr0_el1), ID_AA64MMFR0_FGT) !=
	    0) {
		write_sysreg(0, S3_4_C1_C1_4); /* HFGRTR_EL2 */
		write_sysreg(0, S3_4_C1_C1_5); /* HFGWTR_EL2 */
		write_sysreg(0, S3_4_C1_C1_6); /* HFGITR_EL2 */
		write_sysreg(0, S3_4_C3_C1_4); /* HDFGRTR_EL2 */
		write_sysreg(0, S3_4_C3_C1_5); /* HDFGWTR_EL2 */
	}
	if (sysreg_field(pfr0, ID_AA64PFR0_MPAM) != 0) {
		write_sysreg(MPAM2_TRAP_EL1, S3_4_C10_C5_0); /* MPAM2_EL2 */
	}
}

void guest_cpu_init(void)
{
	u64 pfr0 = read_sysreg(id_aa64pfr0_el1);

	hcr_features = 0;
	if (sysreg_field(pfr0, ID_AA64PFR0_RAS) != 0) {
		hcr_features |= HCR_TERR;
	}
	if (sysreg_field(read_sysreg(id_aa64pfr1_el1), ID_AA64PFR1_MTE) > 1) {
		hcr_features |= HCR_TID5;
	}
	debug_traps(read_sysreg(id_aa64dfr0_el1));
	extension_traps(pfr0);
	/* FP is the guest's; SVE, SME, trace and AMU trap. */
	write_sysreg(CPTR_RES1 | CPTR_TZ | CPTR_TSM | CPTR_TTA | CPTR_TAM,
		     cptr_el2);
	write_sysreg(0, hstr_el2);
	/* The counter may be read, the physical timer is emulated. */
	write_sysreg(CNTHCTL_EL1PCTEN, cnthctl_el2);
	write_sysreg(read_sysreg(midr_el1), vpidr_el2);
	write_sysreg(el2_stage2_vtcr(), vtcr_el2);
	/* No guest yet: interrupts come to EL2 all the same. */
	write_sysreg(HCR_RW | HCR_FMO | HCR_IMO | HCR_AMO, hcr_el2);
	isb();
	idreg_init();
}

/* --------------------------------------------------------------- zones */

int arch_zone_init(struct zone *z)
{
	struct arch_zone *a = &z->arch;

	a->vttbr = z->s2.root.v | (u64)z->vmid << VTTBR_VMID_SHIFT;
	a->cntvoff = 0;
	a->vtimer_intid = ZV_A64_PPI_VTIMER;
	a->ptimer_intid = ZV_A64_PPI_PTIMER;
	if (z->id == ZV_ZONE0) {
		a->vtimer_intid = gicv3_ppi.virt_timer;
		a->ptimer_intid = gicv3_ppi.phys_timer;
	}
	return 0;
}

void arch_zone_fini(struct zone *z)
{
	z->arch.vttbr = 0;
}

void arch_zone_reset(struct zone *z)
{
	/* zone0's clock is the machine's. */
	z->arch.cntvoff = z->id == ZV_ZONE0 ? 0 : read_sysreg(cntpct_el0);
	vgic_reset(z);
}

void arch_zone_skip_time(struct zone *z, u64 ns)
{
	u64 freq = read_sysreg(cntfrq_el0) & UINT32_MAX;

	z->arch.cntvoff +=
		ns / 1000000000 * freq + ns % 1000000000 * freq / 1000000000;
}

/* --------------------------------------------------------------- vCPUs */

static u64 virtual_mpidr(const struct vcpu *v)
{
	/* zone0's vCPU i is on pCPU i, and called what the host tree says. */
	if (v->zone->id == ZV_ZONE0) {
		return MPIDR_RES1 | percpu_get(v->index)->arch.mpidr;
	}
	return MPIDR_RES1 | v->index % VMPIDR_AFF0_COUNT |
	       (v->index / VMPIDR_AFF0_COUNT) << 8;
}

struct vcpu *vcpu_by_affinity(struct zone *z, u64 affinity)
{
	for (u32 i = 0; i < z->vcpu_count; i++) {
		if ((z->vcpus[i]->arch.vmpidr & MPIDR_AFF_MASK) == affinity) {
			return z->vcpus[i];
		}
	}
	return NULL;
}

int arch_vcpu_init(struct vcpu *v)
{
	v->arch.vmpidr = virtual_mpidr(v);
	v->arch.work = 0;
	vtimer_init(v);
	vgic_vcpu_init(v);
	return 0;
}

void arch_vcpu_fini(struct vcpu *v)
{
	vtimer_fini(v);
}

void arch_vcpu_reset(struct vcpu *v, u64 entry, u64 arg)
{
	struct arch_vcpu *a = &v->arch;

	vtimer_reset(v);
	vgic_vcpu_reset(v);
	a->regs = (struct guest_regs){
		.x = { arg },
		.pc = entry,
		.pstate = PSTATE_RESET,
	};
	a->el1 = (struct guest_el1){ .sctlr = SCTLR_EL1_RES1 };
	a->fp = (struct guest_fp){ 0 };
	a->access = (struct guest_access){ 0 };
	atomic_store_relaxed(&a->work, 0);
	a->hcr = HCR_GUEST;
	a->wfi_trapped = false;
	a->boot_pc = entry;
	a->abort_pc = 0;
	a->abort_count = 0;
}

#define EL1_LOAD(field, name) write_sysreg(e->field, name);
#define EL1_SAVE(field, name) e->field = read_sysreg(name);

void arch_vcpu_load(struct vcpu *v)
{
	struct arch_vcpu *a = &v->arch;
	const struct guest_el1 *e = &a->el1;

	write_sysreg(v->zone->arch.vttbr, vttbr_el2);
	write_sysreg(a->hcr | hcr_features, hcr_el2);
	write_sysreg(a->vmpidr, vmpidr_el2);
	EL1_REGISTERS(EL1_LOAD)
	guest_fp_load(&a->fp);
	vtimer_load(v);
	vgic_load(v);
}

void arch_vcpu_put(struct vcpu *v)
{
	struct arch_vcpu *a = &v->arch;
	struct guest_el1 *e = &a->el1;

	vgic_put(v);
	vtimer_put(v);
	guest_fp_save(&a->fp);
	EL1_REGISTERS(EL1_SAVE)
	/* An SError that the guest has not taken yet is in the hardware's. */
	a->hcr = read_sysreg(hcr_el2) & ~hcr_features;
	stage2_leave();
}

/* ----------------------------------------------------------------- run */

/* WFI is trapped only while others want the pCPU. */
static void follow_trap_wfi(struct vcpu *v, bool trap)
{
	u64 hcr = read_sysreg(hcr_el2);

	v->arch.wfi_trapped = trap;
	write_sysreg(trap ? hcr | HCR_TWI : hcr & ~HCR_TWI, hcr_el2);
}

static void write_base(struct vcpu *v)
{
	if ((v->arch.regs.pstate & PSR_MODE_MASK) == PSR_MODE_EL1H) {
		write_sysreg(v->arch.access.base, sp_el1);
	} else {
		write_sysreg(v->arch.access.base, sp_el0);
	}
}

/* True if the guest is not to be entered: e says why. */
static bool do_work(struct vcpu *v, struct vcpu_exit *e)
{
	u32 work = __atomic_fetch_and(&v->arch.work, VCPU_WORK_VGIC,
				      __ATOMIC_ACQUIRE);

	if ((work & VCPU_WORK_BASE) != 0) {
		write_base(v);
	}
	if ((work & VCPU_WORK_ABORT) != 0) {
		fault_data_abort(v, v->arch.access.far, v->arch.access.write,
				 FAULT_FSC_EXTERNAL);
	}
	if ((work & VCPU_WORK_PAIR) != 0) {
		abort_access_exit(v, e);
		return true;
	}
	if ((work & VCPU_WORK_VGIC) != 0) {
		vgic_flush(v);
	}
	return false;
}

static bool core_wants(const struct vcpu *v)
{
	return atomic_load_relaxed(&this_cpu()->rq.resched) ||
	       atomic_load_relaxed(&v->kicked);
}

static u32 leave_reason(u64 kind, u64 esr)
{
	static const u8 by_class[ESR_EC_MASK + 1] = {
		[ESR_EC_WFX] = ZV_LEAVE_WFX,
		[ESR_EC_HVC64] = ZV_LEAVE_HVC,
		[ESR_EC_SMC64] = ZV_LEAVE_SMC,
		[ESR_EC_SYS64] = ZV_LEAVE_SYSREG,
		[ESR_EC_DABT_LOW] = ZV_LEAVE_ACCESS,
		[ESR_EC_IABT_LOW] = ZV_LEAVE_FETCH,
	};
	u32 why = by_class[esr >> ESR_EC_SHIFT & ESR_EC_MASK];

	if (kind == GUEST_EXIT_SERROR) {
		return ZV_LEAVE_SERROR;
	}
	return why != 0 ? why : ZV_LEAVE_OTHER;
}

static void trace_leave(const struct vcpu *v, u64 kind)
{
	u64 esr;

	if (kind != GUEST_EXIT_SYNC && kind != GUEST_EXIT_SERROR) {
		trace_vcpu(ZV_TRACE_LEAVE, v, ZV_LEAVE_IRQ, 0, 0);
		return;
	}
	esr = read_sysreg(esr_el2);
	trace_vcpu(ZV_TRACE_LEAVE, v, leave_reason(kind, esr), esr, 0);
}

/* Apart, so that the trace costs a branch at each entry while it is off. */
__attribute__((cold, noinline)) static u64 enter_traced(struct vcpu *v)
{
	u64 kind;

	trace_put_vcpu(ZV_TRACE_ENTER, v, 0, 0, 0);
	kind = guest_enter(&v->arch.regs);
	trace_leave(v, kind);
	return kind;
}

void arch_vcpu_run(struct vcpu *v, struct vcpu_exit *e)
{
	bool trap = atomic_load_relaxed(&v->trap_wfi);

	if (__builtin_expect(trap != v->arch.wfi_trapped, 0)) {
		follow_trap_wfi(v, trap);
	}
	do {
		e->kind = VCPU_EXIT_NONE;
		if (atomic_load_acquire(&v->arch.work) != 0) {
			if (do_work(v, e)) {
				return;
			}
			/* It may have woken another of this pCPU, or ended v. */
			if (atomic_load_relaxed(&this_cpu()->rq.resched)) {
				return;
			}
		}
		if (this_cpu()->ipi_due != 0) {
			sched_send_ipis();
		}
		switch (trace_on(ZV_TRACE_ENTER) ? enter_traced(v)
						 : guest_enter(&v->arch.regs)) {
		case GUEST_EXIT_SYNC:
			trap_sync(v, e);
			if (e->kind == VCPU_EXIT_MMIO &&
			    vgic_mmio(v, &e->mmio)) {
				arch_vcpu_mmio_done(v, &e->mmio);
				e->kind = VCPU_EXIT_NONE;
			}
			break;
		case GUEST_EXIT_SERROR:
			trap_serror(v);
			break;
		default:
			e->kind = VCPU_EXIT_IRQ;
			break;
		}
	} while (e->kind == VCPU_EXIT_NONE && !core_wants(v));
}

bool arch_vcpu_irq_pending(struct vcpu *v)
{
	return vgic_pending(v);
}

/* --------------------------------------------------------------- state */

void arch_vcpu_set_state(struct vcpu *v, const struct zv_vcpu_state *s)
{
	v->arch.regs.pc = s->pc;
	v->arch.boot_pc = s->pc;
	for (u32 i = 0; i < 4; i++) {
		v->arch.regs.x[i] = s->x[i];
	}
}

void arch_vcpu_get_state(const struct vcpu *v, struct zv_vcpu_state *ret)
{
	const struct arch_vcpu *a = &v->arch;

	*ret = (struct zv_vcpu_state){
		.pc = a->regs.pc,
		.pstate = a->regs.pstate,
		.sp_el0 = a->el1.sp_el0,
		.sp_el1 = a->el1.sp_el1,
		.elr_el1 = a->el1.elr,
		.esr_el1 = a->el1.esr,
		.far_el1 = a->el1.far,
		.vbar_el1 = a->el1.vbar,
		.sctlr_el1 = a->el1.sctlr,
		.ttbr0_el1 = a->el1.ttbr0,
		.ttbr1_el1 = a->el1.ttbr1,
		.tcr_el1 = a->el1.tcr,
		.flags = vcpu_is_on(v) ? ZV_VCPU_ON : 0,
	};
	for (u32 i = 0; i < 31; i++) {
		ret->x[i] = a->regs.x[i];
	}
}
