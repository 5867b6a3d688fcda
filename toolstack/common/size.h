/* SPDX-License-Identifier: BSD-2-Clause */
/* Amounts as people write them: "256M" (binary units), "5ms". */
#ifndef ZV_TOOLSTACK_COMMON_SIZE_H
#define ZV_TOOLSTACK_COMMON_SIZE_H

#include <stddef.h>
#include <stdint.h>

#define SIZE_TEXT_MAX 24 /* room for what the format functions write */

/*
 * A whole number with a unit K, M, G or T (1024-based; lower case and "MiB"
 * are understood).  Returns NULL and sets *ret_bytes, or a sentence that says
 * what is wrong.
 */
const char *size_parse(const char *text, uint64_t *ret_bytes);

/* The largest unit that divides bytes: "256M", "1536K", "17B". */
void size_format(uint64_t bytes, char ret_text[SIZE_TEXT_MAX]);

/* A whole number with a unit us, ms or s, as size_parse(). */
const char *size_parse_duration(const char *text, uint64_t *ret_us);

void size_format_duration(uint64_t us, char ret_text[SIZE_TEXT_MAX]);

#endif /* ZV_TOOLSTACK_COMMON_SIZE_H */
