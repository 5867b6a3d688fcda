/* SPDX-License-Identifier: BSD-2-Clause */
/* Arch contract: processors. */
#ifndef ZV_ARCH_CPU_H
#define ZV_ARCH_CPU_H

#include <zv/types.h>

/* Per pCPU: traps, vectors, feature check, physical timer off. 0 or -errno. */
int arch_cpu_init(void);
/* Dense index; any context. */
u32 arch_cpu_id(void);
/* Starts pCPU `cpu` in boot_secondary(). hw_id: firmware's name for it. */
int arch_cpu_start(u32 cpu, u64 hw_id);
/* This pCPU stops for good. */
__attribute__((noreturn)) void arch_cpu_stop(void);
/* Waits for an interrupt; may return early; the interrupt stays pending. */
void arch_cpu_idle(void);
/* Hint inside a short wait for another pCPU's lock. */
void arch_cpu_relax(void);

enum arch_ipi {
	ARCH_IPI_KICK,
	ARCH_IPI_STOP
};
/* Ordered after the caller's earlier stores. */
void arch_ipi_send(u32 cpu, enum arch_ipi kind);

enum arch_reset {
	ARCH_RESET_OFF,
	ARCH_RESET_REBOOT
};
__attribute__((noreturn)) void arch_reset(enum arch_reset kind);
/* For panic only. */
void arch_backtrace(void (*fn)(u64 pc, void *arg), void *arg);

#endif /* ZV_ARCH_CPU_H */
