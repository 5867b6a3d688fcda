/* SPDX-License-Identifier: BSD-2-Clause */
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "text.h"

static enum log_level threshold = LOG_LEVEL_INFO; /* atomic */

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
	__atomic_store_n(&threshold, level, __ATOMIC_RELAXED);
}

const char *log_level_name(void)
{
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		if (levels[i].level == threshold) {
			return levels[i].name;
		}
	}
	return NULL;
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

static void write_line(enum log_level level, const char *format, va_list args)
	__attribute__((format(printf, 2, 0)));

static void write_line(enum log_level level, const char *format, va_list args)
{
	char line[1280];
	size_t prefix;
	size_t len;

	prefix = (size_t)(isatty(STDERR_FILENO)
				  ? snprintf(line, sizeof(line), "hvd: ")
				  : snprintf(line, sizeof(line), "<%d>",
					     (int)level));
	vsnprintf(line + prefix, sizeof(line) - prefix, format, args);
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

void log_write(enum log_level level, const char *format, ...)
{
	va_list args;

	if (level > __atomic_load_n(&threshold, __ATOMIC_RELAXED)) {
		return;
	}
	va_start(args, format);
	write_line(level, format, args);
	va_end(args);
}

static void write_audit(const char *format, ...)
	__attribute__((format(printf, 1, 2)));

static void write_audit(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	write_line(LOG_LEVEL_NOTICE, format, args);
	va_end(args);
}

void log_audit(const char *what, const char *outcome)
{
	write_audit("audit: %s: %s", what, outcome);
}
