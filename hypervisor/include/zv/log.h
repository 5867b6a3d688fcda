/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The log: a byte ring that zone0 reads (ZV_HC_LOG_READ), copied to the early
 * console until zone0 owns the UART and again on panic.  Lines carry uptime,
 * pCPU and level.  What a guest can provoke is logged at info or below and
 * through log_ratelimited().
 */
#ifndef ZV_LOG_H
#define ZV_LOG_H

#include <zv/types.h>

enum log_level {
	LOG_ERROR,
	LOG_WARN,
	LOG_INFO,
	LOG_DEBUG
};

__attribute__((format(printf, 2, 3))) void log_write(enum log_level level,
						     const char *fmt, ...);

#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) log_write(LOG_WARN, __VA_ARGS__)
#define log_info(...) log_write(LOG_INFO, __VA_ARGS__)

/* At most `burst` lines per second for each place it is written in. */
struct ratelimit {
	u64 window_ns;
	u32 left;
	u32 dropped;
};
bool ratelimit_ok(struct ratelimit *r);
#define log_ratelimited(...)                   \
	do {                                   \
		static struct ratelimit rl_;   \
		if (ratelimit_ok(&rl_)) {      \
			log_info(__VA_ARGS__); \
		}                              \
	} while (0)

/*
 * Copies up to len bytes logged at or after *pos; advances *pos past them and
 * stores where the copy began in *ret_first.  Returns the number of bytes.
 */
size_t log_read(u64 *pos, char *buf, size_t len, u64 *ret_first);

/* Early console output; a no-op until console_init() found a UART. */
void console_write(const char *s, size_t n);
/* Gives the UART to zone0 (false) or takes it back for a panic (true). */
void console_enable(bool on);

#endif /* ZV_LOG_H */
