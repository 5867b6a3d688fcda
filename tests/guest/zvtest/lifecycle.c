/* SPDX-License-Identifier: BSD-2-Clause */
/* Modes for life-cycle tests: how a zone ends, and what it leaves behind. */
#include "../lib/guest.h"

/* Sleeps until the power key, as a well-behaved guest does. */
MODE(hello)
{
	gic_init_cpu(0);
	gic_enable(ZV_A64_INTID_GPIO, 0x80);
	power_key_init();
	print("ready\n");
	/* Masked: a pending interrupt ends the wait all the same. */
	while (!power_key_pressed()) {
		wfi();
	}
	print("power key\n");
	guest_off();
}

MODE(off)
{
	print("ready\n");
	guest_off();
}

/* Resets itself `times=` times; the count lives in RAM nobody reloads. */
#define RESET_MAGIC 0x7a76726573657431ull
MODE(reset)
{
	volatile u64 *note = (volatile u64 *)(ZV_A64_RAM_BASE + 0x600000);
	u64 times = option_number("times", 1);

	if (note[0] != RESET_MAGIC) {
		note[0] = RESET_MAGIC;
		note[1] = 0;
	}
	print("boot %lu\n", note[1]);
	if (note[1]++ < times) {
		dsb();
		guest_reset();
	}
	report(now() < ticks_from_us(60000000), "the clock starts near 0");
}

/* All vCPUs offline: nobody is left to run. */
static void off_self(u32 cpu)
{
	(void)cpu;
	hvc(PSCI_CPU_OFF, 0, 0, 0);
	report(false, "CPU_OFF returned");
}

MODE(offline)
{
	for (u32 i = 1; i < cpu_count; i++) {
		report(cpu_start(i, off_self) == 0, "vCPU %u starts", i);
	}
	for (u32 i = 1; i < cpu_count; i++) {
		/* AFFINITY_INFO: 1 is OFF. */
		u64 end = now() + ticks_from_us(10000000);

		while (hvc(0xc4000004, cpu_mpidr(i), 0, 0) != 1 &&
		       now() < end) {}
		report(hvc(0xc4000004, cpu_mpidr(i), 0, 0) == 1,
		       "vCPU %u is off", i);
	}
	print("ready\n");
	off_self(0);
}

#define SECRET 0x5ec2e7c0ffee1234ull

/* Where our own image, stack and the device tree are not. */
static u64 scan_start(void)
{
	return ZV_A64_RAM_BASE + 0x600000;
}

MODE(plant)
{
	for (u64 a = scan_start(); a < ZV_A64_RAM_BASE + ram_size; a += 64) {
		*(volatile u64 *)a = SECRET ^ a;
		*(volatile u64 *)(a + 8) = SECRET;
	}
	dsb();
	print("planted\n");
}

MODE(look)
{
	u64 found = 0;
	u64 nonzero = 0;

	for (u64 a = scan_start(); a < ZV_A64_RAM_BASE + ram_size; a += 8) {
		u64 v = *(volatile u64 *)a;

		found += v == SECRET;
		nonzero += v != 0;
	}
	report(found == 0, "no word of the planted pattern (%lu found)", found);
	report(nonzero == 0, "fresh memory is zero (%lu words are not)",
	       nonzero);
}

/* Never ends by itself and never sleeps. */
static void spin(u32 cpu)
{
	(void)cpu;
	for (;;) {
		__asm__ volatile("" ::: "memory");
	}
}

MODE(spin)
{
	for (u32 i = 1; i < cpu_count; i++) {
		report(cpu_start(i, spin) == 0, "vCPU %u starts", i);
	}
	print("ready\n");
	spin(0);
}

/* Calls CPU_ON again and again until that is the answer. */
static bool answer_becomes(s64 wanted)
{
	u64 end = now() + ticks_from_us(60000000);

	while (now() < end) {
		if (cpu_start(1, off_self) == wanted) {
			return true;
		}
	}
	return false;
}

/* zone0 raises the limit when it is told to, then lowers it. */
MODE(limit)
{
	static const s64 denied = -3; /* PSCI */

	report(cpu_start(1, off_self) == denied, "vCPU 1 is refused");
	print("raise it\n");
	report(answer_becomes(0), "vCPU 1 starts");
	print("lower it\n");
	report(answer_becomes(denied), "vCPU 1 is refused again");
}

/* One line per tick of a tenth of a second: shows pause and resume. */
MODE(tick)
{
	u64 n = 0;

	gic_init_cpu(0);
	gic_enable(ZV_A64_PPI_VTIMER, 0x80);
	print("ready\n");
	for (;;) {
		write_sysreg(cntv_cval_el0, now() + ticks_from_us(100000));
		write_sysreg(cntv_ctl_el0, 1);
		irqs_off();
		wfi();
		write_sysreg(cntv_ctl_el0, 2);
		irqs_on();
		isb();
		print("tick %lu at %lu us\n", n++,
		      now() / (read_sysreg(cntfrq_el0) / 1000000));
	}
}

/*
 * Fills a page with what nobody else writes, and waits with a known register: to
 * be found in a core file.
 */
#define KNOWN_BASE (ZV_A64_RAM_BASE + 0x700000)
#define KNOWN_WORDS 512u
#define KNOWN_SEED 0x5a564f4e45ull
#define KNOWN_STEP 0x9e3779b97f4a7c15ull
MODE(known)
{
	volatile u64 *page = (volatile u64 *)KNOWN_BASE;

	for (u64 i = 0; i < KNOWN_WORDS; i++) {
		page[i] = KNOWN_SEED ^ (i + 1) * KNOWN_STEP;
	}
	dsb();
	print("known\n");
	__asm__ volatile("mov x20, %0\n"
			 "1: yield\n"
			 "   b 1b"
			 :
			 : "r"(KNOWN_SEED)
			 : "x20", "memory");
}
