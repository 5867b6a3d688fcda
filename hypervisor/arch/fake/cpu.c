// SPDX-License-Identifier: BSD-2-Clause
/* Fake pCPUs and time. */
#include <zv/arch/cpu.h>
#include <zv/arch/harness.h>
#include <zv/arch/time.h>
#include <zv/check.h>
#include <zv/percpu.h>
#include <zv/sched.h>

static u32 current_cpu;
static u64 time_ns;

struct percpu *arch_this_cpu(void)
{
	return percpu_get(current_cpu);
}

void fake_cpu_set(u32 cpu)
{
	CHECK(cpu < percpu_count);
	current_cpu = cpu;
}

void fake_time_set(u64 ns)
{
	time_ns = ns;
}

void fake_time_advance(u64 ns)
{
	time_ns += ns;
}

u64 arch_time_ns(void)
{
	return time_ns;
}

void arch_timer_set(u64 deadline_ns)
{
	this_cpu()->arch.timer_deadline = deadline_ns;
}

int arch_cpu_init(void)
{
	return 0;
}

u32 arch_cpu_id(void)
{
	return current_cpu;
}

int arch_cpu_start(u32 cpu, u64 hw_id)
{
	(void)hw_id;
	percpu_get(cpu)->online = true;
	return 0;
}

void arch_cpu_stop(void)
{
	panic("pCPU %u stopped", current_cpu);
}

void arch_cpu_idle(void)
{
	/* Whoever it woke must not wait for the end of its sleep. */
	CHECK(this_cpu()->ipi_due == 0);
	this_cpu()->arch.idle = true;
}

void (*fake_relax_hook)(void);

void arch_cpu_relax(void)
{
	if (fake_relax_hook != NULL) {
		fake_relax_hook();
	}
}

void arch_ipi_send(u32 cpu, enum arch_ipi kind)
{
	CHECK(cpu < percpu_count);
	fake_record.ipis[cpu]++;
	if (kind == ARCH_IPI_KICK) {
		percpu_get(cpu)->arch.kicks++;
	} else {
		percpu_get(cpu)->arch.stops++;
	}
}

void arch_backtrace(void (*fn)(u64 pc, void *arg), void *arg)
{
	(void)fn;
	(void)arg;
}

u32 fake_run_cpu(u32 cpu, u32 turns)
{
	u32 before = current_cpu;
	u32 done = 0;

	fake_cpu_set(cpu);
	while (done < turns && sched_step()) {
		done++;
	}
	fake_cpu_set(before);
	return done;
}

void fake_run_all(u32 turns)
{
	for (u32 round = 0; round < turns; round++) {
		u32 ran = 0;

		for (u32 cpu = 0; cpu < percpu_count; cpu++) {
			ran += fake_run_cpu(cpu, turns);
		}
		if (ran == 0) {
			return;
		}
	}
}
