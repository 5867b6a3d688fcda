/* SPDX-License-Identifier: BSD-2-Clause */
/* Making bytes of unknown origin fit to be shown and put into JSON. */
#ifndef ZV_TOOLSTACK_COMMON_TEXT_H
#define ZV_TOOLSTACK_COMMON_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Replaces, in place and byte for byte, whatever is not printable UTF-8 by '?'.
 * With keep_lines, newline and tab stay.
 */
void text_sanitize(char *text, size_t len, bool keep_lines);

/* Length of the well-formed UTF-8 sequence at text, 0 if there is none. */
size_t text_utf8_len(const char *text, size_t len);

#endif /* ZV_TOOLSTACK_COMMON_TEXT_H */
