/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guests' generic timer (DDI 0487, D12).  The virtual timer is the
 * hardware's while its vCPU is loaded and a software timer otherwise; the
 * physical timer is emulated always.
 */
#ifndef ZV_AARCH64_VTIMER_H
#define ZV_AARCH64_VTIMER_H

#include <zv/types.h>

struct vcpu;

/* The virtual timer's PPI was acknowledged on this pCPU; it stays active. */
void vtimer_irq(void);

void vtimer_init(struct vcpu *v);
void vtimer_reset(struct vcpu *v);
void vtimer_fini(struct vcpu *v);
/* Before vgic_load(); after vgic_put(). */
void vtimer_load(struct vcpu *v);
void vtimer_put(struct vcpu *v);
/* Level of the loaded vCPU's virtual timer. */
bool vtimer_level(void);

/* Trapped CNTP_{TVAL,CTL,CVAL}_EL0: op2 of the register, 0..2. */
u64 ptimer_read(struct vcpu *v, u32 op2);
void ptimer_write(struct vcpu *v, u32 op2, u64 value);

#endif /* ZV_AARCH64_VTIMER_H */
