/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading what the daemon says, member by member, each with its limits. */
#ifndef ZV_BACKENDS_IO_IO_CURSOR_H
#define ZV_BACKENDS_IO_IO_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "zerror.h"

struct json_object;

/* A JSON object, where it is, and where to report what is wrong with it. */
struct io_cursor {
	struct json_object *object;
	const char *path;
	struct zerror *error;
};

/*
 * All of these return 0, or -1 with the error set; what they are to fill is
 * left alone then.
 */
int io_cursor_fail(const struct io_cursor *at, const char *key,
		   const char *what);
/* It must be an object with members of these lists only; more may be NULL. */
int io_cursor_check(const struct io_cursor *at, const char *const *known,
		    const char *const *more);
int io_cursor_number(const struct io_cursor *at, const char *key, uint64_t min,
		     uint64_t max, uint64_t *ret);
int io_cursor_u32(const struct io_cursor *at, const char *key, uint32_t min,
		  uint32_t max, uint32_t *ret);
/* A member that may be missing: *ret stays as it is. */
int io_cursor_optional(const struct io_cursor *at, const char *key,
		       uint32_t min, uint32_t max, uint32_t *ret);
int io_cursor_bool(const struct io_cursor *at, const char *key, bool *ret);
/* Letters, digits, _.-; fewer than size. */
int io_cursor_name(const struct io_cursor *at, const char *key, char *ret,
		   size_t size);

#endif /* ZV_BACKENDS_IO_IO_CURSOR_H */
