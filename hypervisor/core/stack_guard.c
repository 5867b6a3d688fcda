/* SPDX-License-Identifier: BSD-2-Clause */
/* The compiler's stack protector (-fstack-protector-strong). */
#include <zv/check.h>
#include <zv/stack_guard.h>
#include <zv/types.h>

extern u64 __stack_chk_guard;
__attribute__((noreturn)) void __stack_chk_fail(void);

u64 __stack_chk_guard = 0x1f8a5c3b9e27d600ull;

/* SplitMix64's finaliser: every bit of the seed reaches every bit. */
static u64 mix(u64 x)
{
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9ull;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

__attribute__((optimize("no-stack-protector"))) void
stack_guard_set(const u8 *seed, size_t size, u64 counter)
{
	u64 guard = mix(counter);

	for (size_t i = 0; i < size; i++) {
		guard = mix(guard ^ seed[i]);
	}
	/* A zero byte, in memory the first, ends a string that overruns. */
	__stack_chk_guard = guard & ~0xffull;
}

void __stack_chk_fail(void)
{
	panic("stack overrun");
}
