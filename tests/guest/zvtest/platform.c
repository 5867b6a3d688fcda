/* SPDX-License-Identifier: BSD-2-Clause */
/* What a well-behaved guest relies on: interrupts, timers, vCPUs, FP state. */
#include "../lib/guest.h"

static volatile u32 seen[GUEST_CPUS_MAX];

static void count_it(u32 intid)
{
	(void)intid;
	seen[this_cpu()]++;
}

static void secondary_idle(u32 cpu)
{
	gic_init_cpu(cpu);
	gic_enable(0, 0x80);
	seen[cpu] = 0x10000; /* "up" */
	for (;;) {
		irqs_off();
		wfi();
		irqs_on();
		isb();
	}
}

static void start_all(void (*fn)(u32))
{
	for (u32 i = 1; i < cpu_count && i < GUEST_CPUS_MAX; i++) {
		report(cpu_start(i, fn) == 0, "vCPU %u starts", i);
		report(wait_for(&seen[i], 0x10000, 20000000), "vCPU %u is up",
		       i);
	}
}

static u8 order[64];
static volatile u32 order_count;

static void note_order(u32 intid)
{
	if (order_count < sizeof(order)) {
		order[order_count++] = (u8)intid;
	}
}

/* More pending at once than any GIC has list registers; by priority. */
static void many_pending(void)
{
	const u32 first = 64;
	const u32 n = 40;
	bool sorted = true;

	irqs_off();
	order_count = 0;
	irq_handler_set(note_order);
	for (u32 i = 0; i < n; i++) {
		gic_config_edge(first + i, true);
		gic_route(first + i, 0);
		/* Later ones are more urgent. */
		gic_enable(first + i, (u8)(0xe0 - (i / 4) * 8));
		gic_pend(first + i);
	}
	irqs_on();
	wait_for(&order_count, n, 20000000);
	irqs_off();
	report(order_count == n, "%u of %u pending interrupts arrive",
	       order_count, n);
	for (u32 i = 1; i < order_count; i++) {
		sorted &= (order[i] - first) / 4 <= (order[i - 1] - first) / 4;
	}
	report(sorted, "in the order of their priorities");
	for (u32 i = 0; i < n; i++) {
		gic_disable(first + i);
	}
	irq_handler_set(count_it);
	irqs_on();
}

static volatile u64 fired_at;

static void timer_fired(u32 intid)
{
	if (intid == ZV_A64_PPI_VTIMER) {
		write_sysreg(cntv_ctl_el0, 2);
	} else if (intid == ZV_A64_PPI_PTIMER) {
		write_sysreg(cntp_ctl_el0, 2);
	}
	fired_at = now();
	seen[this_cpu()]++;
}

static void timers(void)
{
	u64 at;
	u32 before;

	irq_handler_set(timer_fired);
	gic_enable(ZV_A64_PPI_VTIMER, 0x80);
	gic_enable(ZV_A64_PPI_PTIMER, 0x80);

	before = seen[0];
	at = now() + ticks_from_us(2000);
	write_sysreg(cntv_cval_el0, at);
	write_sysreg(cntv_ctl_el0, 1);
	isb();
	report(wait_for(&seen[0], before + 1, 20000000),
	       "the virtual timer fires");
	report(fired_at >= at, "not before its time");

	before = seen[0];
	write_sysreg(cntv_cval_el0, now() + ticks_from_us(2000));
	write_sysreg(cntv_ctl_el0, 1);
	irqs_off();
	while (seen[0] == before) {
		wfi();
		irqs_on();
		isb();
		irqs_off();
	}
	irqs_on();
	report(true, "and out of WFI");

	before = seen[0];
	at = read_sysreg(cntpct_el0) + ticks_from_us(2000);
	write_sysreg(cntp_cval_el0, at);
	write_sysreg(cntp_ctl_el0, 1);
	isb();
	report(wait_for(&seen[0], before + 1, 20000000),
	       "the physical timer fires");
	report(read_sysreg(cntpct_el0) >= at, "not before its time");
	irq_handler_set(count_it);
}

static void sgis(void)
{
	for (u32 i = 0; i < cpu_count && i < GUEST_CPUS_MAX; i++) {
		u32 before = seen[i];

		for (u32 k = 0; k < 20; k++) {
			gic_sgi(i, 0);
			if (!wait_for(&seen[i], before + k + 1, 20000000)) {
				break;
			}
		}
		report(seen[i] == before + 20, "20 SGIs reach vCPU %u", i);
	}
}

static void spis_to_each(void)
{
	for (u32 i = 0; i < cpu_count && i < GUEST_CPUS_MAX; i++) {
		u32 before = seen[i];

		gic_config_edge(40, true);
		gic_route(40, i);
		gic_enable(40, 0x80);
		gic_pend(40);
		report(wait_for(&seen[i], before + 1, 20000000),
		       "an SPI reaches vCPU %u", i);
		gic_disable(40);
	}
}

MODE(platform)
{
	gic_init_cpu(0);
	gic_enable(0, 0x80);
	irq_handler_set(count_it);
	irqs_on();
	start_all(secondary_idle);
	sgis();
	spis_to_each();
	many_pending();
	timers();
	report((read_sysreg(currentel) >> 2 & 3) == 1, "we run at EL1");
	report(hypercall(ZV_HC_VERSION, 0, 0, 0, 0) == 0,
	       "the hypervisor tells its version");
	report((u32)hvc(ZV_HC_UID_CALL, 0, 0, 0) == ZV_UID_0,
	       "and its SMCCC UID");
}

/*
 * FP registers keep their value while other vCPUs, of this zone and of others,
 * use them.  Run it with several vCPUs on one pCPU.
 */
static volatile u32 fp_bad;
static volatile u32 fp_rounds[GUEST_CPUS_MAX];

static void fp_loop(u32 cpu)
{
	u64 value = 0x1000ull * (cpu + 1);

	for (u32 i = 0; i < 2000; i++) {
		fp_fill(value);
		for (u32 k = 0; k < 2000; k++) {
			__asm__ volatile("" ::: "memory");
		}
		fp_bad += (u32)fp_check(value);
		fp_rounds[cpu] = i + 1;
	}
	if (cpu) {
		hvc(PSCI_CPU_OFF, 0, 0, 0);
	}
}

MODE(fp)
{
	for (u32 i = 1; i < cpu_count && i < GUEST_CPUS_MAX; i++) {
		report(cpu_start(i, fp_loop) == 0, "vCPU %u starts", i);
	}
	fp_loop(0);
	for (u32 i = 1; i < cpu_count && i < GUEST_CPUS_MAX; i++) {
		report(wait_for(&fp_rounds[i], 2000, 120000000),
		       "vCPU %u finishes", i);
	}
	report(fp_bad == 0, "FP registers are ours (%u differ)", fp_bad);
}

/* Echoes the UART, so that a test can type; "quit" ends it. */
MODE(echo)
{
	char line[80];
	u32 n = 0;

	gic_init_cpu(0);
	gic_enable(ZV_A64_INTID_UART, 0x80);
	mmio_write32(ZV_A64_UART_BASE + 0x30, 0x301); /* CR: on, TX, RX */
	mmio_write32(ZV_A64_UART_BASE + 0x38, 1u << 4 | 1u << 6); /* IMSC */
	print("ready\n");
	for (;;) {
		/* Masked: a pending interrupt ends the wait all the same. */
		while (mmio_read32(ZV_A64_UART_BASE + 0x18) & (1u << 4)) {
			wfi();
		}
		line[n] = (char)mmio_read32(ZV_A64_UART_BASE);
		if (line[n] == '\n' || line[n] == '\r' ||
		    n == sizeof(line) - 2) {
			line[n] = 0;
			print("echo: %s\n", line);
			if (str_equal(line, "quit")) {
				return;
			}
			n = 0;
		} else {
			n++;
		}
	}
}
