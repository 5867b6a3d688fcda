/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The XDR reader over any bytes, by any steps.  Oracle: nothing outside of the
 * buffer is touched; strings end, are no longer than asked for, and stay as they
 * are while others are read; a reader that has failed gives nothing more.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz_input.h"
#include "xdr.h"

#define STEPS_MAX 64u

#define require(x)               \
	do {                     \
		if (!(x)) {      \
			abort(); \
		}                \
	} while (0)

static struct {
	const char *text;
	char *copy;
} strings[STEPS_MAX];
static unsigned int string_count;

static void note(const char *text, uint32_t max, const struct xdr_reader *r)
{
	if (text != NULL) {
		require(!r->failed && strlen(text) <= max);
		strings[string_count].text = text;
		strings[string_count++].copy = strdup(text);
	}
}

static void step(struct xdr_reader *r, uint8_t how)
{
	uint32_t max = how >> 4;
	uint32_t len = 0;
	bool failed = r->failed;
	const uint8_t *before = r->at;
	const uint8_t *data;

	switch (how % 8) {
	case 0:
		require(xdr_get_u32(r) == 0 || !r->failed);
		break;
	case 1:
		require(xdr_get_u64(r) == 0 || !r->failed);
		break;
	case 2:
		require(!xdr_get_bool(r) || !r->failed);
		break;
	case 3:
		require(xdr_get_count(r, max) <= max);
		break;
	case 4:
		note(xdr_get_string(r, max), max, r);
		break;
	case 5:
		note(xdr_get_optional_string(r, max), max, r);
		break;
	case 6:
		data = xdr_get_fixed(r, max);
		require(data == NULL || data + max <= r->end);
		break;
	default:
		data = xdr_get_opaque(r, max, &len);
		require(len <= max && (data != NULL || len == 0));
		break;
	}
	require(r->at >= before && r->at <= r->end);
	require(!failed || r->failed);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct fuzz_input in = { bytes, size };
	uint8_t steps[STEPS_MAX];
	unsigned int count = fuzz_u8(&in) % STEPS_MAX;
	struct xdr_reader r;
	uint8_t *data;
	size_t len;

	for (unsigned int i = 0; i < count; i++) {
		steps[i] = fuzz_u8(&in);
	}
	len = in.left;
	data = malloc(len + 1);
	memcpy(data, in.at, len);
	data = realloc(data, len ? len : 1);
	xdr_reader_init(&r, data, len);
	string_count = 0;
	for (unsigned int i = 0; i < count; i++) {
		step(&r, steps[i]);
	}
	require(!xdr_is_complete(&r) || r.at == r.end);
	for (unsigned int i = 0; i < string_count; i++) {
		require(strcmp(strings[i].text, strings[i].copy) == 0);
		free(strings[i].copy);
	}
	free(data);
	return 0;
}
