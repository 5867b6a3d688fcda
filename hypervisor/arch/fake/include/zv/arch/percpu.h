/* SPDX-License-Identifier: BSD-2-Clause */
/* Fake architecture: which pCPU the program plays is a variable. */
#ifndef ZV_ARCH_PERCPU_H
#define ZV_ARCH_PERCPU_H

#include <zv/types.h>

struct percpu;

struct arch_percpu {
	u64 timer_deadline; /* arch_timer_set(); UINT64_MAX: stopped */
	u32 kicks; /* ARCH_IPI_KICK received, not handled yet */
	u32 stops;
	bool idle; /* arch_cpu_idle() was the last thing it did */
};

struct percpu *arch_this_cpu(void);

#endif /* ZV_ARCH_PERCPU_H */
