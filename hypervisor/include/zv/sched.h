/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The scheduler: per pCPU, fixed priority, then round robin with a time slice.
 * A vCPU that wakes goes to the head of its priority (boost) and pre-empts
 * an equal or lower one whose slice began at least a millisecond ago; a lower
 * priority at once.  Alone on its pCPU a vCPU has no slice and WFI is untrapped.
 * To keep a zone from starving zone0, a higher-priority vCPU that used its whole
 * slice while others wait drops behind them for one round.
 */
#ifndef ZV_SCHED_H
#define ZV_SCHED_H

#include <zv/percpu.h>
#include <zv/vcpu.h>

void sched_cpu_init(struct percpu *cpu);
/* The main loop of a pCPU. */
__attribute__((noreturn)) void sched_loop(void);
/* One turn of it, for the fake architecture; false when nothing ran. */
bool sched_step(void);

/* A powered-on vCPU joins or leaves its pCPU (drives `assigned`, trap_wfi). */
void sched_attach(struct vcpu *v);
void sched_detach(struct vcpu *v);
/* v becomes READY / the caller's own vCPU stops being RUNNING. */
void sched_wake(struct vcpu *v);
/* IDLE becomes READY; RUNNING elsewhere gets an IPI if `fresh`. */
void sched_kick(struct vcpu *v, bool fresh);
void sched_block_self(struct vcpu *v, enum vcpu_run why);
/* Zone no longer / again runnable. */
void sched_hold(struct vcpu *v);
void sched_release(struct vcpu *v);
/* How long v has had its pCPU and waited for it, up to now. */
void sched_times(const struct vcpu *v, struct zv_vcpu_times *ret);
/*
 * v goes to another pCPU: at once if it does not run, else as soon as it has left
 * its own.  Its own pCPU sees to that.
 */
void sched_move(struct vcpu *v, u32 pcpu);
/* The IPI handler's part. */
void sched_ipi(void);
/*
 * Kicks of other pCPUs are noted in percpu.ipi_due and sent here, before this
 * pCPU enters a guest or sleeps: never under a lock, and once for many.
 */
void sched_send_ipis(void);

#endif /* ZV_SCHED_H */
