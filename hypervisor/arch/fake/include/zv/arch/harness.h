/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fake architecture as tests see it: a machine with a few pCPUs and some
 * RAM inside one ordinary program, one thread.  The program says which pCPU it
 * plays (fake_cpu_set), what the guests do (fake_guest) and what time it is,
 * and then looks at what the core asked of the hardware.
 *
 * The fake spinlock panics where a real one would hang: taking a lock twice is
 * a bug even in a program of one thread.
 */
#ifndef ZV_ARCH_HARNESS_H
#define ZV_ARCH_HARNESS_H

#include <setjmp.h>
#include <zv/mm.h>
#include <zv/types.h>
#include <zv/vcpu.h>
#include <zv/zone.h>

#define FAKE_RAM_BASE 0x40000000ull

struct fake_config {
	u64 ram_size; /* 0: 32 MiB; a multiple of 2 MiB */
	u32 cpu_count; /* 0: 4 */
	u64 zone0_size; /* RAM of zone0, at the start; 0: 2 MiB */
	u32 zone0_vcpus; /* 0: 2 */
	bool no_zone0; /* memory and pCPUs only */
};

/* A fresh machine; whatever an earlier one left is forgotten. */
void fake_machine_init(const struct fake_config *config);
void fake_machine_fini(void);

/* zone0's side: takes the host page's bits of zones with work. */
u64 fake_host_take(void);

void fake_cpu_set(u32 cpu);
void fake_time_set(u64 ns);
void fake_time_advance(u64 ns);

/* What a guest does when it is entered. NULL: every entry ends by WFI. */
extern void (*fake_guest)(struct vcpu *v, struct vcpu_exit *ret_exit);
/* Called at each lock and unlock; a test may act as another pCPU there. */
extern void (*fake_lock_hook)(const struct spinlock *l, bool taken);
/* Called where the core waits for another pCPU. */
extern void (*fake_relax_hook)(void);

/* Runs the pCPU's main loop until nothing runs, at most `turns` turns. */
u32 fake_run_cpu(u32 cpu, u32 turns);
/* The same for all pCPUs in turn until all are idle. */
void fake_run_all(u32 turns);

/* What the core asked for. */
struct fake_record {
	u32 flush_ipa;
	u32 flush_vmid;
	u32 flush_stage1;
	u32 cleans;
	u64 cleaned_bytes;
	u32 ipis[ZV_PCPUS_MAX];
	u32 pulses; /* to zone0 */
	u32 locks_held;
	u32 break_violations; /* a live entry replaced by another live one */
	u32 unflushed; /* entries taken away since the TLB was flushed */
};
extern struct fake_record fake_record;

/*
 * Checks everything that must hold between two calls into the core and panics
 * with the reason: frame table, pool, stage-2 tables, counts, bitmaps.
 */
void fake_check_invariants(void);

/* panic() and arch_reset() come back to the test that expects them. */
extern jmp_buf fake_panic_jump;
extern bool fake_panic_expected;
extern char fake_panic_text[256];
extern int fake_reset_kind; /* enum arch_reset, -1: none asked for */
#define FAKE_EXPECT_PANIC(stmt)                     \
	({                                          \
		volatile bool panicked_ = true;     \
		fake_panic_expected = true;         \
		if (setjmp(fake_panic_jump) == 0) { \
			stmt;                       \
			panicked_ = false;          \
		}                                   \
		fake_panic_expected = false;        \
		panicked_;                          \
	})

#endif /* ZV_ARCH_HARNESS_H */
