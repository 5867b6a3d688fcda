/* SPDX-License-Identifier: BSD-2-Clause */
/* Arch contract: physical and virtual interrupts. */
#ifndef ZV_ARCH_IRQ_H
#define ZV_ARCH_IRQ_H

#include <zv/types.h>

struct zone;
struct vcpu;

/* Per pCPU; the boot CPU's call finds the controller. */
int arch_irq_init(void);
/* How many INTIDs the controller has (boot CPU done). */
u32 arch_irq_count(void);
/*
 * Acknowledges and handles what is pending on this pCPU (bounded): IPIs,
 * the hypervisor's timer, lines owned by zones (made pending in them).
 */
void arch_irq_handle(void);

enum virq_op {
	VIRQ_PULSE,
	VIRQ_RAISE,
	VIRQ_LOWER
};
/*
 * Shared line (SPI) of a zone, any pCPU, any context at EL2. -EINVAL: no such.
 */
int arch_virq_inject(struct zone *z, u32 intid, enum virq_op op);

/* Virtual interrupt controller of a zone: registers its MMIO regions. */
int arch_vic_init(struct zone *z);
void arch_vic_fini(struct zone *z);

#endif /* ZV_ARCH_IRQ_H */
