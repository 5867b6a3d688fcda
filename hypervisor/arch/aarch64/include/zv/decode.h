/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Decodes the A64 loads and stores for which a stage-2 fault carries no
 * syndrome (ISV = 0) although they are ordinary: with base writeback, and of a
 * pair.  Pure.
 */
#ifndef ZV_AARCH64_DECODE_H
#define ZV_AARCH64_DECODE_H

#include <zv/types.h>

struct a64_ldst {
	u8 rt;
	u8 rt2; /* pair only */
	u8 rn; /* 31 is SP */
	u8 size; /* bytes of one register's access */
	bool load;
	bool pair;
	bool sign_extend;
	bool wide; /* 64-bit target */
	bool writeback;
	bool post; /* the address is the base before the offset is added */
	s64 offset;
};

/* False for anything else, and for what is CONSTRAINED UNPREDICTABLE. */
bool a64_decode_ldst(u32 insn, struct a64_ldst *ret);

/* Address of the first access. */
static inline u64 a64_ldst_address(const struct a64_ldst *d, u64 base)
{
	return d->post ? base : base + (u64)d->offset;
}

#endif /* ZV_AARCH64_DECODE_H */
