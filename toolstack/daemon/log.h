/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The daemon's log: one line per call to stderr with the journal's level prefix
 * when stderr is not a terminal.  Any thread.  What clients and guests can
 * cause is logged at info or debug; warning and error are for the machine's
 * owner.  The audit, which is who changed what, is told at any level.
 */
#ifndef ZV_TOOLSTACK_DAEMON_LOG_H
#define ZV_TOOLSTACK_DAEMON_LOG_H

enum log_level {
	LOG_LEVEL_ERROR = 3, /* numbers of syslog(3), which the journal reads */
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_NOTICE = 5, /* the audit's; nobody can choose it */
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7,
};

void log_set_level(enum log_level level);
const char *log_level_name(void); /* of the level that is set */

/* "error", "warning", "info" or "debug"; 0 or -1. */
int log_parse_level(const char *text, enum log_level *ret_level);

void log_write(enum log_level level, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

void log_audit(const char *what, const char *outcome);

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif /* ZV_TOOLSTACK_DAEMON_LOG_H */
