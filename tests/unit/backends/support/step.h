/* SPDX-License-Identifier: BSD-2-Clause */
/* A piece of work done one machine instruction at a time. */
#ifndef ZV_TESTS_UNIT_BACKENDS_SUPPORT_STEP_H
#define ZV_TESTS_UNIT_BACKENDS_SUPPORT_STEP_H

#include <stdbool.h>

/*
 * A child calls work(ctx) under ptrace; we call look() before the first and
 * after each of its instructions.  What look() is to see must be memory that
 * the two share.  False if this machine does not allow it; anything that goes
 * wrong in the child aborts.
 */
bool step_through(void (*work)(void *ctx), void *ctx, void (*look)(void));

#endif /* ZV_TESTS_UNIT_BACKENDS_SUPPORT_STEP_H */
