/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * aarch64 part of struct percpu.  TPIDR_EL2 points to the struct percpu of the
 * pCPU from head.S on.
 */
#ifndef ZV_AARCH64_PERCPU_H
#define ZV_AARCH64_PERCPU_H

#include <zv/sysreg.h>
#include <zv/types.h>

struct percpu;

struct arch_percpu {
	u64 mpidr; /* affinity fields of MPIDR_EL1 */
	u64 stack_base; /* EL2 stack, lowest byte and one past the highest */
	u64 stack_top;
	volatile u8 *gicr; /* RD_base of this pCPU's redistributor */
};

static inline struct percpu *arch_this_cpu(void)
{
	return (struct percpu *)read_sysreg(tpidr_el2);
}

#endif /* ZV_AARCH64_PERCPU_H */
