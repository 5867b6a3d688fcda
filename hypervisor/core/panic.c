/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdarg.h>
#include <zv/arch/cpu.h>
#include <zv/atomic.h>
#include <zv/check.h>
#include <zv/log.h>
#include <zv/panic.h>
#include <zv/percpu.h>
#include <zv/string.h>

#define MESSAGE_MAX 192

/* Index + 1 of the pCPU that reports; 0 while all is well. */
static u32 reporter;

static void stop_others(u32 self)
{
	for (u32 cpu = 0; cpu < percpu_count; cpu++) {
		if (cpu != self && percpu_get(cpu)->online) {
			arch_ipi_send(cpu, ARCH_IPI_STOP);
		}
	}
}

void panic_begin(void)
{
	u32 self = arch_cpu_id();
	u32 none = 0;

	if (!__atomic_compare_exchange_n(&reporter, &none, self + 1, false,
					 __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
		if (none != self + 1) {
			arch_cpu_stop();
		}
		return;
	}
	log_panic_begin();
	console_enable(true);
	stop_others(self);
}

void panic_frame(u64 pc, void *arg)
{
	(void)arg;
	log_error("  from %lx", pc);
}

void panic_end(void)
{
	log_error("the hypervisor has stopped; this is a bug in it");
	arch_cpu_stop();
}

void panic(const char *fmt, ...)
{
	char message[MESSAGE_MAX];
	va_list ap;

	panic_begin();
	va_start(ap, fmt);
	zv_vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	log_error("panic: %s", message);
	arch_backtrace(panic_frame, NULL);
	panic_end();
}
