/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A machine of two pCPUs with a physical GIC, and a zone (or zone0) on it.  A
 * guest is played by the test: it takes interrupts from the list registers as
 * the virtual CPU interface would give them (IHI 0069, 4.8).
 */
#ifndef ZV_TESTS_A64_MACHINE_H
#define ZV_TESTS_A64_MACHINE_H

#include <zv/vcpu.h>
#include <zv/zone.h>

#define A64_PCPUS 2u
#define A64_LRS 4u
#define A64_TRACED_MAX 16u
#define A64_PHYS_INTIDS 96u
#define A64_RAM_BASE 0x40000000ull
#define A64_RAM_SIZE 0x10000ull
/* What VTTBR_EL2 holds: with the zone's tables, and with none. */
#define A64_VMID 5ull
#define A64_ROOT 0x48000000ull
#define A64_EMPTY_ROOT 0x49000000ull

struct a64_line {
	bool enabled;
	bool pending;
	bool active;
	bool edge;
	u32 route;
	u32 deactivations; /* by software */
};

struct a64_machine {
	u32 cpu; /* the pCPU that is played */
	struct a64_line spi[A64_PHYS_INTIDS];
	struct a64_line ppi[A64_PCPUS][32];
	u16 owner[A64_PHYS_INTIDS];
	u64 count; /* CNTPCT_EL0 */
	u32 crash_reason; /* of the last zone_crash() */
	u32 crashes;
	u32 offs, resets;
	u32 kicks[ZV_VCPUS_MAX];
	int power_on_result; /* what vcpu_power_on() answers */
	struct vcpu *powered_on;
	u64 power_on_entry, power_on_arg;
	u32 flushes; /* of a whole VMID */
	u64 tlbi_vttbr; /* VTTBR_EL2 at the last TLB operation */
	/* Stage 2: RAM at A64_RAM_BASE, and one page that comes and goes. */
	u64 extra_page;
	u8 ram[A64_RAM_SIZE];
	/* guest_enter(): fills in the exit's registers, returns its kind. */
	u64 (*guest)(struct guest_regs *regs);
	/* Result of the AT instructions; NULL: VA = IPA. */
	u64 (*at)(u64 va);
	/* What was traced, while trace_switch.classes says so. */
	struct zv_trace_record trace[A64_TRACED_MAX];
	u32 traced;
};
extern struct a64_machine a64;

/* Fresh machine and zone; id 0 makes it zone0, owner of physical SPIs. */
struct zone *a64_setup(u16 zone_id, u32 vcpus);
void a64_teardown(void);

/* Plays a pCPU. */
void a64_on(u32 cpu);
/* On v's pCPU: load, put, bring the LRs up to date as before an entry. */
void a64_load(struct vcpu *v);
void a64_put(struct vcpu *v);
void a64_enter(struct vcpu *v);

/* Register accesses of the guest on the loaded vCPU. */
u64 a64_mmio_read(struct vcpu *v, u64 gpa, u8 size);
void a64_mmio_write(struct vcpu *v, u64 gpa, u8 size, u64 value);

/* The virtual CPU interface of the pCPU played. */
#define A64_SPURIOUS 1023u
u32 a64_ack(void); /* ICC_IAR1_EL1 (and 0) */
void a64_eoi(u32 intid); /* ICC_EOIR1_EL1, EOImode 0 */
void a64_drop(u32 intid); /* ICC_EOIR1_EL1, EOImode 1 */
/* ICC_DIR_EL1, EOImode 1; traps to the hypervisor where that is armed. */
void a64_dir(struct vcpu *v, u32 intid);
/* ICH_MISR_EL2 != 0 and enabled. */
bool a64_maintenance(void);
u32 a64_lr_count_valid(void);

/* A line of the machine fires and EL2 takes it. False: masked or active. */
bool a64_fire_spi(u32 intid);
bool a64_fire_timer(void);

/* GIC addresses of the zone under test. */
extern u64 a64_gicd;
u64 a64_gicr(u32 vcpu); /* RD frame; the SGI frame is 0x10000 above */

#endif /* ZV_TESTS_A64_MACHINE_H */
