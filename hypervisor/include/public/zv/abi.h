/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Zonevisor ABI: version, limits, states and the structures that hypercalls
 * exchange.  Shared by the hypervisor, the zone0 module and the toolstack.
 *
 * Rules: fixed-width types only, no pointers, explicit padding, sizes checked
 * below.  Structures grow at the end only; a caller passes the size it knows
 * and the hypervisor copies the smaller of the two sizes.  Reserved fields and
 * unknown flag bits must be zero and are rejected otherwise.
 */
#ifndef ZV_PUBLIC_ABI_H
#define ZV_PUBLIC_ABI_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdint.h>
#endif

#define ZV_ABI_MAJOR 1u
#define ZV_ABI_MINOR 0u
#define ZV_ABI_VERSION ((ZV_ABI_MAJOR << 16) | ZV_ABI_MINOR)

/* Feature bits returned by ZV_HC_VERSION. */
#define ZV_FEATURE_SHADOW (1ull << 0) /* shadow pages, doorbells, posted */
#define ZV_FEATURE_RESET (1ull << 1) /* zone reset handshake */
#define ZV_FEATURE_TRACE (1ull << 2) /* ZV_HC_TRACE_* */

#define ZV_PAGE_SIZE 4096u
#define ZV_CHUNK_SIZE 0x200000ull /* granule of zone memory: 2 MiB */

#define ZV_ZONES_MAX 256u /* ids 0..255; 0 is zone0 */
#define ZV_ZONE0 0u
#define ZV_VCPUS_MAX 32u /* per zone */
#define ZV_DOORBELLS_MAX 1024u /* per zone */
#define ZV_SHADOWS_MAX 16u /* shadow pages per zone */
#define ZV_NAME_MAX 64u /* bytes, NUL included */
#define ZV_PCPUS_MAX 64u

#define ZV_PCPU_ANY 0xffffffffu

/* Zone states.  The transitions are listed in hypervisor/include/zv/zone.h. */
#define ZV_ZONE_CREATED 0u /* has no running vCPU yet; memory is filled */
#define ZV_ZONE_RUNNING 1u
#define ZV_ZONE_PAUSED 2u
#define ZV_ZONE_OFF 3u /* guest powered off, or stopped by zone0 */
#define ZV_ZONE_RESETTING 4u /* guest asked for a reset; zone0 must reload */
#define ZV_ZONE_CRASHED 5u
#define ZV_ZONE_DYING 6u /* being destroyed */

/* Why a zone is OFF or CRASHED. */
#define ZV_REASON_NONE 0u
#define ZV_REASON_GUEST_OFF 1u /* PSCI SYSTEM_OFF */
#define ZV_REASON_STOPPED 2u /* ZV_HC_ZONE_STOP */
#define ZV_REASON_GUEST_RESET 3u /* PSCI SYSTEM_RESET / SYSTEM_RESET2 */
#define ZV_REASON_FORCED_RESET 4u /* ZV_HC_ZONE_RESET */
#define ZV_REASON_ALL_OFF 5u /* the last vCPU called CPU_OFF */
#define ZV_REASON_BAD_ENTRY 16u /* first fetch of a vCPU faulted */
#define ZV_REASON_BAD_TRAP 17u /* an exception nobody can answer */
#define ZV_REASON_ABORT_LOOP 18u /* aborts inside the abort handler */
#define ZV_REASON_INTERNAL 19u /* the hypervisor ran out of a resource */

/* Why a vCPU left its guest: index of zv_counters.exits. */
#define ZV_EXIT_IRQ 0u
#define ZV_EXIT_IDLE 1u /* WFI / WFE */
#define ZV_EXIT_HVC 2u
#define ZV_EXIT_SMC 3u
#define ZV_EXIT_SYSREG 4u
#define ZV_EXIT_MMIO_VIC 5u /* virtual interrupt controller */
#define ZV_EXIT_MMIO_DOORBELL 6u
#define ZV_EXIT_MMIO_POSTED 7u
#define ZV_EXIT_MMIO_W1C 8u
#define ZV_EXIT_MMIO_SHADOW 9u /* read of a read-trapping shadow page */
#define ZV_EXIT_MMIO_FORWARD 10u /* sent to zone0 */
#define ZV_EXIT_MMIO_NONE 11u /* no device there: abort injected */
#define ZV_EXIT_FAULT 12u /* other exception answered by injection */
#define ZV_EXIT_TIMER 13u /* guest physical timer access */
#define ZV_EXIT_COUNT 16u

struct zv_info {
	uint32_t abi; /* ZV_ABI_VERSION */
	uint32_t pcpu_count;
	uint64_t features;
	uint64_t pages_ram; /* all RAM the hypervisor knows, in 4 KiB pages */
	uint64_t pages_hv; /* held by the hypervisor itself */
	uint64_t pages_zone0;
	uint64_t pages_zones; /* RAM of all other zones */
	uint64_t pages_free; /* pool */
	uint64_t chunks_free; /* free naturally aligned 2 MiB chunks */
	uint64_t uptime_ns;
	uint32_t zone_count; /* zones that exist, zone0 included */
	uint32_t zone0_event_spi; /* INTID of event interrupt 0 */
	uint32_t zone0_event_count; /* one per zone0 vCPU */
	uint32_t reserved;
	char version[32];
};

struct zv_zone_create {
	char name[ZV_NAME_MAX]; /* for logs; not empty, NUL-terminated */
	uint8_t uuid[16]; /* kept for the toolstack, not interpreted */
	uint32_t flags; /* must be 0 */
	uint32_t vcpu_count; /* 1..ZV_VCPUS_MAX */
	uint32_t event_index; /* which zone0 event interrupt, 0.. */
	uint8_t priority; /* 0 lowest .. 31; zone0 has 16; default 8 */
	uint8_t reserved0[3];
	uint32_t slice_us; /* time slice, 0 = default */
	uint32_t reserved1;
	uint32_t pcpu[ZV_VCPUS_MAX]; /* per vCPU: pCPU index or ZV_PCPU_ANY */
};

struct zv_zone_info {
	uint32_t id;
	uint32_t state; /* ZV_ZONE_* */
	uint32_t reason; /* ZV_REASON_* */
	uint32_t vcpu_count;
	uint32_t vcpus_on; /* mask: powered on */
	uint32_t vcpus_loaded; /* mask: on a pCPU at this moment */
	uint32_t fault_vcpu; /* CRASHED: which vCPU */
	uint32_t shadow_count;
	uint64_t fault_pc;
	uint64_t fault_addr; /* guest virtual address, if any */
	uint64_t fault_ipa;
	uint64_t fault_syndrome; /* ESR_EL2 */
	uint64_t pages; /* RAM, in 4 KiB pages */
	uint64_t pages_granted; /* of them mapped by zone0 */
	uint64_t pages_overhead; /* page tables, I/O page, shadow pages … */
	uint64_t map_1g; /* leaf entries of its stage-2 by size */
	uint64_t map_2m;
	uint64_t map_4k;
	uint64_t iopage; /* PA of the I/O page; 0 for zone0 */
	uint64_t cpu_time_ns; /* all vCPUs */
	uint64_t created_ns; /* hypervisor uptime when created */
	uint32_t state_seq; /* grows with each change of state */
	uint32_t event_index; /* as given to zv_zone_create */
	uint32_t pcpu[ZV_VCPUS_MAX];
	uint8_t uuid[16];
	char name[ZV_NAME_MAX];
};

struct zv_vcpu_times {
	uint64_t guest_ns; /* had its pCPU */
	uint64_t steal_ns; /* runnable but not running */
};

struct zv_counters {
	uint64_t exits[ZV_EXIT_COUNT];
	uint64_t injected; /* virtual interrupts made pending */
	uint64_t doorbells;
	uint64_t posted;
	uint64_t forwarded;
	uint64_t events_raised; /* zone0 event interrupts caused by the zone */
	uint64_t wakeups; /* blocked -> runnable */
	uint64_t switches; /* times loaded on a pCPU */
	uint64_t guest_ns; /* sums of vcpu[] below */
	uint64_t steal_ns;
	uint64_t hypercalls;
	uint64_t hypercalls_failed;
	uint64_t reserved[5];
	/* Not in the first version, which ends here (ZV_COUNTERS_SIZE_V0). */
	uint64_t vcpu_count;
	struct zv_vcpu_times vcpu[ZV_VCPUS_MAX];
};
#define ZV_COUNTERS_SIZE_V0 256u

/* Boot or crash state of a vCPU.  SET accepts pc, x[0..3] and flags only. */
struct zv_vcpu_state {
	uint64_t pc;
	uint64_t pstate;
	uint64_t x[31];
	uint64_t sp_el0;
	uint64_t sp_el1;
	uint64_t elr_el1;
	uint64_t esr_el1;
	uint64_t far_el1;
	uint64_t vbar_el1;
	uint64_t sctlr_el1;
	uint64_t ttbr0_el1;
	uint64_t ttbr1_el1;
	uint64_t tcr_el1;
	uint32_t flags; /* ZV_VCPU_ON */
	uint32_t reserved;
};
#define ZV_VCPU_ON (1u << 0) /* powered on (SET: at ZONE_START) */

#ifndef __KERNEL__
_Static_assert(sizeof(struct zv_info) == 120, "zv_info");
_Static_assert(sizeof(struct zv_zone_create) == 232, "zv_zone_create");
_Static_assert(sizeof(struct zv_zone_info) == 352, "zv_zone_info");
_Static_assert(sizeof(struct zv_counters) == 776, "zv_counters");
_Static_assert(sizeof(struct zv_vcpu_state) == 352, "zv_vcpu_state");
#endif

#endif /* ZV_PUBLIC_ABI_H */
