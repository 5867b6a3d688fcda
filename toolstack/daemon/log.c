/* SPDX-License-Identifier: BSD-2-Clause */
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "text.h"

static enum log_level threshold = LOG_LEVEL_INFO;

static const struct {
	enum log_level level;
	const char *name;
} levels[] = {
	{ LOG_LEVEL_ERROR, "error" },
	{ LOG_LEVEL_WARNING, "warning" },
	{ LOG_LEVEL_INFO, "info" },
	{ LOG_LEVEL_DEBUG, "debug" },
};

void log_set_level(enum log_level level)
{
	threshold = level;
}

int log_parse_level(const char *text, enum log_level *ret_level)
{
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		if (strcmp(text, levels[i].name) == 0) {
			*ret_level = levels[i].level;
			return 0;
		}
	}
	return -1;
}

void log_write(enum log_level level, const char *format, ...)
{
	char line[1024];
	size_t prefix;
	size_t len;
	va_list args;

	if (level > threshold) {
		return;
	}
	prefix = (size_t)(isatty(STDERR_FILENO)
				  ? snprintf(line, sizeof(line), "hvd: ")
				  : snprintf(line, sizeof(line), "<%d>",
					     (int)level));
	va_start(args, format);
	vsnprintf(line + prefix, sizeof(line) - prefix, format, args);
	va_end(args);
	len = strlen(line);
	text_sanitize(line, len, false);
	if (len == sizeof(line) - 1) {
		len--;
	}
	line[len] = '\n';
	/* One write, so that lines of threads do not mix; a full or closed
	 * stderr is nobody's to report to. */
	if (write(STDERR_FILENO, line, len + 1) < 0) {
		return;
	}
}
