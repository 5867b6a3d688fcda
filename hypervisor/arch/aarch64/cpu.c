/* SPDX-License-Identifier: BSD-2-Clause */
#include <zv/arch/cpu.h>
#include <zv/arch/mm.h>
#include <zv/atomic.h>
#include <zv/boot.h>
#include <zv/el2.h>
#include <zv/errno.h>
#include <zv/guest.h>
#include <zv/log.h>
#include <zv/mm.h>
#include <zv/percpu.h>
#include <zv/psci_client.h>
#include <zv/sysreg.h>

extern char secondary_entry[], image_start[];

/* What head.S loads on a pCPU that starts; one starts at a time. */
struct secondary_boot {
	u64 root;
	u64 stack_top;
	struct percpu *percpu;
	u64 cpu;
} secondary_boot;

static u32 boot_pa_bits;

u32 arch_cpu_id(void)
{
	return this_cpu()->id;
}

void arch_cpu_idle(void)
{
	/* Completes what others may wait for before this CPU sleeps. */
	dsb(sy);
	__asm__ volatile("wfi" ::: "memory");
}

void arch_cpu_relax(void)
{
	__asm__ volatile("yield" ::: "memory");
}

void arch_cpu_stop(void)
{
	/* Nothing may be delivered that would end the wait at once. */
	if (this_cpu()->online) {
		this_cpu()->online = false;
		write_sysreg(0, ICC_IGRPEN1_EL1);
		isb();
	}
	for (;;) {
		arch_cpu_idle();
	}
}

static int check_features(void)
{
	u64 mmfr0 = read_sysreg(id_aa64mmfr0_el1);
	u64 pfr0 = read_sysreg(id_aa64pfr0_el1);

	if (sysreg_field(mmfr0, 28) == 0xf) {
		log_error("this CPU has no 4 KiB translation granule");
		return -ENOTSUP;
	}
	if (sysreg_field(pfr0, 4) == 0) {
		log_error("this CPU has no AArch64 at EL1");
		return -ENOTSUP;
	}
	if (sysreg_field(pfr0, 24) == 0) {
		log_error("this CPU has no GICv3 system registers");
		return -ENOTSUP;
	}
	if (boot_pa_bits == 0) {
		boot_pa_bits = el2_pa_bits();
	} else if (el2_pa_bits() < boot_pa_bits) {
		log_error("%u physical address bits, the boot CPU has %u",
			  el2_pa_bits(), boot_pa_bits);
		return -ENOTSUP;
	}
	return 0;
}

/* Debug, trace and performance registers are not given to guests. */
static u64 debug_traps(void)
{
	u64 counters = read_sysreg(pmcr_el0) >> 11 & MDCR_HPMN_MASK;

	if (sysreg_field(read_sysreg(id_aa64dfr0_el1), 8) == 0) {
		counters = 0;
	}
	return counters | MDCR_TPMCR | MDCR_TPM | MDCR_TDE | MDCR_TDA |
	       MDCR_TDOSA | MDCR_TDRA | MDCR_TPMS | MDCR_TTRF;
}

int arch_cpu_init(void)
{
	struct arch_percpu *a = &this_cpu()->arch;
	int err = check_features();

	if (err != 0) {
		return err;
	}
	a->mpidr = read_sysreg(mpidr_el1) & MPIDR_AFF_MASK;
	write_sysreg(el2_stage2_vtcr(), vtcr_el2);
	write_sysreg((u64)(uintptr_t)guest_vectors, vbar_el2);
	write_sysreg(debug_traps(), mdcr_el2);
	write_sysreg(0, hstr_el2);
	write_sysreg(CNT_CTL_IMASK, cnthp_ctl_el2);
	write_sysreg(CNT_CTL_IMASK, cntp_ctl_el0);
	write_sysreg(CNT_CTL_IMASK, cntv_ctl_el0);
	isb();
	guest_cpu_init();
	return 0;
}

static int map_stack(u32 cpu, u64 *ret_top)
{
	u64 top = EL2_STACK_VA + (u64)(cpu + 1) * EL2_STACK_STRIDE;
	paddr_t pa;
	int err;

	err = page_alloc(EL2_STACK_ORDER, FRAME_HV, 0, &pa);
	if (err != 0) {
		return err;
	}
	err = pgtable_map(el2_pgtable(), top - EL2_STACK_SIZE, pa,
			  EL2_STACK_SIZE, MAP_R | MAP_W);
	if (err != 0) {
		page_free(pa, EL2_STACK_ORDER);
		return err;
	}
	*ret_top = top;
	return 0;
}

int arch_cpu_start(u32 cpu, u64 hw_id)
{
	struct percpu *p = percpu_get(cpu);
	u64 entry = (u64)(secondary_entry - image_start);
	u64 top;
	int err;

	err = map_stack(cpu, &top);
	if (err != 0) {
		return err;
	}
	p->arch.stack_base = top - EL2_STACK_SIZE;
	p->arch.stack_top = top;
	secondary_boot = (struct secondary_boot){
		.root = el2_pgtable()->root.v,
		.stack_top = top,
		.percpu = p,
		.cpu = cpu,
	};
	/* Read with the MMU on, but by a CPU that nothing orders with us. */
	arch_dcache_clean(&secondary_boot, sizeof(secondary_boot));
	return psci_client_cpu_on(hw_id, pa_add(early_image_pa(), entry));
}
