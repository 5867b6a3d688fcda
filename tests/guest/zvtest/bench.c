/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What exits cost.  With QEMU's `-icount shift=0` and a counter of 1 GHz one
 * tick is one executed instruction, of all levels and processors together.
 * Prints "BENCH name iterations ticks".
 */
#include "../lib/guest.h"

static volatile u32 fired[GUEST_CPUS_MAX];
static volatile u64 fired_at;

static void on_irq(u32 intid)
{
	if (intid == ZV_A64_PPI_VTIMER) {
		write_sysreg(cntv_ctl_el0, 2);
		isb();
	}
	fired_at = now();
	fired[this_cpu()]++;
}

static void result(const char *name, u64 n, u64 ticks)
{
	print("BENCH %s %lu %lu\n", name, n, ticks);
}

#define MEASURE(name, n, stmt)                     \
	do {                                       \
		u64 t0_ = now();                   \
		for (u64 i_ = 0; i_ < (n); i_++) { \
			stmt;                      \
		}                                  \
		result(name, n, now() - t0_);      \
	} while (0)

static void responder(u32 cpu)
{
	gic_init_cpu(cpu);
	gic_enable(0, 0x80);
	irqs_on();
	fired[cpu] = 1;
	for (;;) {
		wfi();
	}
}

static void wait_past(u32 cpu, u32 before)
{
	while (fired[cpu] == before) {
		__asm__ volatile("yield" ::: "memory");
	}
}

static void timer_after_100us(void)
{
	write_sysreg(cntv_cval_el0, now() + ticks_from_us(100));
	write_sysreg(cntv_ctl_el0, 1);
	isb();
}

static void timer(const char *name, bool asleep)
{
	u64 sum = 0;

	for (u32 i = 0; i < 64; i++) {
		u32 before = fired[0];

		timer_after_100us();
		while (fired[0] == before) {
			if (asleep) {
				__asm__ volatile("wfi" ::: "memory");
			} else {
				__asm__ volatile("yield" ::: "memory");
			}
		}
		sum += fired_at - read_sysreg(cntv_cval_el0);
	}
	result(name, 64, sum);
}

static void pass(void)
{
	u32 before;

	MEASURE("empty", 4096, __asm__ volatile("" ::: "memory"));
	MEASURE("hvc_psci_version", 4096, hvc(0x84000000, 0, 0, 0));
	MEASURE("hvc_unknown", 4096, hvc(0x84000050, 0, 0, 0));
	MEASURE("hypercall_version", 4096,
		hypercall(ZV_HC_VERSION, 0, 0, 0, 0));
	MEASURE("sysreg_id", 4096, (void)read_sysreg(id_aa64pfr0_el1));
	MEASURE("gicd_read", 4096, (void)mmio_read32(ZV_A64_GICD_BASE + 8));
	MEASURE("virtio_register_read", 4096,
		(void)mmio_read32(ZV_A64_VIRTIO_BASE + 8));
	MEASURE("doorbell", 4096, mmio_write32(ZV_A64_VIRTIO_BASE + 0x50, 0));
	MEASURE("uart_status_read", 4096,
		(void)mmio_read32(ZV_A64_UART_BASE + 0x18));
	MEASURE("forwarded_write", 128,
		mmio_write32(ZV_A64_VIRTIO_BASE + 0x14, 0));
	MEASURE("self_sgi", 1024, before = fired[0]; gic_sgi(0, 0);
		wait_past(0, before));
	timer("vtimer_busy", false);
	timer("vtimer_wfi", true);
	if (cpu_count > 1) {
		MEASURE("ipi", 1024, before = fired[1]; gic_sgi(1, 0);
			wait_past(1, before));
	}
}

MODE(bench)
{
	gic_init_cpu(0);
	gic_enable(0, 0x80);
	gic_enable(ZV_A64_PPI_VTIMER, 0x80);
	irq_handler_set(on_irq);
	irqs_on();
	if (cpu_count > 1) {
		report(cpu_start(1, responder) == 0, "vCPU 1 starts");
		report(wait_for(&fired[1], 1, 20000000), "vCPU 1 is up");
	}
	for (u64 i = option_number("passes", 3); i; i--) {
		print("BENCH-PASS %lu, %lu ticks per second\n", i,
		      read_sysreg(cntfrq_el0));
		pass();
	}
	report(true, "measured");
}
