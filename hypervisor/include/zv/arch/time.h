/* SPDX-License-Identifier: BSD-2-Clause */
/* Arch contract: time. */
#ifndef ZV_ARCH_TIME_H
#define ZV_ARCH_TIME_H

#include <zv/types.h>

/* Since the counter started; monotonic, the same on all pCPUs. */
u64 arch_time_ns(void);
/* One shot on this pCPU; UINT64_MAX stops it. */
void arch_timer_set(u64 deadline_ns);

#endif /* ZV_ARCH_TIME_H */
