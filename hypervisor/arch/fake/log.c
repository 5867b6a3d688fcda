// SPDX-License-Identifier: BSD-2-Clause
/* Fake log and panic. */
#include <zv/arch/cpu.h>
#include <zv/arch/harness.h>
#include <zv/check.h>
#include <zv/log.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOG_SIZE 8192u

static char ring[LOG_SIZE];
static u64 ring_end;

jmp_buf fake_panic_jump;
bool fake_panic_expected;
char fake_panic_text[256];
int fake_reset_kind = -1;

void log_write(enum log_level level, const char *fmt, ...)
{
	char line[256];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line) - 1, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n > sizeof(line) - 2) {
		n = sizeof(line) - 2;
	}
	line[n++] = '\n';
	for (int i = 0; i < n; i++) {
		ring[ring_end++ % LOG_SIZE] = line[i];
	}
	if (level == LOG_ERROR && getenv("ZV_FAKE_LOG") != NULL) {
		fputs(line, stderr);
	}
}

bool ratelimit_ok(struct ratelimit *r)
{
	(void)r;
	return true;
}

size_t log_read(u64 *pos, char *buf, size_t len, u64 *ret_first)
{
	u64 oldest = ring_end > LOG_SIZE ? ring_end - LOG_SIZE : 0;
	u64 first = MIN(MAX(*pos, oldest), ring_end);
	size_t n = MIN(len, (size_t)(ring_end - first));

	for (size_t i = 0; i < n; i++) {
		buf[i] = ring[(first + i) % LOG_SIZE];
	}
	*pos = first + n;
	*ret_first = first;
	return n;
}

void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(fake_panic_text, sizeof(fake_panic_text), fmt, ap);
	va_end(ap);
	if (fake_panic_expected) {
		longjmp(fake_panic_jump, 1);
	}
	fprintf(stderr, "panic: %s\n", fake_panic_text);
	abort();
}

void arch_reset(enum arch_reset kind)
{
	fake_reset_kind = (int)kind;
	panic("machine reset, kind %d", (int)kind);
}
