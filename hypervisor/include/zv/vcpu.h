/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vCPUs.
 *
 * Run state, under the lock of the run queue of its pCPU (a vCPU is pinned; who
 * holds the lock of the queue that `pcpu` names has the right one):
 *   OFF       powered off; PSCI/SBI CPU_ON or ZONE_START brings it to READY
 *   READY     in the run queue
 *   RUNNING   current on its pCPU
 *   IDLE      in WFI (trapped); an interrupt makes it READY
 *   IO        its access waits for zone0, or for room in the posted ring
 * A vCPU whose zone is not ZV_ZONE_RUNNING is never picked, whatever its state:
 * `held` is then true and it is kept out of the queue; likewise one that is on
 * its way to another pCPU (`move_to`).
 *
 * The pCPU's main loop (sched.c) is the only place that loads, runs and puts
 * vCPUs; everybody else asks by vcpu_kick() and friends.
 */
#ifndef ZV_VCPU_H
#define ZV_VCPU_H

#include <zv/abi_all.h>
#include <zv/arch/vcpu_state.h>
#include <zv/list.h>
#include <zv/types.h>

struct zone;

enum vcpu_run {
	VCPU_OFF,
	VCPU_READY,
	VCPU_RUNNING,
	VCPU_IDLE,
	VCPU_IO
};

struct mmio_access {
	u64 gpa;
	u64 value; /* writes: data, zero-extended; reads: result */
	u8 size; /* 1, 2, 4, 8 */
	bool write;
};

/* What a vCPU in VCPU_IO waits for; under zone.io.lock. */
enum vcpu_io_wait {
	VCPU_IO_NONE,
	VCPU_IO_ANSWER,
	VCPU_IO_RING
};
/* How its access ended; applied by its own pCPU before it runs again. */
enum vcpu_io_result {
	VCPU_IO_PENDING,
	VCPU_IO_DONE,
	VCPU_IO_ABORT,
	VCPU_IO_RETRY
};

enum vcpu_exit_kind {
	VCPU_EXIT_NONE, /* finished by the architecture; run again */
	VCPU_EXIT_IRQ, /* a physical interrupt waits at the controller */
	VCPU_EXIT_IDLE, /* WFI; the PC is already past it */
	VCPU_EXIT_MMIO, /* mmio: answer by arch_vcpu_mmio_done/_abort */
	VCPU_EXIT_HYPERCALL, /* hypercall: answer by arch_vcpu_hypercall_done */
	VCPU_EXIT_YIELD, /* PSCI off/on/reset etc. done: reschedule */
};

struct vcpu_exit {
	enum vcpu_exit_kind kind;
	struct mmio_access mmio;
	struct {
		u32 nr;
		u64 arg[5];
	} hypercall;
};

struct vcpu {
	struct zone *zone;
	u32 index; /* in the zone */
	u32 pcpu; /* changed by sched.c, under the old one's queue lock */
	u32 place; /* where it was told to be; under the zone table's lock */
	u32 move_to; /* ZV_PCPU_ANY: stays */
	enum vcpu_run run;
	bool held; /* zone not running */
	bool boost; /* woken: goes first among its priority */
	bool penalty; /* used a whole slice: behind all others for one round */
	bool trap_wfi; /* shares its pCPU; read by arch at entry */
	bool kicked; /* atomic: look at pending work before entering */
	bool boot_on; /* ZV_VCPU_ON was set by VCPU_SET */
	struct list run_node;
	struct list move_node;
	u64 ready_since;
	u64 run_since;
	u64 guest_ns; /* before run_since; sched_times() has it all */
	u64 steal_ns; /* before ready_since */
	struct mmio_access io_access; /* VCPU_IO: what waits; our copy */
	u32 io_addr; /* shadow address */
	u32 io_seq;
	enum vcpu_io_wait io_wait;
	enum vcpu_io_result io_result;
	struct arch_vcpu arch;
};

/* Power, as PSCI / SBI HSM see it.  Any pCPU, any context at EL2. */
/* 0; -EPERM beyond the zone's limit; -EEXIST already on; -EAGAIN not yet off its pCPU; -EINVAL no such. */
int vcpu_power_on(struct vcpu *v, u64 entry, u64 arg);
/* From the vCPU's own exit. The last one turns the zone OFF (ALL_OFF). */
void vcpu_power_off_self(struct vcpu *v);
bool vcpu_is_on(const struct vcpu *v);

/* New virtual interrupt or work: wakes from IDLE, or makes it exit. */
void vcpu_kick(struct vcpu *v);
/* Ends VCPU_IO with v->io_result; zone.io.lock is held. */
void vcpu_io_wake(struct vcpu *v);
/* On its pCPU, before it runs: answers the access that made it sleep. */
void vcpu_io_finish(struct vcpu *v);

#endif /* ZV_VCPU_H */
