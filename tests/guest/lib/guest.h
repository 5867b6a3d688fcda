/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runtime of the bare-metal test guests.
 *
 * A guest is one image with several modes; the word `mode=` of its kernel
 * command line chooses one.  It talks on the PL011: free text, and lines a test
 * reads:
 *   PASS: text / FAIL: text     one report()
 *   DONE mode: N passed, N failed
 * The MMU is off: all memory is Device or Non-cacheable, accesses aligned.
 */
#ifndef ZV_TESTS_GUEST_H
#define ZV_TESTS_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <zv/hypercall.h>
#include <zv/platform_aarch64.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int64_t s64;

#define GUEST_CPUS_MAX 8

/*
 * The image is not relocated, so the table holds distances from itself rather
 * than pointers.
 */
struct mode {
	char name[24];
	s64 run; /* address of the function minus that of this field */
};
#define MODE(id)                                           \
	__attribute__((used)) static void mode_##id(void); \
	__asm__(".pushsection .modes, \"a\"\n"             \
		"1: .asciz \"" #id "\"\n"                  \
		" .org 1b + 24\n"                          \
		" .quad mode_" #id " - .\n"                \
		".popsection\n");                          \
	static void mode_##id(void)

#define read_sysreg(r)                                      \
	({                                                  \
		u64 v_;                                     \
		__asm__ volatile("mrs %0, " #r : "=r"(v_)); \
		v_;                                         \
	})
#define write_sysreg(r, v) \
	__asm__ volatile("msr " #r ", %0" ::"r"((u64)(v)) : "memory")

static inline void isb(void)
{
	__asm__ volatile("isb" ::: "memory");
}

static inline void dsb(void)
{
	__asm__ volatile("dsb sy" ::: "memory");
}

static inline void wfi(void)
{
	__asm__ volatile("dsb sy; wfi" ::: "memory");
}

static inline u32 mmio_read32(u64 a)
{
	u32 v;

	__asm__ volatile("ldr %w0, [%1]" : "=r"(v) : "r"(a) : "memory");
	return v;
}

static inline void mmio_write32(u64 a, u32 v)
{
	__asm__ volatile("str %w0, [%1]" ::"r"(v), "r"(a) : "memory");
}

static inline void irqs_on(void)
{
	__asm__ volatile("msr daifclr, #2" ::: "memory");
}

static inline void irqs_off(void)
{
	__asm__ volatile("msr daifset, #2" ::: "memory");
}

/* Console. %s %d %u %x (64-bit arguments: cast), %lx. */
void puts_raw(const char *s);
__attribute__((format(printf, 1, 2))) void print(const char *fmt, ...);
__attribute__((format(printf, 2, 3))) void report(bool ok, const char *fmt,
						  ...);
extern u32 reports_failed;

/* Device tree facts. */
extern u64 ram_size;
extern u32 cpu_count;
/* The value of `key=` in the command line, or NULL; valid until the next. */
const char *option(const char *key);
u64 option_number(const char *key, u64 otherwise);
bool str_equal(const char *a, const char *b);

/* SMCCC / PSCI. */
u64 smccc(bool smc, u64 args[8]);
u64 hvc(u64 fn, u64 a, u64 b, u64 c);
u64 smc(u64 fn, u64 a, u64 b, u64 c);
s64 hypercall(u32 nr, u64 a, u64 b, u64 c, u64 d);
__attribute__((noreturn)) void guest_off(void);
__attribute__((noreturn)) void guest_reset(void);
#define PSCI_CPU_OFF 0x84000002u
#define PSCI_CPU_ON 0xc4000003u
#define PSCI_SYSTEM_OFF 0x84000008u
#define PSCI_SYSTEM_RESET 0x84000009u

/* Starts vCPU `cpu` in fn; 0 or the PSCI error. */
s64 cpu_start(u32 cpu, void (*fn)(u32 cpu));
u64 cpu_mpidr(u32 cpu);

/*
 * Exceptions.  `expect_fault` makes the next synchronous exception skip its
 * instruction and be recorded; any other one ends the guest with a FAIL.
 */
struct fault {
	u64 esr;
	u64 elr;
	u64 far;
	u32 count;
};
extern volatile struct fault last_fault;
extern volatile bool expect_fault;
#define FAULT_EC(esr) (((esr) >> 26) & 0x3f)
#define EC_UNKNOWN 0x00u
#define EC_IABT 0x21u
#define EC_DABT 0x25u

/* Interrupts: GICv3. */
typedef void (*irq_fn)(u32 intid);
void gic_init_cpu(u32 cpu); /* 0 also sets up the distributor */
void gic_enable(u32 intid, u8 priority);
void gic_disable(u32 intid);
void gic_pend(u32 intid);
void gic_route(u32 intid, u32 cpu);
void gic_config_edge(u32 intid, bool edge);
void gic_sgi(u32 cpu, u32 intid);
void irq_handler_set(irq_fn fn); /* called before end of interrupt */
extern volatile u32 irq_count[GUEST_CPUS_MAX];
extern volatile u32 irq_last[GUEST_CPUS_MAX];
u32 this_cpu(void);

/* FP registers v0..v31 from a seed; how many halves differ from it. */
void fp_fill(u64 seed);
u64 fp_check(u64 seed);

u64 now(void); /* CNTVCT_EL0 */
u64 ticks_from_us(u64 us);
/* True as soon as *p reaches at least v; false after us microseconds. */
bool wait_for(volatile u32 *p, u32 v, u64 us);

/* The power key of the PL061; true once it was pressed. */
void power_key_init(void);
bool power_key_pressed(void);

#endif /* ZV_TESTS_GUEST_H */
