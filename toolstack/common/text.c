/* SPDX-License-Identifier: BSD-2-Clause */
#include "text.h"

#include <stdint.h>

static bool is_tail(char c)
{
	return ((unsigned char)c & 0xc0u) == 0x80u;
}

/* Well-formed as in Unicode table 3-7: no overlong forms, no surrogates. */
size_t text_utf8_len(const char *text, size_t len)
{
	unsigned char c;
	unsigned char low = 0x80;
	unsigned char high = 0xbf;
	size_t count;

	if (len == 0) {
		return 0;
	}
	c = (unsigned char)text[0];
	if (c < 0x80) {
		return 1;
	}
	if (c >= 0xc2 && c <= 0xdf) {
		count = 2;
	} else if (c >= 0xe0 && c <= 0xef) {
		count = 3;
		low = c == 0xe0 ? 0xa0 : 0x80;
		high = c == 0xed ? 0x9f : 0xbf;
	} else if (c >= 0xf0 && c <= 0xf4) {
		count = 4;
		low = c == 0xf0 ? 0x90 : 0x80;
		high = c == 0xf4 ? 0x8f : 0xbf;
	} else {
		return 0;
	}
	if (len < count || (unsigned char)text[1] < low ||
	    (unsigned char)text[1] > high) {
		return 0;
	}
	for (size_t i = 2; i < count; i++) {
		if (!is_tail(text[i])) {
			return 0;
		}
	}
	return count;
}

static bool is_shown(char c, bool keep_lines)
{
	unsigned char byte = (unsigned char)c;

	if (keep_lines && (c == '\n' || c == '\t')) {
		return true;
	}
	return byte >= 0x20 && byte != 0x7f;
}

void text_sanitize(char *text, size_t len, bool keep_lines)
{
	size_t i = 0;

	while (i < len) {
		size_t count = text_utf8_len(text + i, len - i);

		if (count == 0 ||
		    (count == 1 && !is_shown(text[i], keep_lines))) {
			text[i] = '?';
			count = 1;
		}
		i += count;
	}
}
