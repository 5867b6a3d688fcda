/* SPDX-License-Identifier: BSD-2-Clause */
/* Encodings: DDI 0487, C4.1.94 "Loads and Stores". */
#include <zv/decode.h>

static u32 bits(u32 insn, u32 high, u32 low)
{
	return insn >> low & ((1u << (high - low + 1)) - 1);
}

static s64 sign_extend(u32 value, u32 width)
{
	u64 sign = BIT(width - 1);

	return (s64)(((u64)value ^ sign) - sign);
}

/* Load/store register, immediate post-indexed (01) or pre-indexed (11). */
static bool decode_single(u32 insn, struct a64_ldst *d)
{
	u32 scale = bits(insn, 31, 30);
	u32 opc = bits(insn, 23, 22);

	d->rt = (u8)bits(insn, 4, 0);
	d->rn = (u8)bits(insn, 9, 5);
	d->size = (u8)(1u << scale);
	d->load = opc != 0;
	d->writeback = true;
	d->post = bits(insn, 11, 10) == 1;
	d->offset = sign_extend(bits(insn, 20, 12), 9);
	d->sign_extend = opc >= 2;
	/* opc 2: sign-extending to 64 bits, 3: to 32 bits. */
	d->wide = opc == 2 || (opc < 2 && scale == 3);
	if ((opc == 2 && scale == 3) || (opc == 3 && scale >= 2)) {
		return false; /* unallocated */
	}
	return d->rn == 31 || d->rn != d->rt;
}

/* Load/store pair: no-allocate, post-indexed, offset, pre-indexed. */
static bool decode_pair(u32 insn, struct a64_ldst *d)
{
	u32 opc = bits(insn, 31, 30);
	u32 mode = bits(insn, 24, 23);

	d->rt = (u8)bits(insn, 4, 0);
	d->rn = (u8)bits(insn, 9, 5);
	d->rt2 = (u8)bits(insn, 14, 10);
	d->pair = true;
	d->load = bits(insn, 22, 22) != 0;
	d->size = opc == 2 ? 8 : 4;
	d->wide = opc != 0;
	d->sign_extend = opc == 1;
	d->writeback = (mode & 1) != 0;
	d->post = mode == 1;
	d->offset = sign_extend(bits(insn, 21, 15), 7) * d->size;
	/* 01 is LDPSW, which is neither a store nor no-allocate. */
	if (opc == 3 || (opc == 1 && (!d->load || mode == 0))) {
		return false;
	}
	if (d->load && d->rt == d->rt2) {
		return false;
	}
	return !d->writeback || d->rn == 31 ||
	       (d->rn != d->rt && d->rn != d->rt2);
}

bool a64_decode_ldst(u32 insn, struct a64_ldst *ret)
{
	struct a64_ldst d = { 0 };
	bool ok = false;

	/* Bit 26 marks the SIMD and FP registers. */
	if ((insn & 0x3f200400) == 0x38000400) {
		ok = decode_single(insn, &d);
	} else if ((insn & 0x3e000000) == 0x28000000) {
		ok = decode_pair(insn, &d);
	}
	if (ok) {
		*ret = d;
	}
	return ok;
}
