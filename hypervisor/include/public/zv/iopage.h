/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages shared between the hypervisor and zone0.  Both live in hypervisor
 * memory and are mapped into zone0 at IPA = PA, read-write.
 *
 * The I/O page, one per zone, carries what the zone asks of zone0: one access
 * slot per vCPU (a vCPU has at most one access in flight, so nothing can fill
 * up), a bitmap of doorbells, a ring of posted writes and the zone's state.
 * The hypervisor keeps its own copy of everything it relies on; zone0 can spoil
 * only what it is told about that zone.
 *
 * Raising: the hypervisor writes the detail (slot, doorbell bit, ring entry),
 * then ORs a bit into `pending`; if that bit was clear it ORs the zone's bit
 * into the host page's `zones`; if that was clear too it raises zone0's event
 * interrupt.  Zone0 takes `zones` with an exchange, then each `pending` with an
 * exchange, then the detail: nothing is lost and one interrupt serves many
 * events.  All accesses are atomic with acquire (taking) and release (raising).
 */
#ifndef ZV_PUBLIC_IOPAGE_H
#define ZV_PUBLIC_IOPAGE_H

#include "abi.h"

#define ZV_HOST_MAGIC 0x305f565au /* "ZV_0" */

struct zv_host_page {
	uint32_t magic;
	uint32_t abi;
	uint64_t features;
	uint64_t zones[ZV_ZONES_MAX / 64]; /* zones with work, by id */
	uint64_t reserved[506];
};

/* Bits of zv_io_page.pending. */
#define ZV_PENDING_ACCESS (1ull << 0)
#define ZV_PENDING_DOORBELL (1ull << 1)
#define ZV_PENDING_POSTED (1ull << 2)
#define ZV_PENDING_STATE (1ull << 3)

#define ZV_SLOT_FREE 0u
#define ZV_SLOT_WAITING 1u /* the vCPU sleeps until IO_COMPLETE */

struct zv_io_slot {
	uint64_t gpa;
	uint64_t value; /* writes: what the guest wrote */
	uint32_t addr; /* shadow address; byte granular */
	uint32_t seq; /* grows with each access of this vCPU */
	uint8_t size; /* 1, 2, 4 or 8 bytes */
	uint8_t write;
	uint8_t state; /* ZV_SLOT_*; written last, with release */
	uint8_t reserved[5];
};

struct zv_posted {
	uint32_t addr; /* shadow address */
	uint32_t value;
};

#define ZV_POSTED_COUNT 256u /* entries; a power of two */

struct zv_io_page {
	uint32_t abi;
	uint32_t zone;
	uint64_t pending;
	uint32_t state; /* ZV_ZONE_* */
	uint32_t state_seq;
	uint32_t posted_head; /* hypervisor: entries ever written */
	uint32_t posted_tail; /* zone0: entries ever taken */
	uint64_t slots_waiting; /* bit per vCPU: hint, slot.state decides */
	uint64_t posted_wait; /* bit per vCPU: sleeps for room; IO_RING_KICK */
	uint64_t reserved0[2];
	uint64_t doorbell[ZV_DOORBELLS_MAX / 64];
	uint64_t reserved1[8];
	struct zv_io_slot slot[ZV_VCPUS_MAX];
	uint64_t reserved2[96];
	struct zv_posted posted[ZV_POSTED_COUNT];
};

#ifndef __KERNEL__
_Static_assert(sizeof(struct zv_host_page) == ZV_PAGE_SIZE, "zv_host_page");
_Static_assert(sizeof(struct zv_io_slot) == 32, "zv_io_slot");
_Static_assert(sizeof(struct zv_io_page) <= ZV_PAGE_SIZE, "zv_io_page");
#endif

#endif /* ZV_PUBLIC_IOPAGE_H */
