/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Basic types.  Addresses of different spaces are different types, so that
 * mixing them does not compile.
 */
#ifndef ZV_TYPES_H
#define ZV_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t s32;
typedef int64_t s64;

/* Physical address of the machine. */
typedef struct {
	u64 v;
} paddr_t;

/* Intermediate (guest-)physical address. */
typedef struct {
	u64 v;
} ipa_t;

static inline paddr_t pa_make(u64 v)
{
	return (paddr_t){ v };
}

static inline ipa_t ipa_make(u64 v)
{
	return (ipa_t){ v };
}

static inline paddr_t pa_add(paddr_t a, u64 n)
{
	return pa_make(a.v + n);
}

static inline ipa_t ipa_add(ipa_t a, u64 n)
{
	return ipa_make(a.v + n);
}

#define PAGE_SHIFT 12
#define PAGE_SIZE (1ull << PAGE_SHIFT)
#define PAGE_MASK (~(PAGE_SIZE - 1))

#define KIB(n) ((u64)(n) << 10)
#define MIB(n) ((u64)(n) << 20)
#define GIB(n) ((u64)(n) << 30)

#define ALIGN_DOWN(x, a) ((x) & ~((a)-1))
#define ALIGN_UP(x, a) (((x) + (a)-1) & ~((a)-1))
#define IS_ALIGNED(x, a) (((x) & ((a)-1)) == 0)
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define BIT(n) (1ull << (n))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

#define container_of(p, type, member) \
	((type *)(void *)((u8 *)(p)-offsetof(type, member)))

#endif /* ZV_TYPES_H */
