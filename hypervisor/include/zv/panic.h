/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A panic in steps, for callers that have something to print before its last
 * line (the fault handlers).  panic() of check.h does all three.
 */
#ifndef ZV_PANIC_H
#define ZV_PANIC_H

#include <zv/types.h>

/*
 * Makes this pCPU the one that reports: the log takes no lock any more and goes
 * to the UART, the other pCPUs are told to stop.  If another one reports
 * already, this one stops instead.
 */
void panic_begin(void);
/* One frame of a backtrace. */
void panic_frame(u64 pc, void *arg);
__attribute__((noreturn)) void panic_end(void);

/* log.c's part of panic_begin(). */
void log_panic_begin(void);

#endif /* ZV_PANIC_H */
