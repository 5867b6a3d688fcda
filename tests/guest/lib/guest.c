/* SPDX-License-Identifier: BSD-2-Clause */
/* Console, device tree facts, PSCI, exceptions and the choice of mode. */
#include "guest.h"

#include <stdarg.h>

#define UART_DR (ZV_A64_UART_BASE + 0x00)
#define UART_FR (ZV_A64_UART_BASE + 0x18)
#define UART_FR_TXFF (1u << 5)

extern const struct mode __modes_start[];
extern const struct mode __modes_end[];
extern char guest_secondary[];
void guest_main(const u8 *fdt);
void guest_secondary_main(u32 cpu);
void guest_sync(u64 *frame);
void guest_serror(u64 *frame);

u64 ram_size;
u32 cpu_count;
u32 reports_failed;
static u32 reports_passed;
volatile struct fault last_fault;
volatile bool expect_fault;
static char bootargs[512];
static void (*volatile secondary_fn[GUEST_CPUS_MAX])(u32 cpu);

static void put(char c)
{
	while (mmio_read32(UART_FR) & UART_FR_TXFF) {}
	mmio_write32(UART_DR, (u8)c);
}

void puts_raw(const char *s)
{
	while (*s) {
		put(*s++);
	}
}

static void put_number(u64 v, u32 base)
{
	char t[24];
	int n = 0;

	do {
		t[n++] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v);
	while (n) {
		put(t[--n]);
	}
}

static void vprint(const char *fmt, va_list ap)
{
	for (; *fmt; fmt++) {
		bool wide = false;

		if (*fmt != '%') {
			put(*fmt);
			continue;
		}
		fmt++;
		while (*fmt == 'l') {
			wide = true;
			fmt++;
		}
		if (*fmt == 's') {
			puts_raw(va_arg(ap, const char *));
		} else if (*fmt == 'd' || *fmt == 'u') {
			put_number(wide ? va_arg(ap, u64) : va_arg(ap, u32),
				   10);
		} else if (*fmt == 'x') {
			put_number(wide ? va_arg(ap, u64) : va_arg(ap, u32),
				   16);
		} else {
			put(*fmt);
		}
	}
}

void print(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprint(fmt, ap);
	va_end(ap);
}

void report(bool ok, const char *fmt, ...)
{
	va_list ap;

	if (ok) {
		reports_passed++;
	} else {
		reports_failed++;
	}
	puts_raw(ok ? "PASS: " : "FAIL: ");
	va_start(ap, fmt);
	vprint(fmt, ap);
	va_end(ap);
	put('\n');
}

bool str_equal(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

static u32 be32(const u8 *p)
{
	return (u32)p[0] << 24 | (u32)p[1] << 16 | (u32)p[2] << 8 | p[3];
}

static bool starts_with(const char *s, const char *prefix)
{
	while (*prefix) {
		if (*s++ != *prefix++) {
			return false;
		}
	}
	return true;
}

/* Walks the flattened tree once (Devicetree Specification 0.4, chapter 5). */
static void fdt_scan(const u8 *fdt)
{
	const u8 *p = fdt + be32(fdt + 8);
	const char *strings = (const char *)(fdt + be32(fdt + 12));
	bool in_memory = false;

	for (;;) {
		u32 token = be32(p);

		p += 4;
		if (token == 1) {
			const char *name = (const char *)p;
			size_t n = 0;

			in_memory = starts_with(name, "memory");
			if (starts_with(name, "cpu@")) {
				cpu_count++;
			}
			while (name[n]) {
				n++;
			}
			p += (n + 4) & ~3ull;
		} else if (token == 3) {
			u32 len = be32(p);
			const char *name = strings + be32(p + 4);

			p += 8;
			if (in_memory && str_equal(name, "reg")) {
				ram_size =
					(u64)be32(p + 8) << 32 | be32(p + 12);
			}
			if (str_equal(name, "bootargs")) {
				for (u32 i = 0;
				     i < len && i < sizeof(bootargs) - 1; i++) {
					bootargs[i] = (char)p[i];
				}
			}
			p += (len + 3) & ~3u;
		} else if (token == 9) {
			break;
		}
	}
}

const char *option(const char *key)
{
	static char value[64];
	size_t key_len = 0;

	while (key[key_len]) {
		key_len++;
	}
	for (const char *s = bootargs; *s;) {
		if (starts_with(s, key) && s[key_len] == '=') {
			size_t n = 0;

			for (s += key_len + 1; *s && *s != ' '; s++) {
				if (n < sizeof(value) - 1) {
					value[n++] = *s;
				}
			}
			value[n] = 0;
			return value;
		}
		while (*s && *s != ' ') {
			s++;
		}
		while (*s == ' ') {
			s++;
		}
	}
	return NULL;
}

u64 option_number(const char *key, u64 otherwise)
{
	const char *s = option(key);
	u64 v = 0;

	if (!s) {
		return otherwise;
	}
	for (; *s >= '0' && *s <= '9'; s++) {
		v = v * 10 + (u64)(*s - '0');
	}
	return v;
}

u64 hvc(u64 fn, u64 a, u64 b, u64 c)
{
	u64 args[8] = { fn, a, b, c };

	smccc(false, args);
	return args[0];
}

u64 smc(u64 fn, u64 a, u64 b, u64 c)
{
	u64 args[8] = { fn, a, b, c };

	smccc(true, args);
	return args[0];
}

s64 hypercall(u32 nr, u64 a, u64 b, u64 c, u64 d)
{
	u64 args[8] = { ZV_HC_BASE | nr, a, b, c, d };

	smccc(false, args);
	return (s64)args[0];
}

void guest_off(void)
{
	for (;;) {
		hvc(PSCI_SYSTEM_OFF, 0, 0, 0);
	}
}

void guest_reset(void)
{
	for (;;) {
		hvc(PSCI_SYSTEM_RESET, 0, 0, 0);
	}
}

u64 cpu_mpidr(u32 cpu)
{
	return (u64)(cpu / 16) << 8 | cpu % 16;
}

u32 this_cpu(void)
{
	u64 mpidr = read_sysreg(mpidr_el1);

	return (u32)((mpidr >> 8) & 0xff) * 16 + (u32)(mpidr & 0xff);
}

s64 cpu_start(u32 cpu, void (*fn)(u32 cpu))
{
	secondary_fn[cpu] = fn;
	dsb();
	return (s64)hvc(PSCI_CPU_ON, cpu_mpidr(cpu), (u64)guest_secondary, cpu);
}

void guest_secondary_main(u32 cpu)
{
	secondary_fn[cpu](cpu);
}

static void die(const char *what, const u64 *frame)
{
	report(false, "unexpected %s: esr 0x%lx elr 0x%lx far 0x%lx", what,
	       read_sysreg(esr_el1), frame[31], read_sysreg(far_el1));
	guest_off();
}

void guest_sync(u64 *frame)
{
	last_fault.esr = read_sysreg(esr_el1);
	last_fault.elr = frame[31];
	last_fault.far = read_sysreg(far_el1);
	last_fault.count++;
	if (!expect_fault) {
		die("exception", frame);
	}
	/* A fetch that failed returns to its caller, others are skipped. */
	frame[31] =
		FAULT_EC(last_fault.esr) == EC_IABT ? frame[30] : frame[31] + 4;
}

void guest_serror(u64 *frame)
{
	die("SError", frame);
}

u64 now(void)
{
	isb();
	return read_sysreg(cntvct_el0);
}

u64 ticks_from_us(u64 us)
{
	return us * read_sysreg(cntfrq_el0) / 1000000;
}

bool wait_for(volatile u32 *p, u32 v, u64 us)
{
	u64 end = now() + ticks_from_us(us);

	while (*p < v) {
		if (now() >= end) {
			return *p >= v;
		}
	}
	return true;
}

/* PL061 (Arm DDI0190): line 3 is the power key, active high. */
#define GPIO(off) (ZV_A64_GPIO_BASE + (off))
#define GPIO_KEY (1u << 3)

void power_key_init(void)
{
	mmio_write32(GPIO(0x408), GPIO_KEY); /* IBE: both edges */
	mmio_write32(GPIO(0x410), GPIO_KEY); /* IE */
}

bool power_key_pressed(void)
{
	bool pressed = mmio_read32(GPIO(0x414)) & GPIO_KEY; /* RIS */

	if (pressed) {
		mmio_write32(GPIO(0x41c), GPIO_KEY); /* IC */
	}
	return pressed;
}

void guest_main(const u8 *fdt)
{
	const char *mode;

	fdt_scan(fdt);
	mode = option("mode");
	if (!mode) {
		mode = "hello";
	}
	print("guest: mode %s, %u vCPUs, %lu MiB\n", mode, cpu_count,
	      ram_size >> 20);
	for (const struct mode *m = __modes_start; m < __modes_end; m++) {
		if (str_equal(m->name, mode)) {
			void (*run)(void) =
				(void (*)(void))((u64)&m->run + (u64)m->run);

			run();
			print("DONE %s: %u passed, %u failed\n", m->name,
			      reports_passed, reports_failed);
			/* Stay, so that the console can be read. */
			for (;;) {
				wfi();
			}
		}
	}
	report(false, "no mode '%s'", mode);
	guest_off();
}
