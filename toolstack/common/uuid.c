/* SPDX-License-Identifier: BSD-2-Clause */
#include "uuid.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/random.h>

static int hex_value(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	if (c >= 'a' && c <= 'f') {
		return c - 'a' + 10;
	}
	if (c >= 'A' && c <= 'F') {
		return c - 'A' + 10;
	}
	return -1;
}

static bool is_dash(size_t byte)
{
	return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

bool uuid_parse(const char *text, uint8_t ret_uuid[UUID_SIZE])
{
	uint8_t uuid[UUID_SIZE];
	const char *p = text;

	if (strlen(text) != UUID_TEXT_SIZE - 1) {
		return false;
	}
	for (size_t i = 0; i < UUID_SIZE; i++) {
		int high;
		int low;

		if (is_dash(i) && *p++ != '-') {
			return false;
		}
		high = hex_value(*p++);
		low = hex_value(*p++);
		if (high < 0 || low < 0) {
			return false;
		}
		uuid[i] = (uint8_t)(high << 4 | low);
	}
	memcpy(ret_uuid, uuid, sizeof(uuid));
	return true;
}

void uuid_format(const uint8_t uuid[UUID_SIZE], char ret_text[UUID_TEXT_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	char *p = ret_text;

	for (size_t i = 0; i < UUID_SIZE; i++) {
		if (is_dash(i)) {
			*p++ = '-';
		}
		*p++ = digits[uuid[i] >> 4];
		*p++ = digits[uuid[i] & 15];
	}
	*p = '\0';
}

int uuid_generate(uint8_t ret_uuid[UUID_SIZE])
{
	uint8_t uuid[UUID_SIZE];

	if (getrandom(uuid, sizeof(uuid), 0) != (ssize_t)sizeof(uuid)) {
		return -EIO;
	}
	uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x40);
	uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
	memcpy(ret_uuid, uuid, sizeof(uuid));
	return 0;
}

bool uuid_is_null(const uint8_t uuid[UUID_SIZE])
{
	static const uint8_t null[UUID_SIZE];

	return memcmp(uuid, null, sizeof(null)) == 0;
}
