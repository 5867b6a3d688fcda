/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Modes that misbehave.  Each must stay inside its zone: the hypervisor answers
 * as the architecture does, or the zone crashes with a reason.
 */
#include "../lib/guest.h"

static u64 seed;

/* xorshift64*: repeatable by `seed=`. */
static u64 random64(void)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return seed * 0x2545f4914f6cdd1dull;
}

static u64 random_argument(void)
{
	static const u64 edge[] = { 0, 1, 2, 7, 8, 255, 256, 4095, 4096 };
	u64 r = random64();

	switch (r % 6) {
	case 0:
		return edge[(r >> 8) % (sizeof(edge) / sizeof(edge[0]))];
	case 1:
		return ZV_A64_RAM_BASE + (r >> 8) % ram_size;
	case 2:
		return ZV_A64_RAM_BASE + ((r >> 8) % ram_size & ~0xfffull);
	case 3:
		return ~0ull - (r >> 60);
	case 4:
		return r >> (r % 64);
	default:
		return r;
	}
}

/* Every hypercall number with random arguments; only VERSION may succeed. */
MODE(hypercalls)
{
	u64 rounds = option_number("rounds", 200);
	u64 wrong = 0;

	seed = option_number("seed", 1) | 1;
	for (u64 i = 0; i < rounds; i++) {
		for (u32 nr = 0; nr < 0x100; nr++) {
			s64 r = hypercall(nr, random_argument(),
					  random_argument(), random_argument(),
					  random_argument());

			if (nr != ZV_HC_VERSION && r >= 0) {
				print("hypercall 0x%x returned %lu\n", nr,
				      (u64)r);
				wrong++;
			}
		}
	}
	report(wrong == 0, "%lu rounds of every hypercall are refused", rounds);
	report(hypercall(ZV_HC_VERSION, 0, 0, 0, 0) == 0,
	       "VERSION still works");
}

/* Unknown PSCI and SMC functions: NOT_SUPPORTED, and nothing else happens. */
MODE(smccc)
{
	u64 bad = 0;

	seed = option_number("seed", 1) | 1;
	for (u32 fn = 0x20; fn < 0x60; fn++) {
		bad += (u32)hvc(0x84000000u | fn, 1, 2, 3) != 0xffffffffu;
		bad += (u32)smc(0xc4000000u | fn, 1, 2, 3) != 0xffffffffu;
	}
	report(bad == 0, "unknown PSCI functions are NOT_SUPPORTED");
	bad = 0;
	for (u32 i = 0; i < 5000; i++) {
		/* Any owner but standard secure (PSCI) and ours. */
		u32 owner = (u32)(random64() % 64);
		u32 fn = 0x80000000u | (u32)random64() % 0x40000000u;

		fn = (fn & ~0x3f000000u) | owner << 24;
		if (owner == 4 || owner == 6 || owner == 0) {
			continue;
		}
		bad += (u32)smc(fn, random64(), random64(), random64()) !=
		       0xffffffffu;
	}
	report(bad == 0, "random SMCs are NOT_SUPPORTED (%lu were not)", bad);
	report((u32)hvc(0x84000000, 0, 0, 0) == 0x10001, "PSCI is 1.1");
	report((u32)smc(0x84000000, 0, 0, 0) == 0x10001, "over SMC as well");
	report((u32)hvc(PSCI_CPU_ON, 0x12345678, 0, 0) == 0xfffffffeu,
	       "CPU_ON of an unknown MPIDR is INVALID_PARAMETERS");
	report((s64)hvc(PSCI_CPU_ON, 0, ZV_A64_RAM_BASE, 0) == -4,
	       "CPU_ON of ourselves is ALREADY_ON");
	report((s64)hvc(0x84000005, 0, 0, 0) == -1, "MIGRATE is NOT_SUPPORTED");
}

static bool faults(u64 addr, bool write)
{
	u32 before = last_fault.count;

	expect_fault = true;
	if (write) {
		mmio_write32(addr, 0x5a5a5a5a);
	} else {
		(void)mmio_read32(addr);
	}
	expect_fault = false;
	return last_fault.count == before + 1 &&
	       FAULT_EC(last_fault.esr) == EC_DABT && last_fault.far == addr;
}

/* Nothing is there: external aborts at the right address, and life goes on. */
MODE(unmapped)
{
	static const u64 hole[] = {
		0x00001000,
		0x0b000000,
		0x10000000,
		0x3ffff000,
	};
	u32 before;
	void (*nowhere)(void) = (void (*)(void))0x20000000ull;

	for (u32 i = 0; i < sizeof(hole) / sizeof(hole[0]); i++) {
		report(faults(hole[i], false), "read of 0x%lx aborts", hole[i]);
		report(faults(hole[i], true), "write of 0x%lx aborts", hole[i]);
	}
	report(faults(ZV_A64_RAM_BASE + ram_size, false),
	       "read beyond our RAM aborts");
	report(faults(ZV_A64_RAM_BASE + ram_size + 0x40000000, true),
	       "write far beyond our RAM aborts");
	before = last_fault.count;
	expect_fault = true;
	nowhere();
	expect_fault = false;
	report(last_fault.count == before + 1 &&
		       FAULT_EC(last_fault.esr) == EC_IABT,
	       "a jump into nothing is an instruction abort");
}

/* Loads and stores without a syndrome, on a device page. */
MODE(exotic)
{
	u64 uart_id = ZV_A64_UART_BASE + 0xfe0;
	u64 a = uart_id;
	u64 b = 0;
	u64 c = 0;
	u32 before;

	__asm__ volatile("ldr %w0, [%1], #4" : "=r"(b), "+r"(a) : : "memory");
	report(b == 0x11 && a == uart_id + 4, "LDR post-index reads the UART");
	a = uart_id - 4;
	__asm__ volatile("ldr %w0, [%1, #4]!" : "=r"(b), "+r"(a) : : "memory");
	report(b == 0x11 && a == uart_id, "LDR pre-index writes back");
	__asm__ volatile("ldp %w0, %w1, [%2]"
			 : "=r"(b), "=r"(c)
			 : "r"(uart_id)
			 : "memory");
	report(b == 0x11 && c == 0x10, "LDP reads two registers");
	__asm__ volatile("ldrb %w0, [%1]" : "=r"(b) : "r"(uart_id) : "memory");
	report(b == 0x11, "LDRB reads a byte");
	__asm__ volatile("ldrsb %0, [%1]"
			 : "=r"(b)
			 : "r"(uart_id + 0x10)
			 : "memory");
	report(b == 0x0d, "LDRSB extends");

	before = last_fault.count;
	expect_fault = true;
	__asm__ volatile("ldr q0, [%0]" ::"r"(uart_id) : "memory");
	report(last_fault.count == before + 1,
	       "a SIMD load from a device aborts");
	before = last_fault.count;
	__asm__ volatile("ldxr %w0, [%1]" : "=r"(b) : "r"(uart_id) : "memory");
	report(last_fault.count == before + 1, "LDXR from a device aborts");
	before = last_fault.count;
	__asm__ volatile("ldr %w0, [%1]"
			 : "=r"(b)
			 : "r"(uart_id + 2)
			 : "memory");
	report(last_fault.count == before + 1, "a misaligned access aborts");
	expect_fault = false;
}

/* System registers a guest has no business with. */
#define UNDEFINED(text, insn)                                          \
	do {                                                           \
		u32 n_ = last_fault.count;                             \
		expect_fault = true;                                   \
		__asm__ volatile(insn ::: "x9", "memory");             \
		expect_fault = false;                                  \
		report(last_fault.count == n_ + 1 &&                   \
			       FAULT_EC(last_fault.esr) == EC_UNKNOWN, \
		       text " is UNDEFINED");                          \
	} while (0)

MODE(sysregs)
{
	UNDEFINED("an unallocated register", "mrs x9, s3_3_c15_c15_7");
	UNDEFINED("VTTBR_EL2", "mrs x9, s3_4_c2_c1_0");
	UNDEFINED("HCR_EL2 write", "msr s3_4_c1_c1_0, x9");
	UNDEFINED("ICH_LR0_EL2", "mrs x9, s3_4_c12_c12_0");
	UNDEFINED("PMCR_EL0", "mrs x9, s3_3_c9_c12_0");
	UNDEFINED("ZCR_EL1", "mrs x9, s3_0_c1_c2_0");
	report((read_sysreg(s3_0_c0_c5_0) & 0xf00) == 0,
	       "ID_AA64DFR0 hides the PMU");
	report((read_sysreg(s3_0_c0_c4_0) >> 32 & 0xf) == 0,
	       "ID_AA64PFR0 hides SVE");
}

/* Executes data; has no vectors: only a crash can end it. */
MODE(garbage)
{
	print("ready\n");
	write_sysreg(vbar_el1, 0x20000000);
	isb();
	__asm__ volatile(".inst 0x00000000");
}

/* Undefined instructions one after another, handled by ourselves. */
MODE(undefined)
{
	u64 n = option_number("count", 2000);
	u32 before = last_fault.count;

	expect_fault = true;
	for (u64 i = 0; i < n; i++) {
		__asm__ volatile(".inst 0x00000000");
	}
	expect_fault = false;
	report(last_fault.count == before + (u32)n,
	       "%lu undefined instructions come back to us", n);
}

/* Rings the first device's doorbell as fast as it can, for ever. */
MODE(flood)
{
	u64 notify = ZV_A64_VIRTIO_BASE + 0x50;

	print("ready\n");
	for (u64 i = 0;; i++) {
		mmio_write32(notify, (u32)(i & 1));
	}
}

/* Configuration writes, each of which wakes zone0, for ever. */
MODE(flood_config)
{
	print("ready\n");
	for (;;) {
		mmio_write32(ZV_A64_VIRTIO_BASE + 0x14, 0);
		mmio_write32(ZV_A64_VIRTIO_BASE + 0x70, 0);
	}
}
