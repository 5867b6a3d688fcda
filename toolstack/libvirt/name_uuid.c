// SPDX-License-Identifier: BSD-2-Clause
#include "name_uuid.h"

/* FNV-1a, 64 bits. */
static uint64_t hash(uint64_t start, const char *text)
{
	uint64_t value = start;

	do {
		value = (value ^ (uint8_t)*text) * 0x100000001b3ull;
	} while (*text++);
	return value;
}

/* The end of the kind is hashed, too: "a", "bc" is not "ab", "c". */
void name_uuid(const char *kind, const char *name, uint8_t ret_uuid[UUID_SIZE])
{
	uint64_t high = hash(hash(0xcbf29ce484222325ull, kind), name);
	uint64_t low = hash(hash(high, name), kind);

	for (int i = 0; i < 8; i++) {
		ret_uuid[i] = (uint8_t)(high >> (56 - 8 * i));
		ret_uuid[8 + i] = (uint8_t)(low >> (56 - 8 * i));
	}
	ret_uuid[6] = (ret_uuid[6] & 0x0f) | 0x80;
	ret_uuid[8] = (ret_uuid[8] & 0x3f) | 0x80;
}
