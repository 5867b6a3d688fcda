/* SPDX-License-Identifier: BSD-2-Clause */
/* Taking structure out of a fuzzer's bytes; zeros when they have run out. */
#ifndef ZV_TESTS_FUZZ_FUZZ_INPUT_H
#define ZV_TESTS_FUZZ_FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>

struct fuzz_input {
	const uint8_t *at;
	size_t left;
};

static inline uint8_t fuzz_u8(struct fuzz_input *in)
{
	if (in->left == 0) {
		return 0;
	}
	in->left--;
	return *in->at++;
}

static inline uint16_t fuzz_u16(struct fuzz_input *in)
{
	uint16_t low = fuzz_u8(in);

	return (uint16_t)(low | fuzz_u8(in) << 8);
}

static inline uint32_t fuzz_u32(struct fuzz_input *in)
{
	uint32_t low = fuzz_u16(in);

	return low | (uint32_t)fuzz_u16(in) << 16;
}

#endif /* ZV_TESTS_FUZZ_FUZZ_INPUT_H */
