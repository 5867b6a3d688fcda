/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One failure as a person and a program need it: a code of the RPC error table,
 * where in the input it lies (a JSON path such as "$.devices[1].type"), what is
 * wrong and what to do about it.  Plain data: copy it freely between threads.
 */
#ifndef ZV_TOOLSTACK_COMMON_ZERROR_H
#define ZV_TOOLSTACK_COMMON_ZERROR_H

/* Numbers on the wire: never renumber. */
enum zerror_code {
	ZERROR_NONE = 0,
	ZERROR_ZONE_NOT_FOUND = 1,
	ZERROR_ZONE_EXISTS = 2,
	ZERROR_INVALID_STATE = 3,
	ZERROR_INVALID_DEFINITION = 4,
	ZERROR_NO_MEMORY = 5,
	ZERROR_NO_HYPERVISOR = 6,
	ZERROR_IO_ERROR = 7,
	ZERROR_TIMEOUT = 8,
	ZERROR_PERMISSION = 9,
	ZERROR_BUSY = 10,
	ZERROR_TOO_LARGE = 11,
	ZERROR_INTERNAL = 12,
	ZERROR_UNSUPPORTED = 13,
	ZERROR_CANCELLED = 14,
	/* JSON-RPC 2.0, section 5.1 */
	ZERROR_PARSE = -32700,
	ZERROR_INVALID_REQUEST = -32600,
	ZERROR_METHOD_NOT_FOUND = -32601,
	ZERROR_INVALID_PARAMS = -32602,
};

#define ZERROR_PATH_MAX 160 /* NUL included */

struct zerror {
	int code; /* enum zerror_code */
	char path[ZERROR_PATH_MAX]; /* empty: no place in the input */
	char message[384];
	char hint[384]; /* empty: nothing to advise */
};

/*
 * Fills *ret_error and returns -1, so that a check can end with
 * `return zerror_set(...)`.  path and hint may be NULL.  The texts become
 * printable UTF-8 whatever the arguments held.
 */
int zerror_set(struct zerror *ret_error, int code, const char *path,
	       const char *hint, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

/* Composes a path; one that is too long is cut. */
void zerror_path(char ret_path[ZERROR_PATH_MAX], const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* "ZONE_NOT_FOUND"; "UNKNOWN" for a number that is not in the table. */
const char *zerror_name(int code);

#endif /* ZV_TOOLSTACK_COMMON_ZERROR_H */
