/* SPDX-License-Identifier: BSD-2-Clause */
#include <zv/arch/cpu.h>
#include <zv/arch/time.h>
#include <zv/atomic.h>
#include <zv/log.h>
#include <zv/panic.h>
#include <zv/spinlock.h>
#include <zv/string.h>

#define LOG_SIZE KIB(64)
#define LINE_MAX 256
#define NS_PER_S ((u64)1000000000)
#define NS_PER_US ((u64)1000)
#define RATELIMIT_BURST 10

/*
 * Byte n of all that was ever logged is at ring[n % LOG_SIZE] while it is one
 * of the last LOG_SIZE.  Both are under the lock.
 */
static struct spinlock log_lock = SPINLOCK_INIT;
static char ring[LOG_SIZE];
static u64 ring_end;

/* A panic must get out even if its CPU, or a stopped one, held the lock. */
static bool log_lockless;

static void lock(void)
{
	if (!atomic_load_relaxed(&log_lockless)) {
		spin_lock(&log_lock);
	}
}

static void unlock(void)
{
	if (!atomic_load_relaxed(&log_lockless)) {
		spin_unlock(&log_lock);
	}
}

void log_panic_begin(void)
{
	atomic_store_relaxed(&log_lockless, true);
}

static void append(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		ring[(ring_end + i) % LOG_SIZE] = s[i];
	}
	ring_end += n;
}

/* Names come from zone0: nothing that moves a terminal's cursor gets out. */
static void make_printable(char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (s[i] < ' ' || s[i] > '~') {
			s[i] = '?';
		}
	}
}

static size_t format_line(char *line, enum log_level level, const char *fmt,
			  va_list ap)
{
	static const char level_letter[] = { 'E', 'W', 'I', 'D' };
	u64 now = arch_time_ns();
	size_t head, len;
	int n;

	head = (size_t)zv_snprintf(
		line, LINE_MAX, "[%5lu.%06lu] %u %c: ", now / NS_PER_S,
		now % NS_PER_S / NS_PER_US, arch_cpu_id(), level_letter[level]);
	n = zv_vsnprintf(line + head, LINE_MAX - 1 - head, fmt, ap);
	len = MIN(head + (size_t)n, (size_t)LINE_MAX - 2);
	make_printable(line, len);
	line[len++] = '\n';
	return len;
}

void log_write(enum log_level level, const char *fmt, ...)
{
	char line[LINE_MAX];
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	n = format_line(line, level, fmt, ap);
	va_end(ap);

	lock();
	append(line, n);
	console_write(line, n);
	unlock();
}

size_t log_read(u64 *pos, char *buf, size_t len, u64 *ret_first)
{
	u64 first, oldest;
	size_t n;

	lock();
	oldest = ring_end > LOG_SIZE ? ring_end - LOG_SIZE : 0;
	first = MIN(MAX(*pos, oldest), ring_end);
	n = MIN(len, (size_t)(ring_end - first));
	for (size_t i = 0; i < n; i++) {
		buf[i] = ring[(first + i) % LOG_SIZE];
	}
	unlock();

	*pos = first + n;
	*ret_first = first;
	return n;
}

/*
 * Two CPUs that race here may let a line too many through, which does no harm:
 * what matters is that a guest cannot fill the log.
 */
bool ratelimit_ok(struct ratelimit *r)
{
	u64 now = arch_time_ns();
	u64 window = atomic_load_relaxed(&r->window_ns);
	u32 left;

	if (window == 0 || now - window >= NS_PER_S) {
		u32 dropped =
			__atomic_exchange_n(&r->dropped, 0, __ATOMIC_RELAXED);

		atomic_store_relaxed(&r->window_ns, MAX(now, 1ull));
		atomic_store_relaxed(&r->left, RATELIMIT_BURST);
		if (dropped != 0) {
			log_info("%u messages like the next one dropped",
				 dropped);
		}
	}
	left = atomic_load_relaxed(&r->left);
	if (left == 0) {
		__atomic_fetch_add(&r->dropped, 1, __ATOMIC_RELAXED);
		return false;
	}
	atomic_store_relaxed(&r->left, left - 1);
	return true;
}
