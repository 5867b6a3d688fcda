/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef ZV_STACK_GUARD_H
#define ZV_STACK_GUARD_H

#include <zv/types.h>

/* Once, from a function that never returns. */
void stack_guard_set(const u8 *seed, size_t size, u64 counter);

#endif /* ZV_STACK_GUARD_H */
