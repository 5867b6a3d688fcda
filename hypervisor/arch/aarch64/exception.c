/* SPDX-License-Identifier: BSD-2-Clause */
#include <zv/arch/cpu.h>
#include <zv/el2.h>
#include <zv/log.h>
#include <zv/panic.h>
#include <zv/percpu.h>
#include <zv/sysreg.h>

#define FRAMES_MAX 24

__attribute__((noreturn)) void el2_fault(const struct el2_regs *r, u64 kind);

/* A frame record: DDI 0487 leaves it to the procedure call standard. */
struct frame_record {
	u64 fp;
	u64 lr;
};

void backtrace_from(u64 fp, void (*fn)(u64 pc, void *arg), void *arg)
{
	const struct arch_percpu *a = &this_cpu()->arch;

	for (u32 i = 0; i < FRAMES_MAX; i++) {
		const struct frame_record *f = (const void *)(uintptr_t)fp;

		if (fp < a->stack_base || fp > a->stack_top - sizeof(*f) ||
		    !IS_ALIGNED(fp, 8ull) || f->lr == 0) {
			return;
		}
		fn(f->lr, arg);
		if (f->fp <= fp) {
			return;
		}
		fp = f->fp;
	}
}

void arch_backtrace(void (*fn)(u64 pc, void *arg), void *arg)
{
	backtrace_from((u64)(uintptr_t)__builtin_frame_address(0), fn, arg);
}

static void log_regs(const struct el2_regs *r)
{
	log_error("pc %016lx sp %016lx pstate %lx", r->elr, r->sp, r->spsr);
	log_error("esr %lx far %016lx", r->esr, r->far);
	for (u32 i = 0; i < 30; i += 3) {
		log_error("x%02u %016lx %016lx %016lx", i, r->x[i], r->x[i + 1],
			  r->x[i + 2]);
	}
	log_error("x30 %016lx", r->x[30]);
}

void el2_fault(const struct el2_regs *r, u64 kind)
{
	static const char name[][16] = { "exception", "system error",
					 "stray exception" };

	panic_begin();
	log_error("panic: %s at EL2, class %02lx", name[kind],
		  r->esr >> ESR_EC_SHIFT & ESR_EC_MASK);
	log_regs(r);
	backtrace_from(r->x[29], panic_frame, NULL);
	panic_end();
}
