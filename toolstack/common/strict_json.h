/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * JSON as RFC 8259 has it and nothing more: json-c's strict mode, and on top of
 * it no duplicate members, no NaN or Infinity, no control characters and no
 * U+0000 in strings.  Two readers of an accepted text cannot disagree about it,
 * and every string in it is a C string.
 */
#ifndef ZV_TOOLSTACK_COMMON_STRICT_JSON_H
#define ZV_TOOLSTACK_COMMON_STRICT_JSON_H

#include <stddef.h>

#include "zerror.h"

struct json_object;

#define STRICT_JSON_DEPTH 32 /* nested arrays and objects */

/*
 * text[len] must be NUL.  Returns an object the caller puts, or NULL with
 * *ret_error set (code ZERROR_PARSE).  A text that is just `null` is refused
 * too: no caller has a use for it, and json-c's value for it is NULL.
 */
struct json_object *strict_json_parse(const char *text, size_t len,
				      struct zerror *ret_error);

/*
 * What to look at when json-c's tokener stopped with that error (enum
 * json_tokener_error) at this character; 0 at the end.  NULL: nothing special.
 */
const char *strict_json_advice(int error, char at);

#endif /* ZV_TOOLSTACK_COMMON_STRICT_JSON_H */
