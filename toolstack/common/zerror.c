/* SPDX-License-Identifier: BSD-2-Clause */
#include "zerror.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "text.h"

static const struct {
	int code;
	const char *name;
} names[] = {
	{ ZERROR_NONE, "NONE" },
	{ ZERROR_ZONE_NOT_FOUND, "ZONE_NOT_FOUND" },
	{ ZERROR_ZONE_EXISTS, "ZONE_EXISTS" },
	{ ZERROR_INVALID_STATE, "INVALID_STATE" },
	{ ZERROR_INVALID_DEFINITION, "INVALID_DEFINITION" },
	{ ZERROR_NO_MEMORY, "NO_MEMORY" },
	{ ZERROR_NO_HYPERVISOR, "NO_HYPERVISOR" },
	{ ZERROR_IO_ERROR, "IO_ERROR" },
	{ ZERROR_TIMEOUT, "TIMEOUT" },
	{ ZERROR_PERMISSION, "PERMISSION" },
	{ ZERROR_BUSY, "BUSY" },
	{ ZERROR_TOO_LARGE, "TOO_LARGE" },
	{ ZERROR_INTERNAL, "INTERNAL" },
	{ ZERROR_UNSUPPORTED, "UNSUPPORTED" },
	{ ZERROR_CANCELLED, "CANCELLED" },
	{ ZERROR_PARSE, "PARSE_ERROR" },
	{ ZERROR_INVALID_REQUEST, "INVALID_REQUEST" },
	{ ZERROR_METHOD_NOT_FOUND, "METHOD_NOT_FOUND" },
	{ ZERROR_INVALID_PARAMS, "INVALID_PARAMS" },
};

const char *zerror_name(int code)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].code == code) {
			return names[i].name;
		}
	}
	return "UNKNOWN";
}

static void copy(char *to, size_t room, const char *from)
{
	snprintf(to, room, "%s", from ? from : "");
	text_sanitize(to, strlen(to), false);
}

int zerror_set(struct zerror *ret_error, int code, const char *path,
	       const char *hint, const char *format, ...)
{
	va_list args;

	ret_error->code = code;
	va_start(args, format);
	vsnprintf(ret_error->message, sizeof(ret_error->message), format, args);
	va_end(args);
	text_sanitize(ret_error->message, strlen(ret_error->message), false);
	copy(ret_error->path, sizeof(ret_error->path), path);
	copy(ret_error->hint, sizeof(ret_error->hint), hint);
	return -1;
}

void zerror_path(char ret_path[ZERROR_PATH_MAX], const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(ret_path, ZERROR_PATH_MAX, format, args);
	va_end(args);
}
