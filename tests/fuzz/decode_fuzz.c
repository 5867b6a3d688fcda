/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The A64 load/store decoder.  Oracle: what it takes can be encoded again from
 * what it says, to the same bits; what it refuses leaves the result alone.
 */
#include <zv/decode.h>

#include <stdlib.h>
#include <string.h>

#include "fuzz_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok) {
		abort();
	}
}

static u32 log2_size(u32 size)
{
	return (u32)__builtin_ctz(size);
}

/* Bits that both kinds have in the same place. */
static u32 registers(const struct a64_ldst *d)
{
	return (u32)d->rn << 5 | d->rt;
}

static u32 encode_single(const struct a64_ldst *d)
{
	u32 opc = !d->load ? 0 : !d->sign_extend ? 1 : d->wide ? 2 : 3;

	check(d->writeback && d->offset >= -256 && d->offset <= 255);
	return log2_size(d->size) << 30 | 0x38000400 | opc << 22 |
	       ((u32)d->offset & 0x1ff) << 12 | (d->post ? 0 : 0x800) |
	       registers(d);
}

static u32 encode_pair(const struct a64_ldst *d)
{
	u32 opc = d->sign_extend ? 1 : d->size == 8 ? 2 : 0;
	u32 mode = d->post ? 1 : d->writeback ? 3 : 2;
	s64 scaled = d->offset / d->size;

	check(d->offset % d->size == 0 && scaled >= -64 && scaled <= 63);
	return opc << 30 | 0x28000000 | mode << 23 | (u32)d->load << 22 |
	       ((u32)scaled & 0x7f) << 15 | (u32)d->rt2 << 10 | registers(d);
}

static void check_one(u32 insn)
{
	struct a64_ldst d;
	struct a64_ldst untouched;
	u32 again;

	memset(&d, 0x5a, sizeof(d));
	untouched = d;
	if (!a64_decode_ldst(insn, &d)) {
		check(memcmp(&d, &untouched, sizeof(d)) == 0);
		return;
	}
	check(d.size == 1 || d.size == 2 || d.size == 4 || d.size == 8);
	check(d.rt < 32 && d.rn < 32);
	check(!d.post || d.writeback);
	check(!d.sign_extend || d.load);
	check(d.size < 8 || d.wide);
	if (!d.pair) {
		again = encode_single(&d);
	} else {
		check(d.rt2 < 32 && d.size >= 4);
		again = encode_pair(&d);
		/* No-allocate is only a hint and not told. */
		if ((insn >> 23 & 3) == 0) {
			again &= ~(2u << 23);
		}
	}
	check(again == insn);
	/* Writeback to a register that is also data has no defined result. */
	if (d.writeback && d.rn != 31) {
		check(d.rn != d.rt && !(d.pair && d.rn == d.rt2));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };

	while (in.left > 0) {
		u32 insn = fuzz_u32(&in);

		check_one(insn);
		/* The same, put where the loads and stores are. */
		check_one((insn & 0xc5ffffff) | 0x38000000);
		check_one((insn & 0xc1ffffff) | 0x28000000);
	}
	return 0;
}
