/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hypercall numbers and argument blocks.
 *
 * aarch64: HVC #0, SMCCC 1.1 fast call, 64-bit convention, vendor-specific
 * hypervisor range (Arm DEN0028, owner 6): w0 = ZV_HC_BASE | number, arguments
 * in x1..x5, results in x0..x3.  x0 is 0 (or a count where stated) or a
 * negative errno with Linux's numbers.  Unknown numbers return -ENOSYS.
 *
 * A buffer argument is a guest-physical address and a length; it must be
 * 8-byte aligned, lie inside one 4 KiB page of RAM that the caller owns, and is
 * copied once before any field is looked at.  Structures may be shorter or
 * longer than the hypervisor's: the common prefix is used, a longer input must
 * be zero beyond it (-E2BIG), a longer output is zero-filled.
 *
 * Callers: "any" = every zone, "zone0" = the root zone at EL1 only (-EPERM).
 * A call on zone 0 itself where that makes no sense returns -EINVAL.  A call
 * on a zone that does not exist returns -ESRCH.
 */
#ifndef ZV_PUBLIC_HYPERCALL_H
#define ZV_PUBLIC_HYPERCALL_H

#include "abi.h"
#include "trace_record.h"

#define ZV_HC_BASE 0xc6000000u
#define ZV_HC_UID_CALL 0x8600ff01u /* SMCCC UID query */
#define ZV_HC_REVISION_CALL 0x8600ff03u

/* UID 5c3b5a4e-6e5f-4b1c-9a52-7a6f6e657669, as the SMCCC returns it. */
#define ZV_UID_0 0x4e5a3b5cu
#define ZV_UID_1 0x1c4b5f6eu
#define ZV_UID_2 0x6f7a529au
#define ZV_UID_3 0x6976656eu

/* ------------------------------------------------------ any caller */
/* () -> x1 = ZV_ABI_VERSION, x2 = feature bits */
#define ZV_HC_VERSION 0x00u

/* ----------------------------------------------------- zone0: host */
/* (buf, len) -> struct zv_info */
#define ZV_HC_INFO 0x01u
/*
 * (buf, len, pos) -> x0 = bytes copied, x1 = position after them, x2 = position
 * of the first byte copied (later than pos if the ring has moved on).
 * Positions count bytes ever logged.
 */
#define ZV_HC_LOG_READ 0x02u
/* (zone, buf, len) -> struct zv_counters */
#define ZV_HC_COUNTERS 0x03u
/* (zone) -> x1 = smallest existing zone id >= zone; -ESRCH if none */
#define ZV_HC_ZONE_NEXT 0x04u
/*
 * (classes) switches the classes of these bits on and all others off.  There
 * are rings while a class is on: -ENOMEM.
 */
#define ZV_HC_TRACE_SET 0x05u
/*
 * (pcpu, buf, len, pos) -> x0 = struct zv_trace_record copied, x1 = position
 * after them, x2 = position of the first one: later than pos if records in
 * between were overwritten.  A position of the future counts as the end.
 */
#define ZV_HC_TRACE_READ 0x06u

/* ----------------------------------------------- zone0: life cycle */
/* (buf, len) struct zv_zone_create -> x1 = zone id */
#define ZV_HC_ZONE_CREATE 0x10u
/*
 * (zone) -> 0 gone; -EAGAIN more to do, call again; -EBUSY pages still mapped
 * by zone0 (revoke first).  The first call makes the zone DYING for good.
 */
#define ZV_HC_ZONE_DESTROY 0x11u
/* (zone) CREATED, OFF or RESETTING -> RUNNING; vCPUs with ZV_VCPU_ON enter */
#define ZV_HC_ZONE_START 0x12u
/* (zone) -> 0 no vCPU is on a pCPU; -EAGAIN requested, not there yet */
#define ZV_HC_ZONE_PAUSE 0x13u
#define ZV_HC_ZONE_RESUME 0x14u
/* (zone) any live state -> OFF; -EAGAIN as for PAUSE */
#define ZV_HC_ZONE_STOP 0x15u
/* (zone) any live state -> RESETTING; -EAGAIN as for PAUSE */
#define ZV_HC_ZONE_RESET 0x16u
/* (zone, buf, len) -> struct zv_zone_info */
#define ZV_HC_ZONE_INFO 0x17u

/* --------------------------------------------------- zone0: memory */
/*
 * (zone, gpa, size) -> x1 = bytes done, at least one chunk, at most a bounded
 * number; repeat for the rest.  gpa and size are multiples of ZV_CHUNK_SIZE.
 * Memory is zeroed.  -EEXIST if something is there, -ENOMEM if the pool cannot
 * give a chunk.  CREATED only.
 */
#define ZV_HC_MEM_POPULATE 0x20u
/*
 * (zone, gpa) -> x1 = PA: maps the chunk that holds gpa into zone0 at IPA = PA,
 * read-write, not executable.  -EEXIST (with x1) if it is mapped already.
 */
#define ZV_HC_MEM_GRANT 0x21u
/* (zone, gpa): takes the chunk out of zone0's stage-2 again */
#define ZV_HC_MEM_REVOKE 0x22u
/* (zone, gpa) -> x1, x2 = start and size of the first RAM extent at or above */
#define ZV_HC_MEM_NEXT 0x23u

/* ----------------------------------------------------- zone0: vCPU */
/* (zone, vcpu, buf, len) struct zv_vcpu_state; CREATED, OFF, RESETTING */
#define ZV_HC_VCPU_SET 0x30u
/* (zone, vcpu, buf, len) -> struct zv_vcpu_state; not while it runs (-EBUSY) */
#define ZV_HC_VCPU_GET 0x31u

/* (zone, vcpu, pcpu): it goes there, in any state, also while it runs */
#define ZV_HC_VCPU_PIN 0x32u
/*
 * (zone, count) -> x1 = the limit: vCPUs from there on cannot be powered on by
 * the guest.  At first all can.  count 0 only asks.
 */
#define ZV_HC_VCPU_LIMIT 0x33u

/* ------------------------------------------------------ zone0: I/O */
/* (zone, gpa, flags) -> x1 = shadow index; CREATED only */
#define ZV_HC_SHADOW_CREATE 0x40u
#define ZV_SHADOW_TRAP_READS (1u << 0) /* reads trap too (UART-like) */
/* (zone, buf, len) struct zv_shadow_actions */
#define ZV_HC_SHADOW_ACTIONS 0x41u
/* (zone, buf, len) struct zv_shadow_update */
#define ZV_HC_SHADOW_UPDATE 0x42u
/* (zone, buf, len) struct zv_io_complete; -ESTALE if seq does not match */
#define ZV_HC_IO_COMPLETE 0x43u
/*
 * (zone, intid | op << 32, shadow address, mask): never waits, any context.
 * op PULSE with mask != 0: ORs mask into the shadow word and raises an edge
 * unless all of it was set before; with mask == 0: raises an edge always.
 * RAISE/LOWER: sets the level of a level-triggered line; a mask is ORed into
 * (RAISE) or cleared from (LOWER) the shadow word first.
 */
#define ZV_HC_IRQ_INJECT 0x44u
#define ZV_IRQ_PULSE 0u
#define ZV_IRQ_RAISE 1u
#define ZV_IRQ_LOWER 2u
/* (zone) wakes vCPUs that wait for room in the posted ring */
#define ZV_HC_IO_RING_KICK 0x45u

#define ZV_HC_COUNT 0x48u /* numbers at or above do not exist */

/* A shadow address: index of the page << 12 | byte offset. */
#define ZV_SHADOW_ADDR(index, off) (((uint32_t)(index) << 12) | (uint32_t)(off))

/* What a guest write to a shadow word does. */
#define ZV_WR_IGNORE 0u
#define ZV_WR_FORWARD 1u /* vCPU sleeps until IO_COMPLETE */
#define ZV_WR_DOORBELL 2u /* sets doorbell base + value if value < count */
#define ZV_WR_W1C 3u /* clears the written bits in the word at `word` */
#define ZV_WR_POSTED 4u /* value goes into the posted ring; vCPU goes on */
/* What a guest read does on a page made with ZV_SHADOW_TRAP_READS. */
#define ZV_RD_SHADOW 0u
#define ZV_RD_FORWARD 1u

struct zv_shadow_action {
	uint32_t addr; /* shadow address of a 32-bit word */
	uint8_t write; /* ZV_WR_* */
	uint8_t read; /* ZV_RD_* */
	uint16_t count; /* DOORBELL: number of values */
	uint16_t base; /* DOORBELL: first bit */
	uint16_t word; /* W1C: byte offset of the word in the same page */
	uint32_t reserved;
};

#define ZV_SHADOW_ACTIONS_MAX 128u
struct zv_shadow_actions {
	uint32_t count;
	uint32_t reserved;
	struct zv_shadow_action action[ZV_SHADOW_ACTIONS_MAX];
};

struct zv_shadow_word {
	uint32_t addr;
	uint32_t value;
};

#define ZV_SHADOW_WORDS_MAX 256u
/* The page is hidden while it changes: a reader faults and waits. */
#define ZV_UPDATE_ATOMIC (1u << 0)
struct zv_shadow_update {
	uint32_t count;
	uint32_t flags;
	struct zv_shadow_word word[ZV_SHADOW_WORDS_MAX];
};

/* The access gets an external abort instead of completing. */
#define ZV_COMPLETE_ABORT (1u << 0)
/* Hide the page of the words while they change, as ZV_UPDATE_ATOMIC. */
#define ZV_COMPLETE_ATOMIC (1u << 1)
struct zv_io_complete {
	uint32_t vcpu;
	uint32_t seq; /* of the slot answered */
	uint64_t value; /* reads: what the guest gets */
	uint32_t flags;
	uint32_t count; /* words applied before the vCPU resumes */
	struct zv_shadow_word word[ZV_SHADOW_WORDS_MAX];
};

#ifndef __KERNEL__
_Static_assert(sizeof(struct zv_shadow_action) == 16, "zv_shadow_action");
_Static_assert(sizeof(struct zv_shadow_actions) == 2056, "zv_shadow_actions");
_Static_assert(sizeof(struct zv_shadow_update) == 2056, "zv_shadow_update");
_Static_assert(sizeof(struct zv_io_complete) == 2072, "zv_io_complete");
#endif

#endif /* ZV_PUBLIC_HYPERCALL_H */
