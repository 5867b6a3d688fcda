/* SPDX-License-Identifier: BSD-2-Clause */
/* UUIDs in the usual 8-4-4-4-12 form; bytes in the order they are written. */
#ifndef ZV_TOOLSTACK_COMMON_UUID_H
#define ZV_TOOLSTACK_COMMON_UUID_H

#include <stdbool.h>
#include <stdint.h>

#define UUID_SIZE 16
#define UUID_TEXT_SIZE 37 /* NUL included */

bool uuid_parse(const char *text, uint8_t ret_uuid[UUID_SIZE]);
void uuid_format(const uint8_t uuid[UUID_SIZE], char ret_text[UUID_TEXT_SIZE]);

/* A random one (RFC 4122 version 4).  0 or a negative errno. */
int uuid_generate(uint8_t ret_uuid[UUID_SIZE]);

bool uuid_is_null(const uint8_t uuid[UUID_SIZE]);

#endif /* ZV_TOOLSTACK_COMMON_UUID_H */
