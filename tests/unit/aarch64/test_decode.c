/* SPDX-License-Identifier: BSD-2-Clause */
/* Loads and stores without a syndrome, as the assembler encodes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <zv/decode.h>

static const struct {
	u32 insn;
	struct a64_ldst d;
} good[] = {
	/* ldr w1, [x2], #4 */
	{ 0xb8404441,
	  { .rt = 1,
	    .rn = 2,
	    .size = 4,
	    .load = true,
	    .writeback = true,
	    .post = true,
	    .offset = 4 } },
	/* ldr x3, [x4, #-8]! */
	{ 0xf85f8c83,
	  { .rt = 3,
	    .rn = 4,
	    .size = 8,
	    .load = true,
	    .wide = true,
	    .writeback = true,
	    .offset = -8 } },
	/* str wzr, [sp, #-256]! */
	{ 0xb8100fff,
	  { .rt = 31,
	    .rn = 31,
	    .size = 4,
	    .writeback = true,
	    .offset = -256 } },
	/* strb w5, [x6], #255 */
	{ 0x380ff4c5,
	  { .rt = 5,
	    .rn = 6,
	    .size = 1,
	    .writeback = true,
	    .post = true,
	    .offset = 255 } },
	/* ldrsb x7, [x8, #1]! */
	{ 0x38801d07,
	  { .rt = 7,
	    .rn = 8,
	    .size = 1,
	    .load = true,
	    .wide = true,
	    .sign_extend = true,
	    .writeback = true,
	    .offset = 1 } },
	/* ldrsh w9, [x10], #2 */
	{ 0x78c02549,
	  { .rt = 9,
	    .rn = 10,
	    .size = 2,
	    .load = true,
	    .sign_extend = true,
	    .writeback = true,
	    .post = true,
	    .offset = 2 } },
	/* ldrsw x9, [x10], #4 */
	{ 0xb8804549,
	  { .rt = 9,
	    .rn = 10,
	    .size = 4,
	    .load = true,
	    .wide = true,
	    .sign_extend = true,
	    .writeback = true,
	    .post = true,
	    .offset = 4 } },
	/* stp w0, w1, [x2] */
	{ 0x29000440, { .rt = 0, .rt2 = 1, .rn = 2, .size = 4, .pair = true } },
	/* ldp x0, x1, [x2, #16] */
	{ 0xa9410440,
	  { .rt = 0,
	    .rt2 = 1,
	    .rn = 2,
	    .size = 8,
	    .load = true,
	    .pair = true,
	    .wide = true,
	    .offset = 16 } },
	/* ldp x29, x30, [sp], #16 */
	{ 0xa8c17bfd,
	  { .rt = 29,
	    .rt2 = 30,
	    .rn = 31,
	    .size = 8,
	    .load = true,
	    .pair = true,
	    .wide = true,
	    .writeback = true,
	    .post = true,
	    .offset = 16 } },
	/* stp x29, x30, [sp, #-512]! */
	{ 0xa9a07bfd,
	  { .rt = 29,
	    .rt2 = 30,
	    .rn = 31,
	    .size = 8,
	    .pair = true,
	    .wide = true,
	    .writeback = true,
	    .offset = -512 } },
	/* ldpsw x3, x4, [x5, #-4] */
	{ 0x697f90a3,
	  { .rt = 3,
	    .rt2 = 4,
	    .rn = 5,
	    .size = 4,
	    .load = true,
	    .pair = true,
	    .wide = true,
	    .sign_extend = true,
	    .offset = -4 } },
	/* ldnp w6, w7, [x8, #8] */
	{ 0x28411d06,
	  { .rt = 6,
	    .rt2 = 7,
	    .rn = 8,
	    .size = 4,
	    .load = true,
	    .pair = true,
	    .offset = 8 } },
};

static void test_decodes_what_the_assembler_makes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		const struct a64_ldst *e = &good[i].d;
		struct a64_ldst d;

		if (!a64_decode_ldst(good[i].insn, &d)) {
			fail_msg("%08x is not decoded", good[i].insn);
		}
		if (d.rt != e->rt || d.rn != e->rn || d.size != e->size ||
		    d.load != e->load || d.pair != e->pair ||
		    (d.pair && d.rt2 != e->rt2) ||
		    d.sign_extend != e->sign_extend || d.wide != e->wide ||
		    d.writeback != e->writeback || d.post != e->post ||
		    d.offset != e->offset) {
			fail_msg("%08x is decoded wrongly", good[i].insn);
		}
	}
}

static void test_leaves_everything_else(void **state)
{
	static const u32 bad[] = {
		0xb9400441, /* ldr w1, [x2, #4]: has a syndrome */
		0xb8626841, /* ldr w1, [x2, x2] */
		0x885f7c41, /* ldxr w1, [x2] */
		0x88dffc41, /* ldar w1, [x2] */
		0xb8210041, /* ldadd w1, w1, [x2] */
		0xbc404441, /* ldr s1, [x2], #4 */
		0x3cc10441, /* ldr q1, [x2], #16 */
		0xad400440, /* ldp q0, q1, [x2] */
		0x2d400440, /* ldp s0, s1, [x2] */
		0xf8804441, /* unallocated: sign-extending 8 bytes */
		0xb8c04441, /* unallocated: sign-extending 4 to 4 bytes */
		0xe9400440, /* unallocated: LDP opc 3 */
		0x69000440, /* STGP */
		0x68400440, /* unallocated: LDPSW no-allocate */
		0xb8404442, /* ldr w2, [x2], #4: base is the target */
		0x29400000, /* ldp w0, w0, [x0] */
		0xa8c10442, /* ldp x2, x1, [x2], #16 */
		0xd50b7421, /* dc zva, x1 */
		0x4c407041, /* ld1 {v1.16b}, [x2] */
		0xf8404841, /* ldtr x1, [x2, #4] */
		0x00000000, 0xffffffff,
	};
	struct a64_ldst d = { .rt = 77 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (a64_decode_ldst(bad[i], &d)) {
			fail_msg("%08x is taken", bad[i]);
		}
		assert_int_equal(d.rt, 77);
	}
}

static void test_address_of_pre_and_post(void **state)
{
	struct a64_ldst d = { .offset = -8, .post = true };

	(void)state;
	assert_int_equal(a64_ldst_address(&d, 0x1000), 0x1000);
	d.post = false;
	assert_int_equal(a64_ldst_address(&d, 0x1000), 0xff8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decodes_what_the_assembler_makes),
		cmocka_unit_test(test_leaves_everything_else),
		cmocka_unit_test(test_address_of_pre_and_post),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
