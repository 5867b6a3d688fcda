/* SPDX-License-Identifier: BSD-2-Clause */
/* The first line a console client sends. */
#ifndef ZV_BACKENDS_CONSOLE_CONSOLE_HELLO_H
#define ZV_BACKENDS_CONSOLE_CONSOLE_HELLO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/state_area.h"

#define CONSOLE_HELLO_MAX 512u /* bytes, line feed included */

enum console_from {
	CONSOLE_FROM_END,
	CONSOLE_FROM_START,
	CONSOLE_FROM_OFFSET
};

struct console_hello {
	char device[STATE_NAME_MAX];
	enum console_from from;
	uint64_t offset; /* FROM_OFFSET */
	bool write;
	bool force; /* take the input from whoever has it */
};

/*
 * {"device":NAME,"from":N|"start"|"end","write":BOOL,"force":BOOL}; all but
 * device may be left out.  line[len] must be NUL.  NULL, or what is wrong.
 */
const char *console_hello_parse(const char *line, size_t len,
				struct console_hello *ret);

#endif /* ZV_BACKENDS_CONSOLE_CONSOLE_HELLO_H */
